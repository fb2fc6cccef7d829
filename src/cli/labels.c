#include "cli/labels.h"

#include "cli/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// The end of a path: `length` letters from `start` on, which lies in `path`.
typedef struct tail {
    const char *path, *start;
    size_t length;
} tail;

// Its shortest tail with a meaning: the folder of a "model.safetensors", else the name without its
// suffix.
static tail shortest_tail(const char *path) {
    static const char common[] = "/model.safetensors";
    size_t end = strlen(path);
    if (end > strlen(common) && strcmp(path + end - strlen(common), common) == 0) {
        end -= strlen(common);
    } else {
        const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
        end = dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - path) : end;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    return (tail){.path = path, .start = path + start, .length = end - start};
}

// Takes in the folder above; false when there is none.
static bool lengthen(tail *t) {
    const char *start = t->start;
    while (start > t->path && start[-1] == '/') {
        start--;
    }
    while (start > t->path && start[-1] != '/') {
        start--;
    }
    const bool is_longer = start < t->start;
    t->length += (size_t)(t->start - start);
    t->start = start;
    return is_longer;
}

static bool is_alike(const tail *a, const tail *b) {
    return a->length == b->length && memcmp(a->start, b->start, a->length) == 0;
}

// Takes the folder above into every tail that is like another one; false when none could.
static bool tell_apart(tail *tails, int n) {
    bool alike[TZ_LIST_MAX] = {false}, any_longer = false;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            alike[i] = alike[i] || (j != i && is_alike(&tails[i], &tails[j]));
        }
    }
    for (int i = 0; i < n; i++) {
        any_longer = (alike[i] && lengthen(&tails[i])) || any_longer;
    }
    return any_longer;
}

void tz_label_models(char (*label)[TZ_LABEL_SIZE], const char *const *paths, int n) {
    enum { ROOM = TZ_LABEL_SIZE - 1 - 5 }; // for " (64)" behind
    tail tails[TZ_LIST_MAX];
    for (int i = 0; i < n; i++) {
        tails[i] = shortest_tail(paths[i]);
    }
    while (tell_apart(tails, n)) {
    }
    for (int i = 0; i < n; i++) {
        // a long label keeps its end, which the shortest tail is in
        const size_t length = tails[i].length < ROOM ? tails[i].length : ROOM;
        tails[i].start += tails[i].length - length;
        tails[i].length = length;
        int number = 1;
        for (int j = 0; j < i; j++) {
            number += is_alike(&tails[i], &tails[j]);
        }
        snprintf(label[i], TZ_LABEL_SIZE, "%.*s", (int)length, tails[i].start);
        if (number > 1) {
            snprintf(label[i] + length, TZ_LABEL_SIZE - length, " (%d)", number);
        }
    }
}
