#include "base/nearest.h"

#include <string.h>

// Insertions, deletions, substitutions and swaps of neighbours from a to b (optimal string
// alignment), both at most TZ_WORD_MAX letters.
static size_t edit_distance(const char *a, const char *b) {
    const size_t n = strlen(b);
    // distances of the first i letters of a to the first j of b; row i % 3 serves i
    size_t d[3][TZ_WORD_MAX + 1];
    for (size_t j = 0; j <= n; j++) {
        d[0][j] = j;
    }
    size_t i = 0;
    for (; a[i] != '\0'; i++) {
        const size_t *before = d[(i + 2) % 3], *row = d[i % 3];
        size_t *next = d[(i + 1) % 3];
        next[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            const size_t substituted = row[j] + (a[i] != b[j]);
            const size_t shorter = row[j + 1] < next[j] ? row[j + 1] : next[j];
            next[j + 1] = substituted < shorter + 1 ? substituted : shorter + 1;
            if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] &&
                before[j - 1] + 1 < next[j + 1]) {
                next[j + 1] = before[j - 1] + 1;
            }
        }
    }
    return d[i % 3][n];
}

// The one word that begins with `word`; NULL when there is none, or are several.
static const char *completed(const char *word, const char *const *words, size_t n_words) {
    const char *found = NULL;
    for (size_t i = 0; i < n_words; i++) {
        if (strncmp(words[i], word, strlen(word)) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = words[i];
        }
    }
    return found;
}

const char *tz_nearest_word(const char *word, const char *const *words, size_t n_words) {
    const size_t length = strlen(word);
    if (length == 0 || length > TZ_WORD_MAX) {
        return NULL;
    }
    const char *whole = completed(word, words, n_words);
    if (whole != NULL) {
        return whole;
    }
    // more than a third of the letters wrong is another word
    size_t best = length < 3 ? 2 : length / 3 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < n_words; i++) {
        if (strlen(words[i]) <= TZ_WORD_MAX) {
            const size_t distance = edit_distance(word, words[i]);
            if (distance < best) {
                best = distance;
                nearest = words[i];
            }
        }
    }
    return nearest;
}
