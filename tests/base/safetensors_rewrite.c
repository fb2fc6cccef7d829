// Reads a safetensors file and writes its tensors and the metadata `keys` again:
//   safetensors_rewrite IN OUT [KEY...]
#include "base/memory.h"
#include "base/safetensors.h"

#include <stdio.h>

static tz_status rewrite(int argc, char **argv, tz_error *error) {
    tz_safetensors *file = NULL;
    TZ_CHECK(tz_safetensors_read(&file, argv[1], error));
    const int n = tz_safetensors_count(file), n_keys = argc - 3;
    tz_tensor *tensors = tz_alloc((size_t)n, sizeof *tensors);
    tz_metadata *metadata = tz_alloc((size_t)n_keys, sizeof *metadata);
    tz_status status = TZ_OK;
    if (tensors == NULL || metadata == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory", argv[1]);
    } else {
        for (int i = 0; i < n; i++) {
            tensors[i] = *tz_safetensors_at(file, i);
        }
        for (int i = 0; i < n_keys; i++) {
            const char *key = argv[3 + i];
            metadata[i] = (tz_metadata){key, tz_safetensors_metadata(file, key)};
        }
        status = tz_safetensors_write(argv[2], tensors, n, metadata, n_keys, error);
    }
    tz_free(metadata);
    tz_free(tensors);
    tz_safetensors_destroy(file);
    return status;
}

int main(int argc, char **argv) {
    tz_error error = {0};
    if (argc < 3 || rewrite(argc, argv, &error) != TZ_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    return 0;
}
