// libFuzzer target: any bytes as a policy file (safetensors, or an archive of Stable-Baselines3)
// are read or refused, without a fault or a leak. Checksums of archives are not compared here.
#include "base/memory.h"
#include "fuzz_file.h"
#include "policies/policy_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(data, size);
    const size_t live = tz_alloc_live();
    static tz_policy_file file;
    tz_error error = {0};
    if (tz_policy_file_read(&file, path, NULL, &error) == TZ_OK) {
        static float x[TZ_OBSERVATION_MAX];
        static const double source[TZ_OBSERVATION_MAX];
        tz_actor_observe(&file.actor, x, source);
    } else if (error.text[0] == '\0') {
        abort();
    }
    tz_policy_file_free(&file);
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
