// libFuzzer target: any bytes as a policy file (safetensors, or an archive of Stable-Baselines3)
// are read or refused, without a fault or a leak. Checksums of archives are not compared here.
#include "base/memory.h"
#include "policies/policy_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        abort();
    }
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
