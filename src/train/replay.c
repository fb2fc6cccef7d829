#include "train/replay.h"

#include "base/assert.h"
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

tz_status tz_replay_create(tz_replay *replay, int n_obs, int nu, size_t capacity, tz_error *error) {
    TZ_ASSERT(n_obs > 0 && nu > 0 && capacity > 0);
    *replay = (tz_replay){.n_obs = n_obs, .nu = nu, .capacity = capacity};
    const size_t D = (size_t)n_obs, A = (size_t)nu;
    const size_t row = 2 * D + A + 2;
    replay->block = tz_alloc(capacity, row * sizeof(float));
    if (replay->block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY,
                       "out of memory: a replay memory of %zu transitions needs %.0f MB", capacity,
                       (double)capacity * (double)(row * sizeof(float)) * 1e-6);
    }
    replay->rows.obs = replay->block;
    replay->rows.next_obs = replay->rows.obs + capacity * D;
    replay->rows.action = replay->rows.next_obs + capacity * D;
    replay->rows.reward = replay->rows.action + capacity * A;
    replay->rows.done = replay->rows.reward + capacity;
    return TZ_OK;
}

void tz_replay_destroy(tz_replay *replay) {
    tz_free(replay->block);
    *replay = (tz_replay){0};
}

void tz_replay_add(tz_replay *replay, const float *obs, const float *action, double reward,
                   const float *next_obs, bool terminated) {
    const size_t D = (size_t)replay->n_obs, A = (size_t)replay->nu, i = replay->next;
    memcpy(replay->rows.obs + i * D, obs, D * sizeof *obs);
    memcpy(replay->rows.next_obs + i * D, next_obs, D * sizeof *next_obs);
    memcpy(replay->rows.action + i * A, action, A * sizeof *action);
    replay->rows.reward[i] = (float)reward;
    replay->rows.done[i] = terminated ? 1.0f : 0.0f;
    replay->next = (i + 1) % replay->capacity;
    if (replay->size < replay->capacity) {
        replay->size++;
    }
}

void tz_replay_sample(const tz_replay *replay, tz_transitions *batch, int B, tz_rng *rng) {
    TZ_ASSERT(replay->size > 0);
    const size_t D = (size_t)replay->n_obs, A = (size_t)replay->nu;
    const tz_transitions *rows = &replay->rows;
    for (size_t b = 0; b < (size_t)B; b++) {
        const size_t i = (size_t)tz_rng_below(rng, replay->size);
        memcpy(batch->obs + b * D, rows->obs + i * D, D * sizeof(float));
        memcpy(batch->next_obs + b * D, rows->next_obs + i * D, D * sizeof(float));
        memcpy(batch->action + b * A, rows->action + i * A, A * sizeof(float));
        batch->reward[b] = rows->reward[i];
        batch->done[b] = rows->done[i];
    }
}
