// libFuzzer target: any bytes as the metadata.json beside a whole HDF5 file are read or refused,
// without a fault or a leak.
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/trapeze-fuzz-XXXXXX";
static char metadata[TZ_PATH_MAX], h5[TZ_PATH_MAX];

static void remove_folder(void) {
    char data[TZ_PATH_MAX];
    remove(metadata);
    remove(h5);
    snprintf(data, sizeof data, "%s/data", folder);
    rmdir(data);
    rmdir(folder);
}

// A dataset's folder in memory; its HDF5 file is a seed of fuzz_dataset.
static void make_folder(void) {
    char *content;
    size_t size;
    char data[TZ_PATH_MAX];
    if (mkdtemp(folder) == NULL) {
        abort();
    }
    snprintf(data, sizeof data, "%s/data", folder);
    if (mkdir(data, 0700) != 0 || tz_path_join(h5, data, "main_data.hdf5", NULL) != TZ_OK ||
        tz_path_join(metadata, data, "metadata.json", NULL) != TZ_OK ||
        tz_file_read(SEED_FILE, &content, &size, 1 << 20, NULL) != TZ_OK ||
        tz_file_write(h5, content, size, NULL) != TZ_OK) {
        abort();
    }
    tz_free(content);
    atexit(remove_folder);
}

// HDF5 keeps memory between files, so that libFuzzer would look for leaks after each input; ours
// are counted below. What it cannot have is an answer to HDF5, too.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0:allocator_may_return_null=1";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (h5[0] == '\0') {
        make_folder();
    }
    FILE *file = fopen(metadata, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }

    const size_t live = tz_alloc_live();
    tz_dataset *dataset = NULL;
    tz_error error = {0};
    if (tz_dataset_read(&dataset, folder, NULL, &error) == TZ_OK) {
        tz_dataset_destroy(dataset);
    } else if (error.text[0] == '\0' || dataset != NULL) {
        abort();
    }
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
