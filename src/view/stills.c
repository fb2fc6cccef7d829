// With L steps there are L + 1 states; picture i of n shows state round(i L / (n - 1)), as a film
// would: with the plan of the step before it, the trail and the curves up to it. So the steps are
// written down as they are told, and played back to the stage when L is known.
#include "view/stills.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/png.h"
#include "view/offscreen.h"
#include "view/stage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A step that is kept begins with these numbers; z_next (nz), u (nu), the points of the plan
// (n_plan, 3) and of its candidates (n_samples, n_plan, 3) follow.
enum { REWARD, RETURN, PREDICTED, PLAN_S, N_PLAN, N_SAMPLES, N_NUMBERS };

struct tz_stills {
    tz_offscreen *offscreen;
    tz_stage *stage;
    mjrRect viewport;
    char folder[TZ_PATH_MAX];
    int n;
    unsigned char *rgb; // one picture                         (height, width, 3)
    double *z0;         // the first state                                    (nz)
    double *kept;       // the steps, one after the other               (capacity)
    size_t used, capacity;
    int length;     // steps that are kept
    bool is_over;   // the first episode has ended
    tz_error error; // first trouble inside a callback
};

enum { COOKIE = 0x7374696c, PIXELS_MAX = 16384 };

tz_stills_def tz_stills_def_default(void) {
    return (tz_stills_def){.cookie = COOKIE,
                           .folder = ".",
                           .title = "trapeze",
                           .n = 1,
                           .width = 640,
                           .height = 480,
                           .quality = TZ_QUALITY_AUTO};
}

// ---- keeping the steps

// Room for n more numbers; NULL when there is no memory.
static double *append(tz_stills *stills, size_t n) {
    if (stills->used + n > stills->capacity) {
        const size_t capacity = 2 * stills->capacity + n;
        double *kept = tz_alloc(capacity, sizeof *kept);
        if (kept == NULL) {
            tz_fail(&stills->error, TZ_ERR_MEMORY,
                    "no memory for the %d steps between which the pictures are chosen",
                    stills->length + 1);
            return NULL;
        }
        if (stills->used > 0) {
            memcpy(kept, stills->kept, stills->used * sizeof *kept);
        }
        tz_free(stills->kept);
        stills->kept = kept;
        stills->capacity = capacity;
    }
    double *room = stills->kept + stills->used;
    stills->used += n;
    return room;
}

static size_t step_size(const tz_task *task, int n_plan, int n_samples) {
    return N_NUMBERS + (size_t)(tz_task_nz(task) + task->nu) +
           3 * (size_t)n_plan * (size_t)(1 + n_samples);
}

static tz_loop_request answer(const tz_stills *stills) {
    return stills->error.status == TZ_OK ? TZ_LOOP_CONTINUE : TZ_LOOP_STOP;
}

static tz_loop_request on_episode_begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env;
    (void)episode;
    tz_stills *stills = context;
    if (!stills->is_over) {
        const tz_task *task = stills->stage->scene->task;
        memcpy(stills->z0, z, (size_t)tz_task_nz(task) * sizeof *z);
        stills->used = 0;
        stills->length = 0;
        stills->stage->has_plan = false;
        stills->stage->n_plan = stills->stage->n_samples = 0;
    }
    return answer(stills);
}

// Only the kinematics of the stage are asked here, nothing is drawn.
static tz_loop_request on_planned(void *context, tz_env *env, const tz_plan *plan) {
    (void)env;
    tz_stills *stills = context;
    if (plan != NULL && !stills->is_over) {
        tz_stage_planned(stills->stage, plan);
    }
    return answer(stills);
}

static double *put(double *at, const double *values, size_t n) {
    memcpy(at, values, n * sizeof *at);
    return at + n;
}

static tz_loop_request on_stepped(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    tz_stills *stills = context;
    const tz_stage *stage = stills->stage;
    const tz_task *task = stage->scene->task;
    if (stills->is_over || step->step.outcome != TZ_STEP_OK) {
        return answer(stills);
    }
    double *at = append(stills, step_size(task, stage->n_plan, stage->n_samples));
    if (at != NULL) {
        at[REWARD] = step->step.reward;
        at[RETURN] = step->return_so_far;
        at[PREDICTED] = stage->predicted_reward;
        at[PLAN_S] = stage->plan_s;
        at[N_PLAN] = stage->n_plan;
        at[N_SAMPLES] = stage->n_samples;
        at = put(at + N_NUMBERS, step->z_next, (size_t)tz_task_nz(task));
        for (int j = 0; j < task->nu; j++) {
            *at++ = (double)step->u[j];
        }
        const size_t n_path = 3 * (size_t)stage->n_plan;
        at = put(at, stage->plan, n_path);
        for (int i = 0; i < stage->n_samples; i++) {
            at = put(at, stage->sample[i], n_path);
        }
        stills->length++;
    }
    return answer(stills);
}

// ---- playing them back

// The numbers of a kept step, on the stage; z is the state before it. Returns where they end.
static const double *play_step(tz_stage *stage, const double *kept, int t, const double *z) {
    const tz_task *task = stage->scene->task;
    float u[TZ_NU_MAX];
    const double *z_next = kept + N_NUMBERS, *u_kept = z_next + tz_task_nz(task);
    for (int j = 0; j < task->nu; j++) {
        u[j] = (float)u_kept[j];
    }
    stage->n_plan = (int)kept[N_PLAN];
    stage->n_samples = (int)kept[N_SAMPLES];
    stage->has_plan = stage->n_plan > 0;
    stage->predicted_reward = kept[PREDICTED];
    stage->plan_s = kept[PLAN_S];
    const double *at = u_kept + task->nu;
    const size_t n_path = 3 * (size_t)stage->n_plan;
    memcpy(stage->plan, at, n_path * sizeof *at);
    for (int i = 0; i < stage->n_samples; i++) {
        memcpy(stage->sample[i], at + (size_t)(i + 1) * n_path, n_path * sizeof *at);
    }
    const tz_loop_step step = {.t = t,
                               .z = z,
                               .z_next = z_next,
                               .u = u,
                               .step = {.reward = kept[REWARD]},
                               .return_so_far = kept[RETURN]};
    tz_stage_stepped(stage, &step);
    return kept + step_size(task, stage->n_plan, stage->n_samples);
}

static tz_status path_of(const tz_stills *stills, int picture, char path[TZ_PATH_MAX],
                         tz_error *error) {
    char name[32];
    snprintf(name, sizeof name, "still-%03d.png", picture + 1);
    return tz_path_join(path, stills->folder, name, error);
}

static tz_status draw_picture(tz_stills *stills, int picture, tz_error *error) {
    char path[TZ_PATH_MAX];
    const mjrRect size = stills->viewport;
    TZ_CHECK(path_of(stills, picture, path, error));
    TZ_CHECK(tz_stage_draw(stills->stage, size, 1.0, NULL, error));
    TZ_CHECK(tz_scene_read_rgb(stills->stage->scene, size, stills->rgb, error));
    return tz_png_write(path, stills->rgb, size.width, size.height, error);
}

// The state that a picture shows.
static int state_of(const tz_stills *stills, int picture) {
    return stills->n == 1 ? stills->length / 2
                          : (int)lround((double)picture * stills->length / (stills->n - 1));
}

// Draws the pictures in their order; *n_drawn counts them.
static tz_status draw_pictures(tz_stills *stills, int *n_drawn, tz_error *error) {
    const double *at = stills->kept, *z = stills->z0;
    tz_stage_begin(stills->stage, z);
    for (int state = 0; *n_drawn < stills->n; state++) {
        if (state == state_of(stills, *n_drawn)) {
            TZ_CHECK(draw_picture(stills, *n_drawn, error));
            (*n_drawn)++;
        }
        if (state < stills->length) {
            const double *next = play_step(stills->stage, at, state, z);
            z = at + N_NUMBERS;
            at = next;
        }
    }
    return TZ_OK;
}

static tz_status draw_all(tz_stills *stills, tz_error *error) {
    if (stills->n > stills->length + 1) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%d pictures cannot be made: the episode has %d steps, expected at most one "
                       "picture more than that",
                       stills->n, stills->length);
    }
    int n_drawn = 0;
    TZ_CHECK(tz_offscreen_enter(stills->offscreen, error));
    const tz_status status = draw_pictures(stills, &n_drawn, error);
    tz_offscreen_leave(stills->offscreen);
    for (int i = 0; status != TZ_OK && i < n_drawn; i++) {
        char path[TZ_PATH_MAX];
        if (path_of(stills, i, path, NULL) == TZ_OK) {
            unlink(path);
        }
    }
    return status;
}

static void on_episode_end(void *context, tz_env *env, int episode, double episode_return,
                           int length) {
    (void)env, (void)episode, (void)episode_return, (void)length;
    tz_stills *stills = context;
    if (!stills->is_over && stills->error.status == TZ_OK) {
        draw_all(stills, &stills->error);
        stills->is_over = true;
        tz_free(stills->kept);
        stills->kept = NULL;
        stills->used = stills->capacity = 0;
    }
}

tz_observer tz_stills_observer(tz_stills *stills) {
    return (tz_observer){.context = stills,
                         .episode_begin = on_episode_begin,
                         .planned = on_planned,
                         .stepped = on_stepped,
                         .episode_end = on_episode_end};
}

// ---- lifetime

// What can go wrong is told before anything is driven.
static tz_status check_folder(const tz_stills *stills, tz_error *error) {
    char path[TZ_PATH_MAX], temporary[TZ_PATH_MAX];
    TZ_CHECK(tz_make_folders(stills->folder, error));
    TZ_CHECK(path_of(stills, 0, path, error));
    TZ_CHECK(tz_file_begin(path, temporary, error));
    tz_file_abandon(temporary);
    return TZ_OK;
}

static tz_status allocate(tz_stills *stills, const tz_task *task, tz_error *error) {
    const mjrRect size = stills->viewport;
    stills->rgb = tz_alloc(3 * (size_t)size.width, (size_t)size.height);
    stills->z0 = tz_alloc((size_t)tz_task_nz(task), sizeof *stills->z0);
    return stills->rgb != NULL && stills->z0 != NULL
               ? TZ_OK
               : tz_fail(error, TZ_ERR_MEMORY, "no memory for pictures");
}

static tz_status open_stage(tz_stills *stills, const tz_stills_def *def, const tz_env *env,
                            tz_error *error) {
    TZ_CHECK(check_folder(stills, error));
    TZ_CHECK(allocate(stills, tz_env_task(env), error));
    TZ_CHECK(tz_offscreen_create(&stills->offscreen, error));
    TZ_CHECK(tz_offscreen_enter(stills->offscreen, error));
    TZ_CHECK(tz_stage_create(&stills->stage, env, def->title, true, def->width, def->height,
                             def->quality, error));
    tz_offscreen_leave(stills->offscreen);
    return TZ_OK;
}

tz_status tz_stills_create(tz_stills **stills_out, const tz_stills_def *def, const tz_env *env,
                           tz_error *error) {
    *stills_out = NULL;
    if (def->cookie != COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "the pictures' definition was not made by tz_stills_def_default");
    }
    if (def->width < 1 || def->height < 1 || def->width > PIXELS_MAX || def->height > PIXELS_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "pictures of %d x %d, expected 1 to %d pixels",
                       def->width, def->height, PIXELS_MAX);
    }
    const int most = tz_env_task(env)->max_episode_steps;
    if (def->n < 1 || def->n > (double)most + 1.0) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%d pictures cannot be made: an episode has at most %d steps, expected one "
                       "picture or more, and at most one more than that",
                       def->n, most);
    }
    tz_stills *stills = tz_alloc(1, sizeof *stills);
    if (stills == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for pictures");
    }
    stills->viewport = (mjrRect){0, 0, def->width, def->height};
    stills->n = def->n;
    snprintf(stills->folder, sizeof stills->folder, "%s", def->folder);
    const tz_status status = open_stage(stills, def, env, error);
    if (status != TZ_OK) {
        tz_stills_destroy(stills);
        return status;
    }
    *stills_out = stills;
    return TZ_OK;
}

tz_status tz_stills_finish(tz_stills *stills, tz_error *error) {
    const tz_error *e = &stills->error;
    return e->status == TZ_OK ? TZ_OK : tz_fail(error, e->status, "%s", e->text);
}

void tz_stills_destroy(tz_stills *stills) {
    if (stills == NULL) {
        return;
    }
    if (stills->offscreen != NULL && tz_offscreen_enter(stills->offscreen, NULL) == TZ_OK) {
        tz_stage_destroy(stills->stage);
    }
    tz_offscreen_destroy(stills->offscreen);
    tz_free(stills->kept);
    tz_free(stills->z0);
    tz_free(stills->rgb);
    tz_free(stills);
}
