// libFuzzer target: any bytes as a safetensors file are read or refused, without a fault or a leak,
// and what is read can be walked to its last byte.
#include "base/memory.h"
#include "base/safetensors.h"
#include "fuzz_file.h"

static const size_t element_size[] = {[TZ_DTYPE_F32] = 4,
                                      [TZ_DTYPE_F64] = 8,
                                      [TZ_DTYPE_I64] = 8,
                                      [TZ_DTYPE_U8] = 1,
                                      [TZ_DTYPE_BOOL] = 1};

static void walk(const tz_safetensors *file) {
    volatile unsigned char sum = 0;
    for (int i = 0; i < tz_safetensors_count(file); i++) {
        const tz_tensor *tensor = tz_safetensors_at(file, i);
        size_t bytes = element_size[tensor->dtype];
        for (int k = 0; k < tensor->ndim; k++) {
            bytes *= tensor->shape[k];
        }
        for (size_t k = 0; k < bytes; k++) {
            sum = (unsigned char)(sum + ((const unsigned char *)tensor->data)[k]);
        }
        if (tz_safetensors_find(file, tensor->name) == NULL) {
            abort();
        }
    }
    tz_safetensors_metadata(file, "kind");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(data, size);
    const size_t live = tz_alloc_live();
    tz_safetensors *file = NULL;
    tz_error error = {0};
    if (tz_safetensors_read(&file, path, &error) == TZ_OK) {
        walk(file);
        tz_safetensors_destroy(file);
    } else if (error.text[0] == '\0' || file != NULL) {
        abort();
    }
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
