#include "base/assert.h"
#include "base/memory.h"
#include "data/writer.h"

#include <string.h>

struct tz_episode_recorder {
    int max_steps, nz, nu;
    int T;                   // transitions so far
    tz_step_outcome outcome; // of the last step; not OK: it cut the episode
    uint64_t seed, episode;
    double *z;                             // (max_steps + 1, nz)
    float *u;                              // (max_steps, nu)
    double *reward;                        // (max_steps)
    unsigned char *terminated, *truncated; // (max_steps)
};

tz_status tz_episode_recorder_create(tz_episode_recorder **recorder, const tz_task *task,
                                     int max_steps, tz_error *error) {
    TZ_ASSERT(max_steps > 0);
    tz_episode_recorder *r = *recorder = tz_alloc(1, sizeof *r);
    if (r) {
        const size_t steps = (size_t)max_steps;
        r->max_steps = max_steps;
        r->nz = tz_task_nz(task);
        r->nu = task->nu;
        r->z = tz_alloc((steps + 1) * (size_t)r->nz, sizeof *r->z);
        r->u = tz_alloc(steps * (size_t)r->nu, sizeof *r->u);
        r->reward = tz_alloc(steps, sizeof *r->reward);
        r->terminated = tz_alloc(steps, sizeof *r->terminated);
        r->truncated = tz_alloc(steps, sizeof *r->truncated);
    }
    if (!r || !r->z || !r->u || !r->reward || !r->terminated || !r->truncated) {
        tz_episode_recorder_destroy(r);
        *recorder = NULL;
        return tz_fail(error, TZ_ERR_MEMORY, "no memory to record episodes of %d steps", max_steps);
    }
    return TZ_OK;
}

void tz_episode_recorder_destroy(tz_episode_recorder *r) {
    if (!r) {
        return;
    }
    tz_free(r->z);
    tz_free(r->u);
    tz_free(r->reward);
    tz_free(r->terminated);
    tz_free(r->truncated);
    tz_free(r);
}

void tz_episode_recorder_begin(tz_episode_recorder *r, const double *z, uint64_t seed,
                               uint64_t episode) {
    r->T = 0;
    r->outcome = TZ_STEP_OK;
    r->seed = seed;
    r->episode = episode;
    memcpy(r->z, z, (size_t)r->nz * sizeof *z);
}

void tz_episode_recorder_add(tz_episode_recorder *r, const float *u, const double *z_next,
                             const tz_step *step) {
    TZ_ASSERT(r->T < r->max_steps && r->outcome == TZ_STEP_OK);
    r->outcome = step->outcome;
    if (r->outcome != TZ_STEP_OK) {
        return;
    }
    const size_t t = (size_t)r->T++;
    memcpy(r->u + t * (size_t)r->nu, u, (size_t)r->nu * sizeof *u);
    memcpy(r->z + (t + 1) * (size_t)r->nz, z_next, (size_t)r->nz * sizeof *z_next);
    r->reward[t] = step->reward;
    r->terminated[t] = step->terminated;
    r->truncated[t] = step->truncated;
}

tz_episode tz_episode_recorder_view(tz_episode_recorder *r) {
    if (r->T > 0 && !r->terminated[r->T - 1]) {
        r->truncated[r->T - 1] = 1;
    }
    return (tz_episode){.T = r->T,
                        .z = r->z,
                        .u = r->u,
                        .reward = r->reward,
                        .terminated = r->terminated,
                        .truncated = r->truncated,
                        .seed = r->seed,
                        .episode = r->episode,
                        .policy = -1,
                        .unstable = r->outcome == TZ_STEP_UNSTABLE,
                        .bad_reward = r->outcome == TZ_STEP_BAD_REWARD};
}
