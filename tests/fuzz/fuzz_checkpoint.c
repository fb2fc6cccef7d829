// libFuzzer target: any bytes as a checkpoint of SAC are read into a small learner and its memory
// or refused, without a fault or a leak, and what is read can be walked and goes on. The seed is
// what tz_sac_checkpoint_write makes of the same learner.
#include "base/memory.h"
#include "fuzz_file.h"
#include "train/sac_file.h"

enum { N_OBS = 2, NU = 1, NZ = 2, UNITS = 16, BATCH = 16, CAPACITY = 4, N_ENV_STATE = 3 };

static tz_sac *make_learner(void) {
    tz_team *team;
    tz_sac *sac;
    tz_sac_def def = tz_sac_def_default();
    def.n_obs = N_OBS, def.nu = NU, def.hidden = UNITS, def.batch = BATCH;
    if (tz_team_create(&team, 1, NULL) != TZ_OK || tz_sac_create(&sac, &def, team, NULL) != TZ_OK) {
        abort();
    }
    return sac;
}

// Every episode that the memory holds, and an update from it.
static void go_on(tz_sac *sac, const tz_replay *replay) {
    for (size_t row = 0; row < replay->size;) {
        const tz_replay_episode episode = tz_replay_episode_at(replay, row);
        if (episode.n == 0 || episode.n > replay->size - row || episode.first >= CAPACITY) {
            abort();
        }
        row += episode.n;
    }
    if (replay->size > 0) {
        tz_sac_draw(sac, replay);
        tz_sac_update(sac, NULL, NULL);
    }
}

static void read_file(tz_sac *sac, tz_replay *replay, const tz_safetensors *file) {
    size_t n_rows = 0;
    tz_error error = {0};
    tz_status status = tz_sac_checkpoint_n_rows(&n_rows, file, &error);
    tz_sac_metrics *rows = status == TZ_OK ? tz_alloc(n_rows + 1, sizeof *rows) : NULL;
    if (rows != NULL) {
        tz_sac_progress progress = {0};
        double env_state[N_ENV_STATE];
        const tz_sac_checkpoint checkpoint = {.sac = sac,
                                              .replay = replay,
                                              .progress = &progress,
                                              .rows = rows,
                                              .env_state = env_state,
                                              .n_env_state = N_ENV_STATE,
                                              .config = "fuzz"};
        status = tz_sac_checkpoint_read(&checkpoint, file, &error);
    }
    if (status == TZ_OK && rows != NULL) {
        go_on(sac, replay);
    } else if (status != TZ_OK && error.text[0] == '\0') {
        abort();
    }
    tz_free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tz_sac *sac;
    if (sac == NULL) {
        sac = make_learner();
    }
    const char *path = fuzz_file(data, size);
    const size_t live = tz_alloc_live();
    tz_safetensors *file = NULL;
    tz_replay replay;
    if (tz_replay_create(&replay, N_OBS, NU, NZ, CAPACITY, NULL) != TZ_OK) {
        abort();
    }
    if (tz_safetensors_read(&file, path, NULL) == TZ_OK) {
        read_file(sac, &replay, file);
        tz_safetensors_destroy(file);
    }
    tz_replay_destroy(&replay);
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
