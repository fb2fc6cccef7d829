#include "train/replay_dataset.h"

#include "base/assert.h"
#include "policies/squashed.h"

// Steps of the longest episode.
static size_t longest(const tz_replay *replay) {
    size_t T = 0;
    for (size_t row = 0; row < replay->size;) {
        const size_t n = tz_replay_episode_at(replay, row).n;
        T = n > T ? n : T;
        row += n;
    }
    return T;
}

// The step that the memory holds in a row.
static void record_step(tz_episode_recorder *recorder, const tz_replay *replay, size_t row,
                        const tz_task *task) {
    float u[TZ_NU_MAX];
    tz_squashed_to_control(u, replay->rows.action + row * (size_t)replay->nu, task->control_low,
                           task->control_high, task->nu);
    const tz_step step = {.reward = replay->raw.reward[row],
                          .terminated = replay->rows.done[row] != 0.0f,
                          .truncated = replay->raw.cut[row] != TZ_CUT_NOT};
    tz_episode_recorder_add(recorder, u, replay->raw.z_next + row * (size_t)replay->nz, &step);
}

// The step that cut the episode, of which the memory holds the reason alone.
static void record_cut(tz_episode_recorder *recorder, unsigned char cut) {
    if (cut == TZ_CUT_UNSTABLE || cut == TZ_CUT_BAD_REWARD) {
        const tz_step step = {.outcome =
                                  cut == TZ_CUT_UNSTABLE ? TZ_STEP_UNSTABLE : TZ_STEP_BAD_REWARD};
        tz_episode_recorder_add(recorder, NULL, NULL, &step);
    }
}

// The steps as an episode; its T is 0 when no whole transition is left.
static tz_episode record(tz_episode_recorder *recorder, const tz_replay *replay,
                         tz_replay_episode steps, tz_env *env, uint64_t seed) {
    const size_t first = steps.first, nz = (size_t)replay->nz;
    const uint64_t number = (uint64_t)replay->raw.episode[first];

    // the first state: by the reset, or the first that is left
    const bool seeded = replay->raw.t[first] == 0;
    double z[TZ_NZ_MAX];
    if (seeded) {
        tz_env_reset(env, z, seed, number);
    }
    tz_episode_recorder_begin(recorder, seeded ? z : replay->raw.z_next + first * nz, seed, number);

    size_t row = first;
    for (size_t t = seeded ? 0 : 1; t < steps.n; t++) {
        row = (first + t) % replay->capacity;
        record_step(recorder, replay, row, tz_env_task(env));
    }
    if (steps.n > (seeded ? 0u : 1u)) {
        record_cut(recorder, replay->raw.cut[row]);
    }
    tz_episode episode = tz_episode_recorder_view(recorder);
    episode.unseeded = !seeded;
    return episode;
}

static tz_status write_episodes(const tz_replay *replay, tz_env *env, uint64_t seed,
                                tz_writer *writer, tz_episode_recorder *recorder, tz_error *error) {
    int slot = 0;
    for (size_t row = 0; row < replay->size;) {
        const tz_replay_episode steps = tz_replay_episode_at(replay, row);
        const tz_episode episode = record(recorder, replay, steps, env, seed);
        if (episode.T > 0 && !tz_writer_has(writer, slot)) {
            TZ_CHECK(tz_writer_put(writer, slot, &episode, error));
        }
        slot += episode.T > 0;
        row += steps.n;
    }
    if (slot == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "the replay memory holds no transition to write");
    }
    return tz_writer_finish(writer, slot, error);
}

tz_status tz_replay_write_dataset(const tz_replay *replay, tz_env *env, uint64_t seed,
                                  const tz_writer_def *def, tz_error *error) {
    TZ_ASSERT(replay->nz > 0 && replay->nz == tz_task_nz(tz_env_task(env)));
    const tz_task *task = tz_env_task(env);
    const size_t T = longest(replay);
    tz_episode_recorder *recorder = NULL;
    tz_writer *writer = NULL;
    TZ_CHECK(tz_episode_recorder_create(&recorder, task, (int)T + 1, error)); // and what cut it
    tz_status status = tz_writer_create(&writer, def, task, error);
    if (status == TZ_OK) {
        status = write_episodes(replay, env, seed, writer, recorder, error);
    }
    tz_writer_destroy(writer);
    tz_episode_recorder_destroy(recorder);
    return status;
}
