#include "train/replay.h"

#include "base/assert.h"
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

static tz_status create_raw(tz_replay *replay, tz_error *error) {
    const size_t n = replay->capacity, nz = (size_t)replay->nz;
    const size_t doubles = n * (nz + 3) + (n + 7) / 8;
    replay->raw_block = tz_alloc(doubles, sizeof(double));
    if (replay->raw_block == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY,
                       "out of memory: the raw states of a replay memory of %zu transitions need "
                       "%.0f MB",
                       n, (double)doubles * (double)sizeof(double) * 1e-6);
    }
    replay->raw.z_next = replay->raw_block;
    replay->raw.reward = replay->raw.z_next + n * nz;
    replay->raw.episode = (int64_t *)(replay->raw.reward + n);
    replay->raw.t = replay->raw.episode + n;
    replay->raw.cut = (unsigned char *)(replay->raw.t + n);
    return TZ_OK;
}

tz_status tz_replay_create(tz_replay *replay, int n_obs, int nu, int nz, size_t capacity,
                           tz_error *error) {
    TZ_ASSERT(n_obs > 0 && nu > 0 && nz >= 0 && capacity > 0);
    *replay = (tz_replay){.n_obs = n_obs, .nu = nu, .nz = nz, .capacity = capacity};
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
    const tz_status status = nz == 0 ? TZ_OK : create_raw(replay, error);
    if (status != TZ_OK) {
        tz_replay_destroy(replay);
    }
    return status;
}

void tz_replay_destroy(tz_replay *replay) {
    tz_free(replay->block);
    tz_free(replay->raw_block);
    *replay = (tz_replay){0};
}

void tz_replay_add(tz_replay *replay, const tz_transition *transition) {
    const size_t D = (size_t)replay->n_obs, A = (size_t)replay->nu, i = replay->next;
    memcpy(replay->rows.obs + i * D, transition->obs, D * sizeof(float));
    memcpy(replay->rows.next_obs + i * D, transition->next_obs, D * sizeof(float));
    memcpy(replay->rows.action + i * A, transition->action, A * sizeof(float));
    replay->rows.reward[i] = (float)transition->reward;
    replay->rows.done[i] = transition->terminated ? 1.0f : 0.0f;
    if (replay->nz > 0) {
        const size_t nz = (size_t)replay->nz;
        memcpy(replay->raw.z_next + i * nz, transition->z_next, nz * sizeof(double));
        replay->raw.reward[i] = transition->reward;
        replay->raw.episode[i] = (int64_t)transition->episode;
        replay->raw.t[i] = (int64_t)transition->t;
        replay->raw.cut[i] = transition->truncated ? TZ_CUT_TIME_LIMIT : TZ_CUT_NOT;
    }
    replay->next = (i + 1) % replay->capacity;
    if (replay->size < replay->capacity) {
        replay->size++;
    }
}

void tz_replay_cut_newest(tz_replay *replay, tz_replay_cut why) {
    TZ_ASSERT(replay->size > 0);
    if (replay->nz > 0) {
        const size_t newest = (replay->next + replay->capacity - 1) % replay->capacity;
        replay->raw.cut[newest] = (unsigned char)why;
    }
}

// Rows lie all over a memory of hundreds of megabytes: those of the next draws are on their way
// while one is copied.
void tz_replay_sample(const tz_replay *replay, tz_transitions *batch, int B, tz_rng *rng) {
    enum { AHEAD = 8 };
    TZ_ASSERT(replay->size > 0);
    const size_t D = (size_t)replay->n_obs, A = (size_t)replay->nu, n = (size_t)B;
    const tz_transitions *rows = &replay->rows;
    size_t drawn[AHEAD];
    for (size_t b = 0; b < n + AHEAD; b++) {
        if (b >= AHEAD) {
            const size_t to = b - AHEAD, i = drawn[b % AHEAD];
            memcpy(batch->obs + to * D, rows->obs + i * D, D * sizeof(float));
            memcpy(batch->next_obs + to * D, rows->next_obs + i * D, D * sizeof(float));
            memcpy(batch->action + to * A, rows->action + i * A, A * sizeof(float));
            batch->reward[to] = rows->reward[i];
            batch->done[to] = rows->done[i];
        }
        if (b < n) {
            const size_t i = drawn[b % AHEAD] = (size_t)tz_rng_below(rng, replay->size);
            __builtin_prefetch(rows->obs + i * D);
            __builtin_prefetch(rows->obs + i * D + D - 1);
            __builtin_prefetch(rows->next_obs + i * D);
            __builtin_prefetch(rows->next_obs + i * D + D - 1);
            __builtin_prefetch(rows->action + i * A);
            __builtin_prefetch(rows->reward + i);
            __builtin_prefetch(rows->done + i);
        }
    }
}

tz_replay_episode tz_replay_episode_at(const tz_replay *replay, size_t row) {
    TZ_ASSERT(replay->nz > 0 && row < replay->size);
    const size_t oldest = replay->size < replay->capacity ? 0 : replay->next;
    tz_replay_episode episode = {.first = (oldest + row) % replay->capacity};
    const int64_t number = replay->raw.episode[episode.first];
    while (row + episode.n < replay->size &&
           replay->raw.episode[(episode.first + episode.n) % replay->capacity] == number) {
        episode.n++;
    }
    return episode;
}
