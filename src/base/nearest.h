// "Did you mean": the word that a misspelt one was meant to be.
#ifndef TRAPEZE_BASE_NEAREST_H
#define TRAPEZE_BASE_NEAREST_H

#include "base/export.h"

#include <stddef.h>

enum { TZ_WORD_MAX = 64 }; // longest word, in letters, that is near to another

// Returns the only word that begins with `word`, else the one nearest in spelling, or NULL when
// none is near.
TZ_API const char *tz_nearest_word(const char *word, const char *const *words, size_t n_words);

#endif
