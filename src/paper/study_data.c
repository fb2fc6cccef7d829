// The chunks of a (system, number, seed) stand in D/data as
//
//     train (n, 5, nz), test (n, 100, nz), both f32,
//
// so that all models of a seed learn from the same bytes and they are integrated once. Two that
// make them at the same time write the same file.
#include "paper/study_data.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "base/safetensors.h"
#include "envs/hamiltonian/trajectory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char FORMAT[] = "trapeze-study-data-1";

// The study's shares of the trajectories.
static const double TRAIN_SHARE = 0.8, TEST_SHARE = 0.2;

// ---- energies of states z = (q, v)

static double energy(const void *system, const double *z) {
    const tz_system *s = system;
    return tz_system_energy(s, z, z + s->n);
}

static double energy_code(const void *system, const double *z) {
    const tz_system *s = system;
    return tz_system_energy_of_code(s, z, z + s->n);
}

// ---- making

// Chunks of a part in single precision.
static tz_status integrate(float *z, const tz_system *system, int n, int length, tz_chunk_part part,
                           uint64_t seed, tz_team *team, tz_error *error) {
    const size_t size = (size_t)n * (size_t)length * 2 * (size_t)system->n;
    double *wide = tz_alloc(size, sizeof *wide);
    if (wide == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d trajectories of %s", n,
                       system->name);
    }
    const tz_status status = tz_system_chunks(system, wide, n, length, part, seed, team, error);
    for (size_t i = 0; status == TZ_OK && i < size; i++) {
        z[i] = (float)wide[i];
    }
    tz_free(wide);
    return status;
}

static tz_status make_file(const char *path, const tz_system *system, int n_train, int n_test,
                           uint64_t seed, tz_team *team, tz_error *error) {
    const size_t nz = 2 * (size_t)system->n;
    float *train = tz_alloc((size_t)n_train * TZ_CHUNK_TRAIN * nz, sizeof *train);
    float *test = tz_alloc((size_t)n_test * TZ_CHUNK_TEST * nz, sizeof *test);
    tz_status status = TZ_OK;
    if (train == NULL || test == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "out of memory: data of %s", system->name);
    }
    if (status == TZ_OK) {
        status =
            integrate(train, system, n_train, TZ_CHUNK_TRAIN, TZ_CHUNKS_TRAIN, seed, team, error);
    }
    if (status == TZ_OK) {
        status = integrate(test, system, n_test, TZ_CHUNK_TEST, TZ_CHUNKS_TEST, seed, team, error);
    }
    if (status == TZ_OK) {
        const tz_tensor tensors[] = {
            {"train", TZ_DTYPE_F32, 3, {(size_t)n_train, TZ_CHUNK_TRAIN, nz}, train},
            {"test", TZ_DTYPE_F32, 3, {(size_t)n_test, TZ_CHUNK_TEST, nz}, test},
        };
        char seed_text[24];
        snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
        const tz_metadata metadata[] = {{"format", FORMAT},
                                        {"version", tz_version()},
                                        {"system", system->name},
                                        {"seed", seed_text}};
        status = tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), metadata,
                                      TZ_COUNTOF(metadata), error);
    }
    tz_free(train);
    tz_free(test);
    return status;
}

// ---- reading

static tz_status read_file(tz_study_data *d, const tz_safetensors *file, int seed,
                           tz_error *error) {
    char seed_text[24];
    snprintf(seed_text, sizeof seed_text, "%d", seed);
    const char *path = tz_safetensors_path(file);
    const tz_system *system = d->system;
    const size_t nz = 2 * (size_t)system->n;
    const size_t n_train = (size_t)d->train.n, n_test = (size_t)d->test.n;
    const float *train = NULL, *test = NULL; // (n_train, 5, nz), (n_test, 100, nz)
    TZ_CHECK(tz_safetensors_expect_text(file, "format", FORMAT, error));
    TZ_CHECK(tz_safetensors_expect_text(file, "version", tz_version(), error));
    TZ_CHECK(tz_safetensors_expect_text(file, "system", system->name, error));
    TZ_CHECK(tz_safetensors_expect_text(file, "seed", seed_text, error));
    TZ_CHECK(tz_safetensors_expect_f32(file, "train", 3, (size_t[]){n_train, TZ_CHUNK_TRAIN, nz},
                                       &train, error));
    TZ_CHECK(tz_safetensors_expect_f32(file, "test", 3, (size_t[]){n_test, TZ_CHUNK_TEST, nz},
                                       &test, error));
    TZ_CHECK(tz_tensor_expect_finite(path, "train", train, n_train * TZ_CHUNK_TRAIN * nz, error));
    TZ_CHECK(tz_tensor_expect_finite(path, "test", test, n_test * TZ_CHUNK_TEST * nz, error));
    d->train.z = tz_alloc(n_train * TZ_CHUNK_TRAIN * nz, sizeof *d->train.z);
    d->truth = tz_alloc(n_test * TZ_CHUNK_TEST * nz, sizeof *d->truth);
    if (d->train.z == NULL || d->truth == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: data of %s", system->name);
    }
    memcpy(d->train.z, train, n_train * TZ_CHUNK_TRAIN * nz * sizeof *train);
    // rollouts are time-major
    for (size_t k = 0; k < n_test; k++) {
        for (size_t t = 0; t < TZ_CHUNK_TEST; t++) {
            memcpy(d->truth + (t * n_test + k) * nz, test + (k * TZ_CHUNK_TEST + t) * nz,
                   nz * sizeof *test);
        }
    }
    return TZ_OK;
}

// Mean, population standard deviation and range of each component of the training states, and of
// their rates.
static void fill_statistics(tz_study_data *d) {
    tz_model_statistics *s = &d->statistics;
    const size_t nz = (size_t)d->train.nz, n = (size_t)d->train.n;
    for (size_t i = 0; i < nz; i++) {
        double sum = 0.0, sum2 = 0.0, rate = 0.0, rate2 = 0.0;
        s->z_low[i] = INFINITY;
        s->z_high[i] = -INFINITY;
        for (size_t at = 0; at < n * TZ_CHUNK_TRAIN; at++) {
            const double x = d->train.z[at * nz + i];
            sum += x;
            sum2 += x * x;
            s->z_low[i] = fmin(s->z_low[i], x);
            s->z_high[i] = fmax(s->z_high[i], x);
            if (at % TZ_CHUNK_TRAIN != 0) {
                const double r = (x - d->train.z[(at - 1) * nz + i]) / d->task.dt_s;
                rate += r;
                rate2 += r * r;
            }
        }
        const double states = (double)n * TZ_CHUNK_TRAIN, rates = (double)n * (TZ_CHUNK_TRAIN - 1);
        s->z_mean[i] = sum / states;
        s->z_std[i] = sqrt(fmax(sum2 / states - s->z_mean[i] * s->z_mean[i], 0.0));
        s->rate_mean[i] = rate / rates;
        s->rate_std[i] = sqrt(fmax(rate2 / rates - s->rate_mean[i] * s->rate_mean[i], 0.0));
    }
}

// ---- the whole

// Dimensions and the parts that come without a file.
static void describe(tz_study_data *d, int n_trajectories) {
    const tz_system *system = d->system;
    d->task.nq = d->task.nv = system->n;
    d->task.dt_s = system->dt_s;
    snprintf(d->task.name, sizeof d->task.name, "%s", system->name);
    for (int i = 0; i < system->n; i++) {
        d->task.coordinate[i] = system->is_angle[i] ? TZ_COORDINATE_ANGLE : TZ_COORDINATE_LINEAR;
    }
    d->train = (tz_sequences){
        .n = (int)(TRAIN_SHARE * n_trajectories), .length = TZ_CHUNK_TRAIN, .nz = 2 * system->n};
    d->test = (tz_test_rollouts){.n = (int)(TEST_SHARE * n_trajectories),
                                 .T = TZ_CHUNK_TEST,
                                 .nq = system->n,
                                 .angular = system->is_angle,
                                 .z_std = d->statistics.z_std,
                                 .system = system,
                                 .energy = energy,
                                 .energy_code = energy_code};
}

static tz_status get(tz_study_data *d, const char *folder, const char *name, int n_trajectories,
                     int seed, tz_team *team, tz_error *error) {
    char file_name[128], path[TZ_PATH_MAX];
    TZ_CHECK(tz_system_find(d->system, name, error));
    describe(d, n_trajectories);
    snprintf(file_name, sizeof file_name, "data/%s_n%d_s%d.safetensors", name, n_trajectories,
             seed);
    TZ_CHECK(tz_path_join(path, folder, file_name, error));
    if (!tz_file_exists(path)) {
        TZ_CHECK(make_file(path, d->system, d->train.n, d->test.n, (uint64_t)seed, team, error));
    }
    tz_safetensors *file = NULL;
    TZ_CHECK(tz_safetensors_read(&file, path, error));
    const tz_status status = read_file(d, file, seed, error);
    tz_safetensors_destroy(file);
    TZ_CHECK(status);
    d->test.z = d->truth;
    fill_statistics(d);
    return TZ_OK;
}

tz_status tz_study_data_get(tz_study_data **data, const char *folder, const char *system,
                            int n_trajectories, int seed, tz_team *team, tz_error *error) {
    tz_study_data *d = *data = tz_alloc(1, sizeof *d);
    if (d == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: data of %s", system);
    }
    d->system = tz_alloc(1, sizeof *d->system);
    if (d->system == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: data of %s", system);
    }
    return get(d, folder, system, n_trajectories, seed, team, error);
}

void tz_study_data_destroy(tz_study_data *data) {
    if (data != NULL) {
        tz_free(data->train.z);
        tz_free(data->truth);
        tz_free(data->system);
        tz_free(data);
    }
}
