#include "train/replay_dataset.h"

#include "base/assert.h"
#include "base/memory.h"
#include "policies/squashed.h"

#include <string.h>

// Room for the longest episode.
typedef struct episode_room {
    double *z;                             //                               (T + 1, nz)
    double *reward;                        //                               (T)
    float *u;                              //                               (T, nu)
    unsigned char *terminated, *truncated; //                               (T)
} episode_room;

static void destroy_room(episode_room *room) {
    tz_free(room->z);
    tz_free(room->reward);
    tz_free(room->u);
    tz_free(room->terminated);
    tz_free(room->truncated);
}

static tz_status create_room(episode_room *room, const tz_replay *replay, tz_error *error) {
    size_t T = 0;
    for (size_t row = 0; row < replay->size;) {
        const size_t n = tz_replay_episode_at(replay, row).n;
        T = n > T ? n : T;
        row += n;
    }
    *room = (episode_room){.z = tz_alloc((T + 1) * (size_t)replay->nz, sizeof(double)),
                           .reward = tz_alloc(T + 1, sizeof(double)),
                           .u = tz_alloc((T + 1) * (size_t)replay->nu, sizeof(float)),
                           .terminated = tz_alloc(T + 1, 1),
                           .truncated = tz_alloc(T + 1, 1)};
    if (room->z == NULL || room->reward == NULL || room->u == NULL || room->terminated == NULL ||
        room->truncated == NULL) {
        destroy_room(room);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: an episode of %zu steps", T);
    }
    return TZ_OK;
}

// Fills the room with the steps of an episode; T is 0 when no whole transition is left.
static tz_episode fill(const episode_room *room, const tz_replay *replay, tz_replay_episode steps,
                       tz_env *env, uint64_t seed) {
    const tz_task *task = tz_env_task(env);
    const size_t nz = (size_t)replay->nz, nu = (size_t)replay->nu;
    const size_t first = steps.first;
    const uint64_t number = (uint64_t)replay->raw.episode[first];

    // the first state: by the reset, or the first that is left
    const bool seeded = replay->raw.t[first] == 0;
    if (seeded) {
        tz_env_reset(env, room->z, seed, number);
    } else {
        memcpy(room->z, replay->raw.z_next + first * nz, nz * sizeof *room->z);
    }
    const size_t skipped = seeded ? 0 : 1, T = steps.n - skipped;
    for (size_t t = 0; t < T; t++) {
        const size_t row = (first + skipped + t) % replay->capacity;
        memcpy(room->z + (t + 1) * nz, replay->raw.z_next + row * nz, nz * sizeof *room->z);
        tz_squashed_to_control(room->u + t * nu, replay->rows.action + row * nu, task->control_low,
                               task->control_high, task->nu);
        room->reward[t] = replay->raw.reward[row];
        room->terminated[t] = replay->rows.done[row] != 0.0f;
        room->truncated[t] = replay->raw.truncated[row] != TZ_CUT_NOT;
    }

    // the one in flight has no end yet
    if (T > 0 && !room->terminated[T - 1]) {
        room->truncated[T - 1] = 1;
    }
    const size_t last = (first + steps.n - 1) % replay->capacity;
    const unsigned char cut = T > 0 ? replay->raw.truncated[last] : TZ_CUT_NOT;
    return (tz_episode){.T = (int)T,
                        .z = room->z,
                        .u = room->u,
                        .reward = room->reward,
                        .terminated = room->terminated,
                        .truncated = room->truncated,
                        .seed = seed,
                        .episode = number,
                        .unseeded = !seeded,
                        .policy = -1,
                        .unstable = cut == TZ_CUT_UNSTABLE,
                        .bad_reward = cut == TZ_CUT_BAD_REWARD};
}

static tz_status write_episodes(const tz_replay *replay, tz_env *env, uint64_t seed,
                                tz_writer *writer, const episode_room *room, tz_error *error) {
    int slot = 0;
    for (size_t row = 0; row < replay->size;) {
        const tz_replay_episode steps = tz_replay_episode_at(replay, row);
        const tz_episode episode = fill(room, replay, steps, env, seed);
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
    episode_room room;
    tz_writer *writer = NULL;
    TZ_CHECK(create_room(&room, replay, error));
    tz_status status = tz_writer_create(&writer, def, tz_env_task(env), error);
    if (status == TZ_OK) {
        status = write_episodes(replay, env, seed, writer, &room, error);
    }
    tz_writer_destroy(writer);
    destroy_room(&room);
    return status;
}
