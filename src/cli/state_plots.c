#include "cli/state_plots.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/run_folder.h"
#include "data/dataset.h"
#include "envs/env.h"
#include "envs/hamiltonian/system.h"
#include "models/model.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

enum {
    TRAJECTORIES_MAX = 8,
    EPISODES = 4,       // of a dataset that are drawn
    STEPS_MAX = 400,    // of each
    COORDINATES_MAX = 3 // systems with more have no phase portraits
};

// States z (T + 1, nz) under a name, owned.
typedef struct trajectory {
    char title[64];
    double *z;
    int T;
    double *energy;      // learned energy along z                  (T + 1); NULL: none
    double *energy_true; // the same along the truth from one start (T + 1); NULL: none
} trajectory;

// All that the pictures of a folder show.
typedef struct gallery {
    tz_pictures *out; // borrowed
    tz_dataset *dataset;
    tz_env *env; // NULL when the library does not know it
    trajectory item[TRAJECTORIES_MAX];
    int n;
} gallery;

static void destroy(gallery *g) {
    for (int i = 0; i < TRAJECTORIES_MAX; i++) {
        tz_free(g->item[i].z);
        tz_free(g->item[i].energy);
        tz_free(g->item[i].energy_true);
    }
    tz_env_destroy(g->env);
    tz_dataset_destroy(g->dataset);
}

// ---- what is shown

static tz_status fail_memory(tz_error *error) {
    return tz_fail(error, TZ_ERR_MEMORY, "out of memory: pictures of states");
}

static tz_status open_dataset(gallery *g, const char *path, const char *env, tz_error *error) {
    TZ_CHECK(tz_dataset_read(&g->dataset, path, env, error));
    return tz_dataset_find_env(&g->env, g->dataset, error);
}

// Up to T steps of an episode from state `start` on.
static tz_status add_episode(gallery *g, const char *title, int episode, int start, int T,
                             tz_error *error) {
    const int left = tz_dataset_length(g->dataset, episode) - start;
    const size_t nz = (size_t)g->dataset->nz;
    trajectory *item = &g->item[g->n++];
    snprintf(item->title, sizeof item->title, "%s", title);
    item->T = T < left ? T : left;
    const size_t size = ((size_t)item->T + 1) * nz;
    item->z = tz_alloc(size, sizeof *item->z);
    if (item->z == NULL) {
        return fail_memory(error);
    }
    memcpy(item->z, tz_dataset_states(g->dataset, episode) + (size_t)start * nz,
           size * sizeof *item->z);
    return TZ_OK;
}

// The model's open loop beside the first trajectory, its start and its controls u (T, nu); z (T +
// 1, nz) is scratch.
static tz_status roll_out(gallery *g, const tz_model *model, tz_model_workspace *workspace,
                          tz_real *z, const tz_real *u, trajectory *item, tz_error *error) {
    const trajectory *truth = &g->item[0];
    const int nz = g->dataset->nz, n_states = truth->T + 1;
    item->T = truth->T;
    item->z = tz_alloc((size_t)(n_states * nz), sizeof *item->z);
    if (model->ops->energy != NULL) {
        item->energy = tz_alloc((size_t)n_states, sizeof *item->energy);
        item->energy_true = tz_alloc((size_t)n_states, sizeof *item->energy_true);
    }
    if (item->z == NULL ||
        (model->ops->energy != NULL && (item->energy == NULL || item->energy_true == NULL))) {
        return fail_memory(error);
    }
    tz_real start[TZ_NZ_MAX], E = 0;
    for (int i = 0; i < nz; i++) {
        start[i] = (tz_real)truth->z[i];
    }
    tz_model_rollout(model, workspace, z, start, u, item->T, 1);
    for (int i = 0; i < n_states * nz; i++) {
        item->z[i] = (double)z[i];
    }
    for (int t = 0; t < n_states && item->energy != NULL; t++) {
        tz_model_energy(model, workspace, &E, z + t * nz, 1);
        item->energy[t] = (double)E;
    }
    for (int t = 0; t < n_states && item->energy_true != NULL; t++) {
        for (int i = 0; i < nz; i++) {
            start[i] = (tz_real)truth->z[t * nz + i];
        }
        tz_model_energy(model, workspace, &E, start, 1);
        item->energy_true[t] = (double)E;
    }
    return TZ_OK;
}

static tz_status add_rollout(gallery *g, const tz_model *model, const char *title, int episode,
                             int start, tz_error *error) {
    const trajectory *truth = &g->item[0];
    const size_t nz = (size_t)g->dataset->nz, nu = (size_t)g->dataset->nu, T = (size_t)truth->T;
    trajectory *item = &g->item[g->n++];
    snprintf(item->title, sizeof item->title, "%s", title);
    tz_real *z = tz_alloc((T + 1) * nz, sizeof *z), *u = tz_alloc(T * nu + 1, sizeof *u);
    tz_model_workspace *workspace = NULL;
    tz_status status = z == NULL || u == NULL ? fail_memory(error) : TZ_OK;
    if (status == TZ_OK) {
        status = tz_model_workspace_create(&workspace, model, 1, truth->T, false, error);
    }
    if (status == TZ_OK) {
        const float *controls = tz_dataset_controls(g->dataset, episode) + (size_t)start * nu;
        for (size_t i = 0; i < T * nu; i++) {
            u[i] = (tz_real)controls[i];
        }
        status = roll_out(g, model, workspace, z, u, item, error);
        tz_model_workspace_destroy(model, workspace);
    }
    tz_free(z);
    tz_free(u);
    return status;
}

// A model of the gallery.
typedef struct shown_model {
    const char *path, *title;
    const char *sha256;     // "": not known
    const char *integrator; // "": as trained
    int substeps;
} shown_model;

// What the run was made of, and not what stands in its place now. TZ_ERR_IO, as where it is gone.
static tz_status expect_same(const char *path, const char *found, const char *sha256,
                             tz_error *error) {
    return sha256[0] == '\0' || strcmp(found, sha256) == 0
               ? TZ_OK
               : tz_fail(error, TZ_ERR_IO, "%s: is another one now than the run had (%.12s...)",
                         path, sha256);
}

static tz_status expect_digest(const char *path, const char *sha256, tz_error *error) {
    char digest[65];
    TZ_CHECK(tz_file_sha256(path, digest, error));
    return expect_same(path, digest, sha256, error);
}

static tz_status load_model(tz_model **model, const shown_model *shown, tz_error *error) {
    TZ_CHECK(expect_digest(shown->path, shown->sha256, error));
    TZ_CHECK(tz_model_load(model, shown->path, error));
    if (shown->integrator[0] == '\0') {
        return TZ_OK;
    }
    tz_integrator integrator;
    TZ_CHECK(tz_integrator_find(&integrator, shown->integrator, error));
    return tz_model_set_integrator(*model, integrator, shown->substeps, error);
}

static tz_status add_model(gallery *g, const shown_model *shown, int episode, int start,
                           tz_error *error) {
    if (g->n == TRAJECTORIES_MAX) {
        return TZ_OK; // more curves would not be told apart
    }
    tz_model *model = NULL;
    tz_status status = load_model(&model, shown, error);
    if (status == TZ_OK && (model->nq != g->dataset->nq || model->nv != g->dataset->nv ||
                            model->nu != g->dataset->nu)) {
        status = tz_fail(error, TZ_ERR_MISMATCH,
                         "%s: a model of nq %d, nv %d, nu %d, expected the data's %d, %d, %d",
                         shown->path, model->nq, model->nv, model->nu, g->dataset->nq,
                         g->dataset->nv, g->dataset->nu);
    }
    if (status == TZ_OK) {
        status = add_rollout(g, model, shown->title, episode, start, error);
    }
    tz_model_destroy(model);
    return status;
}

// ---- pictures

// Times of the states of a trajectory (seconds)                        (STEPS_MAX + 1).
static const double *times(double *t, const gallery *g) {
    const double dt_s = g->dataset->dt_s > 0.0 ? g->dataset->dt_s : 1.0;
    for (int i = 0; i <= STEPS_MAX; i++) {
        t[i] = i * dt_s;
    }
    return t;
}

static tz_status draw(const gallery *g, tz_plot plot, const char *name, tz_error *error) {
    char title[2 * TZ_NAME_MAX];
    snprintf(title, sizeof title, "%s: %s", g->dataset->env, plot.title);
    plot.title = title;
    return tz_pictures_add(g->out, &plot, name, error);
}

static tz_status draw_phase(const gallery *g, int i, double *block, tz_error *error) {
    const size_t nz = (size_t)g->dataset->nz, nq = (size_t)g->dataset->nq;
    tz_series series[TRAJECTORIES_MAX];
    for (int k = 0; k < g->n; k++) {
        const trajectory *item = &g->item[k];
        double *q = block + (size_t)k * 2 * (STEPS_MAX + 1), *v = q + STEPS_MAX + 1;
        for (int t = 0; t <= item->T; t++) {
            q[t] = item->z[(size_t)t * nz + (size_t)i];
            v[t] = item->z[(size_t)t * nz + nq + (size_t)i];
        }
        series[k] = (tz_series){.title = item->title, .x = q, .y = v, .n = item->T + 1};
    }
    char name[32], position[TZ_NAME_MAX + 16], velocity[TZ_NAME_MAX + 16];
    snprintf(name, sizeof name, "phase-%d", i);
    snprintf(position, sizeof position, "position %d", i);
    snprintf(velocity, sizeof velocity, "velocity %d", i);
    if (g->env != NULL) {
        snprintf(position, sizeof position, "position of %s",
                 tz_env_task(g->env)->coordinate_name[i]);
        snprintf(velocity, sizeof velocity, "velocity of %s",
                 tz_env_task(g->env)->velocity_name[i]);
    }
    const tz_plot plot = {.title = "phase portrait",
                          .x_label = position,
                          .y_label = velocity,
                          .series = series,
                          .n_series = g->n};
    return draw(g, plot, name, error);
}

static tz_status draw_true_energy(const gallery *g, const tz_system *system, double *block,
                                  tz_error *error) {
    double time[STEPS_MAX + 1];
    tz_series series[TRAJECTORIES_MAX];
    for (int k = 0; k < g->n; k++) {
        const trajectory *item = &g->item[k];
        double *H = block + (size_t)k * (STEPS_MAX + 1);
        for (int t = 0; t <= item->T; t++) {
            const double *z = item->z + (size_t)t * (size_t)g->dataset->nz;
            H[t] = tz_system_energy(system, z, z + system->n);
        }
        series[k] =
            (tz_series){.title = item->title, .x = times(time, g), .y = H, .n = item->T + 1};
    }
    const tz_plot plot = {.title = "energy",
                          .x_label = "time (s)",
                          .y_label = "H (J)",
                          .series = series,
                          .n_series = g->n};
    return draw(g, plot, "energy", error);
}

// Learned energies have no unit and no zero in common, so their changes are shown.
static tz_status draw_learned_energy(const gallery *g, double *block, tz_error *error) {
    double time[STEPS_MAX + 1];
    char title[2 * TRAJECTORIES_MAX][96];
    tz_series series[2 * TRAJECTORIES_MAX];
    int n = 0;
    for (int k = 0; k < g->n; k++) {
        const trajectory *item = &g->item[k];
        const double *const energies[] = {item->energy, item->energy_true};
        static const char *const along[] = {"its prediction", "the truth"};
        for (size_t i = 0; i < TZ_COUNTOF(energies) && item->energy != NULL; i++) {
            double *E = block + (size_t)n * (STEPS_MAX + 1);
            for (int t = 0; t <= item->T; t++) {
                E[t] = energies[i][t] - energies[i][0];
            }
            snprintf(title[n], sizeof title[n], "%s along %s", item->title, along[i]);
            series[n] =
                (tz_series){.title = title[n], .x = times(time, g), .y = E, .n = item->T + 1};
            n++;
        }
    }
    const tz_plot plot = {.title = "change of the learned energy",
                          .x_label = "time (s)",
                          .y_label = "E - E(0), each model's own unit",
                          .series = series,
                          .n_series = n};
    return n > 0 ? draw(g, plot, "learned-energy", error) : TZ_OK;
}

static tz_status draw_gallery(const gallery *g, tz_error *error) {
    double *block = tz_alloc(2 * TRAJECTORIES_MAX * (STEPS_MAX + 1), sizeof *block);
    if (block == NULL) {
        return fail_memory(error);
    }
    tz_status status = TZ_OK;
    const int nq = g->dataset->nq;
    for (int i = 0; i < nq && nq <= COORDINATES_MAX && nq == g->dataset->nv && status == TZ_OK;
         i++) {
        status = draw_phase(g, i, block, error);
    }
    tz_system system;
    if (status == TZ_OK && tz_system_find(&system, g->dataset->env, NULL) == TZ_OK &&
        system.n == nq) {
        status = draw_true_energy(g, &system, block, error);
    }
    if (status == TZ_OK) {
        status = draw_learned_energy(g, block, error);
    }
    tz_free(block);
    return status;
}

// ---- folders

static tz_status show_dataset(gallery *g, const char *path, tz_error *error) {
    TZ_CHECK(open_dataset(g, path, NULL, error));
    for (int e = 0; e < g->dataset->n_episodes && e < EPISODES; e++) {
        char title[32];
        snprintf(title, sizeof title, "episode %d", e);
        TZ_CHECK(add_episode(g, title, e, 0, STEPS_MAX, error));
    }
    return draw_gallery(g, error);
}

static tz_status show_collect(gallery *g, const char *folder, struct json_object *config,
                              tz_error *error) {
    (void)config;
    return show_dataset(g, folder, error);
}

static tz_status show_mpc(gallery *g, const char *folder, struct json_object *config,
                          tz_error *error) {
    (void)config;
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "dataset", error));
    return show_dataset(g, path, error);
}

static struct json_object *member(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    json_object_object_get_ex(object, key, &value);
    return value;
}

static struct json_object *first_of(struct json_object *list) {
    return json_object_is_type(list, json_type_array) && json_object_array_length(list) > 0
               ? json_object_array_get_idx(list, 0)
               : NULL;
}

// The first episode that the run held out, or the first of all.
static tz_status held_out_episode(const gallery *g, struct json_object *config, int *episode,
                                  tz_error *error) {
    const double fraction = json_object_get_double(member(config, "test_fraction"));
    unsigned char *is_test = tz_alloc((size_t)g->dataset->n_episodes, 1);
    if (is_test == NULL) {
        return fail_memory(error);
    }
    *episode = 0;
    if (fraction > 0.0 && fraction <= 1.0) {
        tz_dataset_split(g->dataset, is_test, fraction,
                         json_object_get_uint64(member(config, "split_seed")));
    }
    while (*episode < g->dataset->n_episodes && !is_test[*episode]) {
        (*episode)++;
    }
    *episode = *episode < g->dataset->n_episodes ? *episode : 0;
    tz_free(is_test);
    return TZ_OK;
}

static tz_status show_train(gallery *g, const char *folder, struct json_object *config,
                            tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "model.safetensors", error));
    if (!tz_file_exists(path)) {
        return TZ_OK; // not finished
    }
    struct json_object *data = first_of(member(config, "data"));
    TZ_CHECK(open_dataset(g, tz_config_text(data, "path"), tz_config_text(config, "env"), error));
    TZ_CHECK(expect_same(tz_config_text(data, "path"), g->dataset->sha256,
                         tz_config_text(data, "sha256"), error));
    if (g->dataset->n_episodes == 0) {
        return TZ_OK;
    }
    int episode = 0;
    TZ_CHECK(held_out_episode(g, config, &episode, error));
    TZ_CHECK(add_episode(g, "truth", episode, 0, STEPS_MAX, error));
    const shown_model shown = {
        .path = path, .title = tz_config_text(config, "kind"), .sha256 = "", .integrator = ""};
    TZ_CHECK(add_model(g, &shown, episode, 0, error));
    return draw_gallery(g, error);
}

// What a picture is drawn from, in metrics.json.
static tz_status expect_path(const char *folder, const char *path, const char *key,
                             tz_error *error) {
    return path[0] != '\0'
               ? TZ_OK
               : tz_fail(error, TZ_ERR_FORMAT, "%s/metrics.json: no text at '%s', expected a path",
                         folder, key);
}

static tz_status show_rollout(gallery *g, const char *folder, struct json_object *metrics,
                              tz_error *error) {
    TZ_CHECK(expect_path(folder, tz_config_text(metrics, "data"), "data", error));
    TZ_CHECK(
        open_dataset(g, tz_config_text(metrics, "data"), tz_config_text(metrics, "env"), error));
    TZ_CHECK(expect_same(tz_config_text(metrics, "data"), g->dataset->sha256,
                         tz_config_text(metrics, "data_sha256"), error));
    const int episode = json_object_get_int(first_of(member(metrics, "episode")));
    const int start = json_object_get_int(first_of(member(metrics, "start")));
    const int horizon = json_object_get_int(member(metrics, "horizon"));
    if (episode < 0 || episode >= g->dataset->n_episodes || start < 0 || horizon < 1 ||
        start >= tz_dataset_length(g->dataset, episode)) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: has no step %d of episode %d, which metrics.json starts from",
                       tz_config_text(metrics, "data"), start, episode);
    }
    TZ_CHECK(
        add_episode(g, "truth", episode, start, horizon < STEPS_MAX ? horizon : STEPS_MAX, error));
    struct json_object *models = member(metrics, "models");
    const size_t n =
        json_object_is_type(models, json_type_array) ? json_object_array_length(models) : 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *model = json_object_array_get_idx(models, i);
        const shown_model shown = {.path = tz_config_text(model, "model"),
                                   .title = tz_config_text(model, "label"),
                                   .sha256 = tz_config_text(model, "sha256"),
                                   .integrator = tz_config_text(model, "integrator"),
                                   .substeps = json_object_get_int(member(model, "substeps"))};
        TZ_CHECK(expect_path(folder, shown.path, "models[].model", error));
        TZ_CHECK(add_model(g, &shown, episode, start, error));
    }
    return draw_gallery(g, error);
}

static tz_status show_eval(gallery *g, const char *folder, struct json_object *config,
                           tz_error *error) {
    (void)config;
    struct json_object *metrics = NULL;
    TZ_CHECK(tz_run_json_read(folder, "metrics.json", &metrics, error));
    const tz_status status = show_rollout(g, folder, metrics, error);
    json_object_put(metrics);
    return status;
}

static const struct {
    const char *command;
    tz_status (*show)(gallery *g, const char *folder, struct json_object *config, tz_error *error);
} kinds[] = {
    {"collect", show_collect}, {"mpc", show_mpc}, {"train", show_train}, {"eval", show_eval}};

tz_status tz_draw_states(const char *folder, struct json_object *config, tz_pictures *out,
                         tz_error *error) {
    for (size_t i = 0; i < TZ_COUNTOF(kinds); i++) {
        if (strcmp(tz_config_command(config), kinds[i].command) == 0) {
            gallery g = {.out = out};
            const tz_status status = kinds[i].show(&g, folder, config, error);
            destroy(&g);
            return status;
        }
    }
    return TZ_OK;
}
