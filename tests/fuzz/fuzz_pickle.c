// libFuzzer target: any bytes as a pickle are read or refused, without a fault or a leak: as
// statistics of VecNormalize, and as the state dict of a PyTorch archive that is put around them.
#include "base/memory.h"
#include "fuzz_file.h"
#include "policies/numpy_pickle.h"
#include "policies/torch_file.h"

#include <string.h>

// ---- a zip archive of two stored members; checksums are not compared here

enum { STORAGE_SIZE = 256, INPUT_MAX = 1 << 16 };

typedef struct archive {
    uint8_t bytes[INPUT_MAX + 1024];
    size_t size;
} archive;

static void put(archive *a, uint64_t x, int n_bytes) {
    for (int i = 0; i < n_bytes; i++) {
        a->bytes[a->size++] = (uint8_t)(x >> 8 * i);
    }
}

static void put_zeros(archive *a, size_t n) {
    memset(a->bytes + a->size, 0, n);
    a->size += n;
}

static void put_bytes(archive *a, const void *bytes, size_t n) {
    memcpy(a->bytes + a->size, bytes, n);
    a->size += n;
}

static void wrap(archive *a, const uint8_t *pickle, size_t size) {
    static const uint8_t storage[STORAGE_SIZE];
    static const char *const names[2] = {"a/data.pkl", "a/data/0"};
    const void *const members[2] = {pickle, storage};
    const size_t sizes[2] = {size, STORAGE_SIZE};
    size_t local[2];
    a->size = 0;
    for (int i = 0; i < 2; i++) {
        local[i] = a->size;
        put(a, 0x04034b50, 4), put_zeros(a, 22), put(a, strlen(names[i]), 2), put(a, 0, 2);
        put_bytes(a, names[i], strlen(names[i]));
        put_bytes(a, members[i], sizes[i]);
    }
    const size_t directory = a->size;
    for (int i = 0; i < 2; i++) {
        put(a, 0x02014b50, 4), put_zeros(a, 16), put(a, sizes[i], 4), put(a, sizes[i], 4);
        put(a, strlen(names[i]), 2), put_zeros(a, 12), put(a, local[i], 4);
        put_bytes(a, names[i], strlen(names[i]));
    }
    const size_t end = a->size;
    put(a, 0x06054b50, 4), put_zeros(a, 4), put(a, 2, 2), put(a, 2, 2), put(a, end - directory, 4);
    put(a, directory, 4), put(a, 0, 2);
}

// ---- the two readers

static void read_as_statistics(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(data, size);
    static tz_normaliser normaliser;
    tz_error error = {0};
    if (tz_vecnormalize_read(&normaliser, path, &error) != TZ_OK && error.text[0] == '\0') {
        abort();
    }
}

static void read_as_state_dict(const uint8_t *data, size_t size) {
    static archive a;
    wrap(&a, data, size);
    tz_torch_file *file = NULL;
    tz_error error = {0};
    if (tz_torch_read(&file, a.bytes, a.size, "input", &error) != TZ_OK) {
        if (error.text[0] == '\0' || file != NULL) {
            abort();
        }
        return;
    }
    int n;
    volatile float sum = 0.0f;
    const tz_tensor *tensors = tz_torch_tensors(file, &n);
    for (int i = 0; i < n; i++) {
        size_t elements = 1;
        for (int d = 0; d < tensors[i].ndim; d++) {
            elements *= tensors[i].shape[d];
        }
        for (size_t k = 0; k < elements; k++) {
            sum += ((const float *)tensors[i].data)[k];
        }
    }
    (void)sum;
    tz_torch_destroy(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const size_t live = tz_alloc_live();
    if (size <= INPUT_MAX) {
        read_as_statistics(data, size);
        read_as_state_dict(data, size);
    }
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
