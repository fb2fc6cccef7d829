#include "sample.h"

#include "base/rng.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void sample_folder(char path[TZ_PATH_MAX]) {
    snprintf(path, TZ_PATH_MAX, "/tmp/trapeze-data-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    return remove(path);
}

void sample_remove(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// Paths are kept in a list until the process ends.
typedef struct kept_path {
    struct kept_path *next;
    char text[TZ_PATH_MAX];
} kept_path;

const char *sample_join(const char *a, const char *b) {
    static kept_path *paths;
    kept_path *path = calloc(1, sizeof *path);
    assert_non_null(path);
    path->next = paths;
    paths = path;
    assert_int_equal(tz_path_join(path->text, a, b, NULL), TZ_OK);
    return path->text;
}

tz_env *sample_env(void) {
    tz_env_def def = tz_env_def_default();
    def.name = "half_cheetah";
    def.max_episode_steps = SAMPLE_STEPS;
    tz_env *env;
    tz_error error = {0};
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_OK);
    return env;
}

tz_episode sample_episode(tz_env *env, tz_episode_recorder *recorder, int index, int steps) {
    const tz_task *task = tz_env_task(env);
    tz_rng rng = tz_rng_stream(SAMPLE_SEED, TZ_PURPOSE_TEST, (uint64_t)index);
    double z[TZ_NZ_MAX], applied[TZ_NU_MAX];
    float u[TZ_NU_MAX];
    tz_env_reset(env, z, SAMPLE_SEED, (uint64_t)index);
    tz_episode_recorder_begin(recorder, z, SAMPLE_SEED, (uint64_t)index);
    for (int t = 0; t < steps; t++) {
        for (int i = 0; i < task->nu; i++) {
            u[i] = (float)(2 * tz_rng_uniform(&rng) - 1);
            applied[i] = (double)u[i];
        }
        tz_step step;
        tz_env_step(env, &step, z, applied);
        tz_episode_recorder_add(recorder, u, z, &step);
    }
    tz_episode episode = tz_episode_recorder_view(recorder);
    episode.policy = index % 2;
    episode.noise = 0.1 * index;
    return episode;
}

void sample_write(const char *folder) {
    tz_env *env = sample_env();
    tz_episode_recorder *recorder;
    tz_writer *writer;
    tz_error error = {0};
    tz_writer_def def = tz_writer_def_default();
    def.folder = folder;
    def.config_json = "{\"sample\":true}";
    def.algorithm_name = "uniform random";
    assert_int_equal(tz_episode_recorder_create(&recorder, tz_env_task(env), SAMPLE_STEPS, &error),
                     TZ_OK);
    assert_int_equal(tz_writer_create(&writer, &def, tz_env_task(env), &error), TZ_OK);
    for (int e = 0; e < SAMPLE_EPISODES; e++) {
        // The last one stops early.
        const tz_episode episode =
            sample_episode(env, recorder, e, e == SAMPLE_EPISODES - 1 ? 5 : SAMPLE_STEPS);
        assert_int_equal(tz_writer_put(writer, e, &episode, &error), TZ_OK);
    }
    assert_int_equal(tz_writer_finish(writer, SAMPLE_EPISODES, &error), TZ_OK);
    tz_writer_destroy(writer);
    tz_episode_recorder_destroy(recorder);
    tz_env_destroy(env);
}

hid_t sample_open(const char *folder) {
    const hid_t file =
        H5Fopen(sample_join(folder, "data/main_data.hdf5"), H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

void sample_poke(const char *folder, const char *array, size_t at, double value) {
    const hid_t file = sample_open(folder);
    const hid_t opened = H5Dopen2(file, array, H5P_DEFAULT), space = H5Dget_space(opened);
    hsize_t dims[2] = {1, 1};
    H5Sget_simple_extent_dims(space, dims, NULL);
    const hsize_t where[2] = {at / dims[1], at % dims[1]};
    H5Sselect_elements(space, H5S_SELECT_SET, 1, where);
    const hid_t one = H5Screate(H5S_SCALAR), type = H5Dget_type(opened);
    const signed char flag = (signed char)value;
    const bool is_flag = H5Tget_class(type) == H5T_ENUM;
    assert_true(H5Dwrite(opened, is_flag ? type : H5T_NATIVE_DOUBLE, one, space, H5P_DEFAULT,
                         is_flag ? (const void *)&flag : &value) >= 0);
    H5Tclose(type);
    H5Sclose(one);
    H5Sclose(space);
    H5Dclose(opened);
    H5Fclose(file);
}

void sample_expect(const tz_dataset *d) {
    assert_string_equal(d->env, "half_cheetah");
    assert_int_equal(d->nq, 9);
    assert_int_equal(d->nv, 9);
    assert_int_equal(d->nu, 6);
    assert_int_equal(d->n_episodes, SAMPLE_EPISODES);
    assert_int_equal(d->n_steps, 2 * SAMPLE_STEPS + 5);
    assert_true(d->dt_s == 0.05);
    assert_int_equal(d->max_episode_steps, SAMPLE_STEPS);
    tz_env *env = sample_env();
    tz_episode_recorder *recorder;
    assert_int_equal(tz_episode_recorder_create(&recorder, tz_env_task(env), SAMPLE_STEPS, NULL),
                     TZ_OK);
    for (int e = 0; e < SAMPLE_EPISODES; e++) {
        const int T = tz_dataset_length(d, e);
        const tz_episode expected = sample_episode(env, recorder, e, T);
        const size_t at = d->step_offset[e], steps = (size_t)T;
        assert_memory_equal(tz_dataset_states(d, e), expected.z, (steps + 1) * 18 * sizeof(double));
        assert_memory_equal(tz_dataset_controls(d, e), expected.u, steps * 6 * sizeof(float));
        assert_memory_equal(d->reward + at, expected.reward, steps * sizeof(double));
        assert_memory_equal(d->terminated + at, expected.terminated, steps);
        assert_memory_equal(d->truncated + at, expected.truncated, steps);
        assert_int_equal(d->truncated[at + steps - 1], 1);
        assert_true(d->origin[e].known);
        assert_int_equal(d->origin[e].seed, SAMPLE_SEED);
        assert_int_equal(d->origin[e].episode, e);
        assert_int_equal(d->origin[e].policy, e % 2);
        assert_true(d->origin[e].noise == 0.1 * e);
    }
    tz_episode_recorder_destroy(recorder);
    tz_env_destroy(env);
}
