// A fuzz target's input as a file in memory, the same for every input. It has a name of its own:
// HDF5 does not open a nameless one by its descriptor.
#ifndef TRAPEZE_TESTS_FUZZ_FILE_H
#define TRAPEZE_TESTS_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_path[] = "/dev/shm/trapeze-fuzz-XXXXXX";

static void fuzz_remove(void) {
    unlink(fuzz_path);
}

static const char *fuzz_file(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) {
        fd = mkstemp(fuzz_path);
        atexit(fuzz_remove);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        abort();
    }
    return fuzz_path;
}

#endif
