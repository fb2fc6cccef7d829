#include "data/d4rl.h"

#include "base/file.h"
#include "base/memory.h"
#include "data/guarded.h"
#include "data/h5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 100000000 };

// The file's columns, all in double but the flags.
typedef struct table {
    size_t n;                          // steps
    double *q, *v, *u, *reward;        // (n, nq), (n, nv), (n, nu), (n)
    unsigned char *terminal, *timeout; // (n)
} table;

static void free_table(table *t) {
    tz_free(t->q);
    tz_free(t->v);
    tz_free(t->u);
    tz_free(t->reward);
    tz_free(t->terminal);
    tz_free(t->timeout);
}

// ---- one column -------------------------------------------------------------------------------

// Checks that `name` is an array of numbers (n, cols), or (n) if cols is 0; the first column fixes
// n.
static tz_status open_column(hid_t file, const char *path, const char *name, size_t cols, size_t *n,
                             hid_t *array, tz_error *error) {
    // "infos/qpos" is two links
    const bool nested = strncmp(name, "infos/", 6) == 0;
    const bool there =
        (!nested || tz__h5_is_hard_link(file, "infos")) && tz__h5_is_hard_link(file, name);
    *array = there ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
    if (*array < 0 || !tz__h5_is_stored_here(*array)) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: not D4RL's layout: %s is missing or not stored in the file", path,
                       name);
    }
    const hid_t type = H5Dget_type(*array), space = H5Dget_space(*array);
    const H5T_class_t class = H5Tget_class(type);
    const int ndim = H5Sget_simple_extent_ndims(space), expected = cols > 0 ? 2 : 1;
    hsize_t dims[2] = {0, 0};
    if (ndim == expected) {
        H5Sget_simple_extent_dims(space, dims, NULL);
    }
    H5Sclose(space);
    H5Tclose(type);
    const bool numbers = class == H5T_FLOAT || class == H5T_INTEGER || class == H5T_ENUM;
    if (ndim != expected || !numbers || (cols > 0 && dims[1] != cols)) {
        return tz_fail(error, cols > 0 && ndim == 2 ? TZ_ERR_MISMATCH : TZ_ERR_FORMAT,
                       "%s: %s has %d dimensions with %llu columns, expected numbers in %d with "
                       "%zu",
                       path, name, ndim, (unsigned long long)dims[1], expected, cols);
    }
    if (dims[0] < 2 || dims[0] > ROWS_MAX || (*n != 0 && dims[0] != *n)) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: %s has %llu rows, expected %s%zu", path, name,
                       (unsigned long long)dims[0], *n != 0 ? "" : "at least ", *n != 0 ? *n : 2);
    }
    *n = (size_t)dims[0];
    return TZ_OK;
}

static tz_status read_reals(hid_t file, const char *path, const char *name, size_t cols, size_t *n,
                            double **values, tz_error *error) {
    hid_t array;
    tz_status status = open_column(file, path, name, cols, n, &array, error);
    if (status == TZ_OK) {
        const size_t size = *n * (cols > 0 ? cols : 1);
        status = tz__h5_check_claim(path, (double)size * (double)sizeof **values, error);
        *values = status == TZ_OK ? tz_alloc(size, sizeof **values) : NULL;
        if (status == TZ_OK && *values == NULL) {
            status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for %s", path, name);
        } else if (status == TZ_OK &&
                   H5Dread(array, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values) < 0) {
            status = tz__h5_fail(error, TZ_ERR_FORMAT, path, "%s cannot be read", name);
        }
        for (size_t i = 0; status == TZ_OK && i < size; i++) {
            if (!isfinite((*values)[i])) {
                status = tz_fail(error, TZ_ERR_FORMAT, "%s: %s is not finite in row %zu", path,
                                 name, i / (cols > 0 ? cols : 1));
            }
        }
    }
    if (array >= 0) {
        H5Dclose(array);
    }
    return status;
}

static tz_status read_flags(hid_t file, const char *path, const char *name, size_t *n,
                            unsigned char **values, tz_error *error) {
    hid_t array;
    tz_status status = open_column(file, path, name, 0, n, &array, error);
    if (status == TZ_OK) {
        const hid_t type = H5Dget_type(array);
        *values = tz_alloc(*n, 1);
        if (*values == NULL) {
            status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for %s", path, name);
        } else if (H5Tget_size(type) != 1) {
            status = tz_fail(error, TZ_ERR_FORMAT, "%s: %s has values of %zu bytes, expected bool",
                             path, name, H5Tget_size(type));
        } else if (H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values) < 0) {
            status = tz__h5_fail(error, TZ_ERR_FORMAT, path, "%s cannot be read", name);
        }
        H5Tclose(type);
    }
    if (array >= 0) {
        H5Dclose(array);
    }
    return status;
}

static tz_status read_table(table *t, hid_t file, const char *path, const tz_task *task,
                            tz_error *error) {
    TZ_CHECK(read_reals(file, path, "infos/qpos", (size_t)task->nq, &t->n, &t->q, error));
    TZ_CHECK(read_reals(file, path, "infos/qvel", (size_t)task->nv, &t->n, &t->v, error));
    TZ_CHECK(read_reals(file, path, "actions", (size_t)task->nu, &t->n, &t->u, error));
    for (size_t i = 0; i < t->n * (size_t)task->nu; i++) {
        if (!isfinite((float)t->u[i])) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: actions has %g in row %zu, expected 32-bit numbers", path, t->u[i],
                           i / (size_t)task->nu);
        }
    }
    TZ_CHECK(read_reals(file, path, "rewards", 0, &t->n, &t->reward, error));
    TZ_CHECK(read_flags(file, path, "terminals", &t->n, &t->terminal, error));
    return read_flags(file, path, "timeouts", &t->n, &t->timeout, error);
}

// ---- episodes ---------------------------------------------------------------------------------

static bool ends(const table *t, size_t i) {
    return t->terminal[i] || t->timeout[i] || i + 1 == t->n;
}

// Rows [first, last] become an episode of last - first transitions.
static void take_episode(tz_dataset *d, int episode, const table *t, size_t first, size_t last) {
    const size_t nq = (size_t)d->nq, nv = (size_t)d->nv, nu = (size_t)d->nu, nz = nq + nv;
    const size_t T = last - first, at = d->step_offset[episode];
    double *z = d->z + (at + (size_t)episode) * nz; // (T + 1, nz)
    for (size_t i = 0; i <= T; i++) {
        memcpy(z + i * nz, t->q + (first + i) * nq, nq * sizeof *z);
        memcpy(z + i * nz + nq, t->v + (first + i) * nv, nv * sizeof *z);
    }
    for (size_t i = 0; i < T * nu; i++) {
        d->u[at * nu + i] = (float)t->u[first * nu + i];
    }
    memcpy(d->reward + at, t->reward + first, T * sizeof *d->reward);
    d->truncated[at + T - 1] = 1;
    d->origin[episode] = (tz_origin){.policy = -1};
    d->step_offset[episode + 1] = at + T;
}

// Number of episodes with at least one transition, and of their transitions.
static void count_episodes(const table *t, int *n_episodes, size_t *n_steps) {
    size_t first = 0;
    *n_episodes = 0;
    *n_steps = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (ends(t, i)) {
            *n_episodes += i > first;
            *n_steps += i - first;
            first = i + 1;
        }
    }
}

static tz_status make_dataset(tz_dataset **dataset, const table *t, const tz_task *task,
                              const char *path, tz_error *error) {
    int n_episodes = 0;
    size_t n_steps = 0;
    count_episodes(t, &n_episodes, &n_steps);
    if (n_episodes == 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: no episode has two states", path);
    }
    tz_dataset *d = tz_alloc(1, sizeof *d);
    if (d == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory", path);
    }
    *d = (tz_dataset){.nq = task->nq,
                      .nv = task->nv,
                      .nu = task->nu,
                      .nz = tz_task_nz(task),
                      .dt_s = task->dt_s,
                      .max_episode_steps = task->max_episode_steps,
                      .ends_early = true,
                      .n_episodes = n_episodes,
                      .n_steps = n_steps};
    snprintf(d->env, sizeof d->env, "%s", task->name);
    snprintf(d->env_digest, sizeof d->env_digest, "%s", task->digest);
    const size_t states = n_steps + (size_t)n_episodes;
    d->step_offset = tz_alloc((size_t)n_episodes + 1, sizeof *d->step_offset);
    d->z = tz_alloc(states * (size_t)d->nz, sizeof *d->z);
    d->u = tz_alloc(n_steps * (size_t)d->nu, sizeof *d->u);
    d->reward = tz_alloc(n_steps, sizeof *d->reward);
    d->terminated = tz_alloc(n_steps, 1);
    d->truncated = tz_alloc(n_steps, 1);
    d->origin = tz_alloc((size_t)n_episodes, sizeof *d->origin);
    *dataset = d;
    if (!d->step_offset || !d->z || !d->u || !d->reward || !d->terminated || !d->truncated ||
        !d->origin) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for %zu transitions", path, n_steps);
    }
    size_t first = 0;
    int episode = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (ends(t, i)) {
            if (i > first) {
                take_episode(d, episode++, t, first, i);
            }
            first = i + 1;
        }
    }
    return TZ_OK;
}

static tz_status read_file(table *t, const char *path, const tz_task *task, tz_error *error) {
    if (H5Fis_hdf5(path) <= 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not an HDF5 file (expected D4RL's HDF5)", path);
    }
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (file < 0) {
        return tz__h5_fail(error, TZ_ERR_FORMAT, path, "cannot be opened as HDF5");
    }
    const tz_status status = read_table(t, file, path, task, error);
    H5Fclose(file);
    return status;
}

tz_status tz__d4rl_read_hdf5(tz_dataset **dataset, const char *path, const char *env_name,
                             tz_error *error) {
    *dataset = NULL;
    tz_env_def def = tz_env_def_default();
    def.name = env_name;
    tz_env *env = NULL;
    TZ_CHECK(tz_env_create(&env, &def, error));
    table t = {0};
    tz__h5_begin();
    tz_status status = read_file(&t, path, tz_env_task(env), error);
    tz__h5_end();
    if (status == TZ_OK) {
        status = make_dataset(dataset, &t, tz_env_task(env), path, error);
    }
    if (status != TZ_OK) {
        tz_dataset_destroy(*dataset);
        *dataset = NULL;
    }
    free_table(&t);
    tz_env_destroy(env);
    return status;
}

tz_status tz_d4rl_read(tz_dataset **dataset, const char *path, const char *env_name,
                       tz_error *error) {
    *dataset = NULL;
    if (!tz_file_exists(path)) {
        return tz_fail(error, TZ_ERR_IO, "%s: %s (expected D4RL's HDF5)", path,
                       tz_folder_exists(path) ? "is a folder" : "no such file");
    }
    const tz__reading reading = {.layout = TZ__D4RL, .path = path, .env = env_name, .file = path};
    return tz__guarded_read(dataset, &reading, error);
}
