// Training data: windows of a few consecutive states drawn from the training episodes of one or
// several datasets, and the statistics of those episodes. Drawn once, then read-only.
#ifndef TRAPEZE_TRAIN_SEQUENCES_H
#define TRAPEZE_TRAIN_SEQUENCES_H

#include "base/status.h"
#include "data/dataset.h"
#include "models/model.h"

// A dataset to learn from.
typedef struct tz_source {
    const char *path;             // for sentences, borrowed
    const tz_dataset *dataset;    // borrowed
    const unsigned char *is_test; // 1: held out, borrowed                       (n_episodes)
    double weight; // share of the sequences drawn from it, relative to the other sources;
                   // 0 in all sources: in proportion to their number of windows
} tz_source;

typedef struct tz_sequences {
    int n;      // sequences
    int length; // states of a sequence, L
    int nz, nu;
    float *z; // states                                                      (n, L, nz)
    float *u; // controls between them                                       (n, L - 1, nu)
} tz_sequences;

// Which episodes of a source.
typedef enum tz_part { TZ_PART_TRAIN, TZ_PART_TEST } tz_part;

// TZ_ERR_MISMATCH, with a sentence, when the sources differ in environment, dimensions or control
// period.
TZ_API tz_status tz_sources_check(const tz_source *sources, int n_sources, tz_error *error);

// Draws n windows with replacement: a source by its weight, then uniformly one of all windows of
// `length` states inside its episodes of the part. Stream (seed, TZ_PURPOSE_SAMPLE, part).
// TZ_ERR_ARGUMENT when a source to draw from has no such window, or its weight is not a share. Of
// held-out windows a source may have none (a dataset of one episode): then the others give them.
// The caller destroys the sequences.
TZ_API tz_status tz_sequences_draw(tz_sequences **sequences, const tz_source *sources,
                                   int n_sources, tz_part part, int n, int length, uint64_t seed,
                                   tz_error *error);
TZ_API void tz_sequences_destroy(tz_sequences *sequences); // Nullable

// Population statistics over all states, controls and differences of consecutive states of the
// training episodes of all sources, each counted once whatever the weights. TZ_ERR_ARGUMENT when
// there is no training episode.
TZ_API tz_status tz_training_statistics(tz_model_statistics *statistics, const tz_source *sources,
                                        int n_sources, tz_error *error);

#endif
