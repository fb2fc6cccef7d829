#include "envs/mjcf_env.h"

#include "base/memory.h"
#include "envs/env_match.h"
#include "envs/expression.h"
#include "envs/mjcf_check.h"
#include "envs/mujoco_compat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EPISODE_STEPS_DEFAULT = 1000, FRAME_SKIP_MAX = 10000, ARENA_BYTES_MAX = 1 << 30 };

// The type of one file, owned by its environment.
typedef struct mjcf_type {
    tz_mujoco_env_type type;
    char name[TZ_NAME_MAX], summary[TZ_NAME_MAX + 32];
    bool has_reward, has_end;
    tz_expression reward, end;
} mjcf_type;

static const mjcf_type *type_of(const tz_task *task) {
    return (const mjcf_type *)tz_mujoco_type_of(task);
}

// ---- reward and end ---------------------------------------------------------------------------

// The sensors' values.
static void measure(const tz_task *task, const mjModel *model, const mjData *data, double *m) {
    (void)task;
    mju_copy(m, data->sensordata, (int)model->nsensordata);
}

static double reward(const tz_task *task, tz_moment before, const double *u, tz_moment after) {
    const mjcf_type *self = type_of(task);
    return self->has_reward ? tz_expression_value(&self->reward, task, before, u, after) : 0.0;
}

static double reward_of_z(const tz_task *task, const double *z, const double *u,
                          const double *z_next) {
    return reward(task, (tz_moment){.z = z}, u, (tz_moment){.z = z_next});
}

// An end rule that is not a number ends.
static bool ends(const tz_task *task, tz_moment after) {
    return tz_expression_value(&type_of(task)->end, task, after, NULL, after) != 0.0;
}

static bool ends_at_z(const tz_task *task, const double *z_next) {
    return ends(task, (tz_moment){.z = z_next});
}

// ---- what is not supported --------------------------------------------------------------------

// Refuses a model whose next state depends on more than (q, v, u).
static tz_status check_model(const mjModel *model, const char *path, tz_error *error) {
    const struct {
        long long n;
        int limit;
        const char *what;
    } sizes[] = {
        {model->nq > model->nv ? model->nq : model->nv, TZ_NQ_MAX, "coordinates"},
        {model->nu, TZ_NU_MAX, "actuators"},
        {model->nsensordata, TZ_MEASURED_MAX, "sensor values"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(sizes); i++) {
        if (sizes[i].n > sizes[i].limit) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s is not supported: it has %lld %s (expected at most %d)", path,
                           sizes[i].n, sizes[i].what, sizes[i].limit);
        }
    }
    const struct {
        bool is_so;
        const char *what, *expected;
    } refusals[] = {
        {model->nv == 0, "it has no joints", "at least one"},
        {model->na > 0,
         "its actuators have activation states (muscles, integrators, filters), which z = [q, v] "
         "does "
         "not hold",
         "actuators without dynamics"},
        {tz_mujoco_n_hidden(model) > 0,
         "it has plugins, delays or yielding springs with a state of their own, which z = [q, v] "
         "does not hold",
         "none"},
        {tz_mujoco_can_sleep(model),
         "its bodies may fall asleep (flag sleep), and z = [q, v] does not hold which of them are",
         "the flag disabled"},
        {!(model->opt.timestep > 0.0) || !isfinite(model->opt.timestep),
         "its timestep is not positive", "a time in seconds"},
        {tz_mujoco_has_noisy_sensors(model),
         "its sensors are noisy (flag sensornoise), by numbers that no seed tells",
         "the flag disabled"},
        {tz_mujoco_arena_bytes(model) > ARENA_BYTES_MAX, "its simulation needs more than 1 GB",
         "less"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(refusals); i++) {
        if (refusals[i].is_so) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s is not supported: %s (expected %s)", path,
                           refusals[i].what, refusals[i].expected);
        }
    }
    for (int i = 0; i < (int)model->nu; i++) {
        const double low = model->actuator_ctrlrange[2 * i];
        const double high = model->actuator_ctrlrange[2 * i + 1];
        const bool is_sound = low < high && -mjMAXVAL <= low && high <= mjMAXVAL;
        if (!model->actuator_ctrllimited[i] || !is_sound) {
            const int actuator = tz_mujoco_actuator_of(model, i);
            const char *name = mj_id2name(model, mjOBJ_ACTUATOR, actuator);
            int first, n;
            tz_mujoco_controls_of(model, actuator, &first, &n);
            return tz_fail(
                error, TZ_ERR_UNSUPPORTED,
                "%s: actuator %d (%s) has no ctrlrange%s that MuJoCo can simulate; expected one "
                "within %g",
                path, actuator, name ? name : "without a name",
                n > 1 ? " for each of its controls" : "", mjMAXVAL);
        }
    }
    return TZ_OK;
}

// Refuses settings of pictures that no picture needs and that MuJoCo's renderer does not survive:
// buffers, meshes of primitives (squares of slices, stacks and quads), and the camera's range.
static tz_status check_pictures(const mjModel *model, const char *path, tz_error *error) {
    const mjVisual *vis = &model->vis;
    const struct {
        const char *name;
        double value, min, max;
    } settings[] = {
        {"global offwidth", vis->global.offwidth, 1, 16384},
        {"global offheight", vis->global.offheight, 1, 16384},
        {"quality shadowsize", vis->quality.shadowsize, 0, 16384},
        {"quality numslices", vis->quality.numslices, 1, 256},
        {"quality numstacks", vis->quality.numstacks, 1, 256},
        {"quality numquads", vis->quality.numquads, 1, 256},
        {"map znear", (double)vis->map.znear, (double)1e-6f, 1e6},
        {"map zfar", (double)vis->map.zfar, (double)vis->map.znear, 1e9},
        {"statistic extent", model->stat.extent, 1e-6, 1e9},
    };
    for (size_t i = 0; i < TZ_COUNTOF(settings); i++) {
        if (!(settings[i].value >= settings[i].min && settings[i].value <= settings[i].max)) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s: %s is %g; expected %g to %g", path,
                           settings[i].name, settings[i].value, settings[i].min, settings[i].max);
        }
    }
    return TZ_OK;
}

// ---- custom fields ----------------------------------------------------------------------------

// Reads the numeric field `name` of at most n numbers; those that are not given stay.
static tz_status read_numeric(double *x, int n, const mjModel *model, const char *name, double min,
                              double max, bool whole, const char *path, tz_error *error) {
    const int id = mj_name2id(model, mjOBJ_NUMERIC, name);
    for (int i = 0; id >= 0 && i < (int)model->numeric_size[id]; i++) {
        const double value = model->numeric_data[(int)model->numeric_adr[id] + i];
        if (i >= n || !(value >= min && value <= max) || (whole && value != floor(value))) {
            return tz_fail(
                error, TZ_ERR_FORMAT,
                "%s: %s has the value %g in place %d; expected at most %d numbers from %g "
                "to %g%s",
                path, name, value, i, n, min, max, whole ? ", whole ones" : "");
        }
        x[i] = value;
    }
    return TZ_OK;
}

static const char *find_text(const mjModel *model, const char *name) {
    const int id = mj_name2id(model, mjOBJ_TEXT, name);
    return id >= 0 ? model->text_data + model->text_adr[id] : NULL;
}

// A misspelt field would be ignored in silence.
static tz_status check_field_names(const mjModel *model, const char *path, tz_error *error) {
    static const char *const known[] = {"trapeze_frame_skip",  "trapeze_episode_steps",
                                        "trapeze_reset_noise", "trapeze_reward",
                                        "trapeze_end",         "trapeze_cyclic"};
    for (int k = 0; k < (int)(model->nnumeric + model->ntext); k++) {
        const bool numeric = k < (int)model->nnumeric;
        const char *name = mj_id2name(model, numeric ? mjOBJ_NUMERIC : mjOBJ_TEXT,
                                      numeric ? k : k - (int)model->nnumeric);
        bool is_known = !name || strncmp(name, "trapeze", 7) != 0;
        for (size_t i = 0; !is_known && i < TZ_COUNTOF(known); i++) {
            is_known = strcmp(name, known[i]) == 0 && numeric == (i < 3);
        }
        if (!is_known) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: custom %s %s is unknown; expected numeric trapeze_frame_skip, "
                           "trapeze_episode_steps, trapeze_reset_noise, or text trapeze_reward, "
                           "trapeze_end, trapeze_cyclic",
                           path, numeric ? "numeric" : "text", name);
        }
    }
    return TZ_OK;
}

// Marks the coordinates named in `text` as cyclic.
static tz_status read_cyclic(tz_task *task, const char *text, const char *path, tz_error *error) {
    while (text && *text) {
        const size_t n = strcspn(text, " ,\t\n");
        int i = 0;
        while (i < task->nq && (strlen(task->coordinate_name[i]) != n ||
                                strncmp(task->coordinate_name[i], text, n) != 0)) {
            i++;
        }
        if (n > 0 && (i == task->nq || task->coordinate[i] != TZ_COORDINATE_LINEAR)) {
            return tz_fail(error, TZ_ERR_FORMAT,
                           "%s: trapeze_cyclic names '%.*s'; expected linear coordinates", path,
                           (int)(n < 60 ? n : 60), text);
        }
        if (n > 0) {
            task->cyclic[i] = true;
        }
        text += n + (text[n] != '\0');
    }
    return TZ_OK;
}

// Fills the type from the model.
static tz_status describe(mjcf_type *self, const mjModel *model, const char *path,
                          tz_error *error) {
    double frame_skip = 1.0, episode_steps = EPISODE_STEPS_DEFAULT, noise[2] = {0.0, 0.0};
    TZ_CHECK(check_field_names(model, path, error));
    TZ_CHECK(read_numeric(&frame_skip, 1, model, "trapeze_frame_skip", 1, FRAME_SKIP_MAX, true,
                          path, error));
    TZ_CHECK(
        read_numeric(&episode_steps, 1, model, "trapeze_episode_steps", 1, 1e6, true, path, error));
    TZ_CHECK(read_numeric(noise, 2, model, "trapeze_reset_noise", 0.0, 1e3, false, path, error));

    snprintf(self->name, sizeof self->name, "%s", path);
    snprintf(self->summary, sizeof self->summary, "from %s", path);
    self->has_reward = find_text(model, "trapeze_reward") != NULL;
    self->has_end = find_text(model, "trapeze_end") != NULL;
    self->type = (tz_mujoco_env_type){
        .env = {.info = {.name = self->name,
                         .gymnasium_id = "",
                         .summary = self->summary,
                         .max_episode_steps = (int)episode_steps,
                         .camera_track_body = 1,
                         .camera_distance = 2.5 * model->stat.extent,
                         .camera_lookat = {model->stat.center[0], model->stat.center[1],
                                           model->stat.center[2]},
                         .camera_elevation = -20.0},
                .ops = &tz_mujoco_ops},
        .nq = (int)model->nq,
        .nv = (int)model->nv,
        .nu = (int)model->nu,
        .frame_skip = (int)frame_skip,
        .reset_noise = {noise[0], noise[1]},
        .reward = reward_of_z,
        .terminated = self->has_end ? ends_at_z : NULL,
        .measure = measure,
        .measured_reward = reward,
        .measured_end = self->has_end ? ends : NULL,
    };
    return TZ_OK;
}

static tz_status take_digest(tz_task *task, const mjModel *model, tz_error *error) {
    char sha256[65], version[33];
    bool has_paths;
    TZ_CHECK(tz_mujoco_digest(model, sha256, &has_paths, error));
    snprintf(version, sizeof version, "%.26s%s", mj_versionString(), has_paths ? "+files" : "");
    tz_env_digest(task->digest, version, sha256);
    return TZ_OK;
}

// Adds the digest and, as the task has its names now, the rules; sensors are then measured where a
// rule asks.
static tz_status complete(void *context, tz_task *task, const mjModel *model, tz_error *error) {
    mjcf_type *self = context;
    TZ_CHECK(take_digest(task, model, error));
    if (self->has_reward) {
        TZ_CHECK(tz_expression_parse(&self->reward, find_text(model, "trapeze_reward"),
                                     "trapeze_reward", self->name, task, model, error));
    }
    if (self->has_end) {
        TZ_CHECK(tz_expression_parse(&self->end, find_text(model, "trapeze_end"), "trapeze_end",
                                     self->name, task, model, error));
        if (self->end.uses_past) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s: trapeze_end uses a control or before(); expected the state after "
                           "the step alone",
                           self->name);
        }
    }
    self->type.n_measured =
        self->reward.uses_sensors || self->end.uses_sensors ? (int)model->nsensordata : 0;
    return read_cyclic(task, find_text(model, "trapeze_cyclic"), self->name, error);
}

bool tz_is_mjcf_name(const char *name) {
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".xml") == 0;
}

tz_status tz_mjcf_env_create(tz_env **env, const tz_env_def *def, tz_error *error) {
    const char *path = def->name;
    *env = NULL;
    if (strlen(path) > TZ_ENV_LETTERS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%.200s: a path of %zu letters; expected at most %d",
                       path, strlen(path), TZ_ENV_LETTERS_MAX);
    }
    TZ_CHECK(tz_mjcf_check(path, error));
    mjModel *model;
    TZ_CHECK(tz_mujoco_load(&model, path, error));
    mjcf_type *self = tz_alloc(1, sizeof *self);
    tz_status status = self ? check_model(model, path, error)
                            : tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for it", path);
    status = status == TZ_OK ? check_pictures(model, path, error) : status;
    status = status == TZ_OK ? describe(self, model, path, error) : status;
    if (status != TZ_OK) {
        tz_free(self);
        mj_deleteModel(model);
        return status;
    }
    return tz_mujoco_env_create(env, &self->type, model, self, complete, def, 0, error);
}
