#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static atomic_size_t alloc_count, alloc_live;

// allocations left before failure, counted down; 0: failure is switched off; 1: every call fails
static atomic_size_t fail_countdown;

static int must_fail(void) {
    size_t left = atomic_load(&fail_countdown);
    while (left > 1 && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) {
    }
    return left == 1;
}

void *tz_alloc(size_t count, size_t size) {
    // round the product up to whole cache lines, refusing overflow
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT ||
        must_fail()) {
        return NULL;
    }
    bytes = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;

    void *memory = aligned_alloc(ALIGNMENT, bytes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
        atomic_fetch_add(&alloc_count, 1);
        atomic_fetch_add(&alloc_live, 1);
    }
    return memory;
}

void tz_free(void *memory) {
    if (memory != NULL) {
        atomic_fetch_sub(&alloc_live, 1);
        free(memory);
    }
}

size_t tz_alloc_count(void) {
    return atomic_load(&alloc_count);
}

size_t tz_alloc_live(void) {
    return atomic_load(&alloc_live);
}

void tz_alloc_fail_after(size_t n) {
    atomic_store(&fail_countdown, n);
}
