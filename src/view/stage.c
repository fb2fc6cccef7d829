#include "view/stage.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Steps on a curve; mjvFigure holds up to mjMAXLINEPNT points a line.
enum { CURVE_STEPS = 200, LINE_OBTAINED = 0, LINE_PREDICTED = 1, LINE_PLAN = 0, LINE_PERIOD = 1 };
enum { LINE_SUM = 0, LINE_TERMS = 1 };

// ---- lifetime

static void style_figure(mjvFigure *figure, const char *title, const char *y_format) {
    mjv_defaultFigure(figure);
    snprintf(figure->title, sizeof figure->title, "%s", title);
    snprintf(figure->xformat, sizeof figure->xformat, "%%.0f");
    snprintf(figure->yformat, sizeof figure->yformat, "%s", y_format);
    figure->flg_extend = 1;
    figure->flg_ticklabel[0] = figure->flg_ticklabel[1] = 1;
    figure->gridsize[0] = 3;
    figure->gridsize[1] = 3; // more labels would overlap in a small video
    figure->linewidth = 2.0f;
    figure->figurergba[3] = 0.45f;
}

static void style_figures(mjvFigure *figure) {
    static const float white[3] = {0.95f, 0.95f, 0.95f}, orange[3] = {1.0f, 0.55f, 0.1f};
    style_figure(&figure[TZ_PLOT_REWARD], "reward of each control step", "%.1f");
    style_figure(&figure[TZ_PLOT_CONTROLS], "controls", "%.1f");
    style_figure(&figure[TZ_PLOT_PLAN_TIME], "plan, ms (orange: control period)", "%.0f");
    memcpy(figure[TZ_PLOT_REWARD].linergb[LINE_OBTAINED], white, sizeof white);
    memcpy(figure[TZ_PLOT_REWARD].linergb[LINE_PREDICTED], orange, sizeof orange);
    memcpy(figure[TZ_PLOT_PLAN_TIME].linergb[LINE_PLAN], white, sizeof white);
    memcpy(figure[TZ_PLOT_PLAN_TIME].linergb[LINE_PERIOD], orange, sizeof orange);
}

// Names the lines of the reward's terms in a legend.
static void style_terms(mjvFigure *figure, const tz_task *task) {
    static const float colour[][3] = {{0.4f, 0.75f, 1.0f}, {0.5f, 0.9f, 0.4f}, {1.0f, 0.5f, 0.75f},
                                      {1.0f, 0.9f, 0.3f},  {0.7f, 0.6f, 1.0f}, {0.4f, 0.9f, 0.9f}};
    const tz_argument *weight[TZ_WEIGHTS_MAX];
    const int n = tz_task_weights(weight, task);
    style_figure(figure, "reward and its terms", "%.1f");
    figure->flg_legend = 1;
    memcpy(figure->linergb[LINE_SUM], (float[3]){0.95f, 0.95f, 0.95f}, 3 * sizeof(float));
    for (size_t i = 0; i < TZ_COUNTOF(colour); i++) {
        memcpy(figure->linergb[LINE_TERMS + i], colour[i], sizeof colour[i]);
    }
    snprintf(figure->linename[LINE_SUM], sizeof figure->linename[0], "reward");
    for (int i = 0; i < n; i++) {
        tz_term_name(figure->linename[LINE_TERMS + i], weight[i]);
    }
}

tz_status tz_stage_create(tz_stage **stage_out, const tz_env *env, const char *title,
                          bool offscreen, int width, int height, tz_quality quality,
                          tz_error *error) {
    *stage_out = NULL;
    const size_t nz = (size_t)tz_task_nz(tz_env_task(env));
    tz_stage *stage = tz_alloc(1, sizeof *stage);
    double *states = tz_alloc(3 * nz, sizeof *states);
    mjvFigure *figure = tz_alloc(TZ_N_PLOTS, sizeof *figure);
    if (stage == NULL || states == NULL || figure == NULL) {
        tz_free(stage);
        tz_free(states);
        tz_free(figure);
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for the view");
    }
    stage->z = states;
    stage->z_next = states + nz;
    stage->z_shown = states + 2 * nz;
    stage->figure = figure;
    stage->shows_paths = stage->shows_samples = stage->shows_text = true;
    snprintf(stage->title, sizeof stage->title, "%s", title);
    style_figures(figure);
    style_terms(&figure[TZ_PLOT_TERMS], tz_env_task(env));
    const tz_status status =
        tz_scene_create(&stage->scene, env, offscreen, width, height, quality, error);
    if (status != TZ_OK) {
        tz_stage_destroy(stage);
        return status;
    }
    *stage_out = stage;
    return TZ_OK;
}

void tz_stage_destroy(tz_stage *stage) {
    if (stage == NULL) {
        return;
    }
    tz_scene_destroy(stage->scene);
    tz_free(stage->figure);
    tz_free(stage->z);
    tz_free(stage);
}

// ---- events of the control loop

// Appends one value to a line of the figure; the oldest leaves when the line is full.
static void figure_append(mjvFigure *figure, int line, float x, float y) {
    float *data = figure->linedata[line];
    int *n = &figure->linepnt[line];
    if (*n == CURVE_STEPS) {
        memmove(data, data + 2, 2 * (CURVE_STEPS - 1) * sizeof *data);
        (*n)--;
    }
    data[2 * *n] = x;
    data[2 * *n + 1] = y;
    (*n)++;
    // the axis holds the steps that are shown
    figure->range[0][0] = data[0];
    figure->range[0][1] = *n > 1 ? x : data[0] + 1.0f;
}

static void trail_append(tz_stage *stage, const double *z) {
    if (stage->n_trail == TZ_STAGE_TRAIL_MAX) {
        memmove(stage->trail, stage->trail + 3, 3 * (TZ_STAGE_TRAIL_MAX - 1) * sizeof(double));
        stage->n_trail--;
    }
    tz_scene_pose(stage->scene, z);
    memcpy(stage->trail + 3 * stage->n_trail, stage->scene->tracked, 3 * sizeof(double));
    stage->n_trail++;
}

void tz_stage_begin(tz_stage *stage, const double *z) {
    memcpy(stage->z, z, (size_t)tz_task_nz(stage->scene->task) * sizeof *z);
    stage->has_step = stage->has_plan = false;
    stage->n_trail = stage->n_plan = stage->n_samples = 0;
    stage->last = (tz_loop_step){0};
    for (int plot = 0; plot < TZ_N_PLOTS; plot++) {
        memset(stage->figure[plot].linepnt, 0, sizeof stage->figure[plot].linepnt);
    }
    trail_append(stage, z);
}

void tz_stage_planned(tz_stage *stage, const tz_plan *plan) {
    const int n = plan->horizon + 1;
    stage->n_plan = n < TZ_STAGE_PLAN_MAX ? n : TZ_STAGE_PLAN_MAX;
    tz_scene_body_path(stage->scene, stage->plan, plan->z, stage->n_plan);
    const size_t rows = (size_t)n * (size_t)tz_task_nz(stage->scene->task);
    stage->n_samples =
        plan->n_sample_z < TZ_STAGE_SAMPLES_MAX ? plan->n_sample_z : TZ_STAGE_SAMPLES_MAX;
    for (int i = 0; i < stage->n_samples; i++) {
        tz_scene_body_path(stage->scene, stage->sample[i], plan->sample_z + (size_t)i * rows,
                           stage->n_plan);
    }
    // the title names the lines: in a small video a legend would cover them
    mjvFigure *reward = &stage->figure[TZ_PLOT_REWARD];
    snprintf(reward->title, sizeof reward->title, "reward (orange: as predicted)");
    stage->predicted_reward = plan->predicted_reward;
    stage->plan_s = plan->plan_s;
    stage->has_plan = true;
}

void tz_stage_stepped(tz_stage *stage, const tz_loop_step *step) {
    const size_t size = (size_t)tz_task_nz(stage->scene->task) * sizeof(double);
    memcpy(stage->z, step->z, size);
    memcpy(stage->z_next, step->z_next, size);
    stage->has_step = true;
    stage->last = *step;
    stage->last.z = stage->last.z_next = NULL;
    stage->last.u = NULL;
    stage->last.plan = NULL;
    trail_append(stage, step->z_next);

    // the curves
    const tz_task *task = stage->scene->task;
    const float t = (float)step->t;
    figure_append(&stage->figure[TZ_PLOT_REWARD], LINE_OBTAINED, t, (float)step->step.reward);
    for (int j = 0; j < task->nu; j++) {
        figure_append(&stage->figure[TZ_PLOT_CONTROLS], j, t, step->u[j]);
    }
    if (stage->has_plan) {
        mjvFigure *time = &stage->figure[TZ_PLOT_PLAN_TIME];
        if (isfinite(stage->predicted_reward)) { // a prediction that diverged has none
            figure_append(&stage->figure[TZ_PLOT_REWARD], LINE_PREDICTED, t,
                          (float)stage->predicted_reward);
        }
        figure_append(time, LINE_PLAN, t, (float)(1e3 * stage->plan_s));
        figure_append(time, LINE_PERIOD, t, (float)(1e3 * task->dt_s));
    }
}

void tz_stage_judged(tz_stage *stage, const tz_env *env) {
    double term[TZ_WEIGHTS_MAX];
    mjvFigure *terms = &stage->figure[TZ_PLOT_TERMS];
    const int n = tz_env_reward_terms(env, term);
    const float t = (float)stage->last.t;
    if (n == 0) {
        return;
    }
    figure_append(terms, LINE_SUM, t, (float)stage->last.step.reward);
    for (int i = 0; i < n; i++) {
        figure_append(terms, LINE_TERMS + i, t, (float)term[i]);
    }
    terms->range[0][1] += 0.5f * (terms->range[0][1] - terms->range[0][0]); // for the legend
}

void tz_stage_next_plot(tz_stage *stage) {
    const bool has[TZ_N_PLOTS] = {
        [TZ_PLOT_REWARD] = true,
        [TZ_PLOT_TERMS] = stage->figure[TZ_PLOT_TERMS].linepnt[LINE_SUM] > 0,
        [TZ_PLOT_CONTROLS] = true,
        [TZ_PLOT_PLAN_TIME] = stage->has_plan,
    };
    do {
        stage->plot = (tz_stage_plot)(((int)stage->plot + 1) % TZ_N_PLOTS);
    } while (!has[stage->plot]);
}

// ---- drawing

enum { COLUMN = 256 };

// Adds a row to the two columns of the text, each of COLUMN bytes.
static void add_row(char *labels, char *values, const char *label, const char *value) {
    const size_t n = strlen(labels), m = strlen(values);
    snprintf(labels + n, COLUMN - n, "\n%s", label);
    snprintf(values + m, COLUMN - m, "\n%s", value);
}

static void draw_text(const tz_stage *stage, mjrRect viewport) {
    const tz_task *task = stage->scene->task;
    const double time_s = (stage->last.t + (stage->has_step ? 1 : 0)) * task->dt_s;
    char labels[COLUMN] = "time\nenergy", values[COLUMN];
    if (stage->scene->is_system) {
        const double *z = stage->has_step ? stage->z_next : stage->z; // (nz)
        snprintf(values, sizeof values, "%.2f s\n%.6g J", time_s,
                 tz_system_energy(&stage->scene->system, z, z + task->nq));
    } else {
        snprintf(labels, sizeof labels, "time\nreward\nreturn");
        snprintf(values, sizeof values, "%.2f s\n%.2f\n%.1f", time_s, stage->last.step.reward,
                 stage->last.return_so_far);
    }
    if (stage->off.planner) {
        add_row(labels, values, "planner", "off");
    } else if (stage->has_plan) {
        char plan[32], period[32];
        snprintf(plan, sizeof plan, "%.1f ms", 1e3 * stage->plan_s);
        snprintf(period, sizeof period, "%.1f ms", 1e3 * task->dt_s);
        add_row(labels, values, "plan", plan);
        add_row(labels, values, "period", period);
    }
    if (stage->is_weighed) {
        add_row(labels, values, "weights", "changed");
    }
    if (stage->off.controls) {
        add_row(labels, values, "controls", "off");
    }
    const mjrContext *context = &stage->scene->context;
    mjr_overlay(mjFONT_NORMAL, mjGRID_TOPLEFT, viewport, labels, values, context);
    mjr_overlay(mjFONT_NORMAL, mjGRID_TOPRIGHT, viewport, stage->title, NULL, context);
}

// Pixels that a line of text takes.
static int text_width(const char *text, const mjrContext *context) {
    int width = 0;
    for (const char *c = text; *c != '\0'; c++) {
        width += *c > 0 && *c < 127 ? context->charWidth[(int)*c] : context->charHeight;
    }
    return width;
}

// Lines that the legend of a figure names.
static int n_named(const mjvFigure *figure) {
    int n = 0;
    while (n < mjMAXLINE && figure->linename[n][0] != '\0') {
        n++;
    }
    return n;
}

// x, but at least `low`, but at most `high`.
static int between(int low, int x, int high) {
    const int enough = x < low ? low : x;
    return enough > high ? high : enough;
}

// The curve keeps to the lower right corner, is large enough for its title and labels, and makes
// way for a note that reaches so far and for what covers the corner above it.
static void draw_figure(tz_stage *stage, mjrRect viewport, const char *note) {
    enum { GAP = 8 };
    mjvFigure *figure = &stage->figure[stage->plot];
    const mjrContext *context = &stage->scene->context;
    const int line = context->charHeight;
    const int most = viewport.width - 2 * GAP;
    mjrRect place = {0};
    place.width =
        between(text_width(figure->title, context) + 4 * line, viewport.width * 2 / 5, most);
    const int least = (7 + n_named(figure)) * line;
    place.height = between(least, viewport.height / 4, viewport.height);
    place.left = viewport.left + viewport.width - place.width - GAP;
    place.bottom = viewport.bottom + GAP;
    const mjrRect *covered = &stage->covered;
    if (covered->width > 0 && covered->bottom < place.bottom + place.height + 2 * line) {
        place.left = between(viewport.left + GAP, covered->left - place.width - GAP, place.left);
    }
    const bool meets = note != NULL && text_width(note, context) + 3 * line > place.left;
    place.bottom += meets ? 2 * line : 0;
    mjr_figure(place, figure, context);
}

// The posed robot with the lines that belong to it.
static void draw_world(tz_stage *stage, mjrRect viewport) {
    static const float red[4] = {0.9f, 0.2f, 0.2f, 0.9f}, white[4] = {0.95f, 0.95f, 0.95f, 0.9f},
                       orange[4] = {1.0f, 0.55f, 0.1f, 0.95f}, faint[4] = {1.0f, 0.8f, 0.5f, 0.25f};
    tz_path paths[3 + TZ_STAGE_SAMPLES_MAX];
    int n = 0;
    double pull[6];
    if (stage->pull.body != 0) {
        tz_pull_line(&stage->pull, stage->scene, pull);
        paths[n++] = (tz_path){pull, 2, red, 0.015};
    }
    if (stage->shows_paths) {
        paths[n++] = (tz_path){stage->trail, stage->n_trail, white, 0.008};
        paths[n++] = (tz_path){stage->plan, stage->n_plan, orange, 0.012};
    }
    for (int i = 0; stage->shows_paths && stage->shows_samples && i < stage->n_samples; i++) {
        paths[n++] = (tz_path){stage->sample[i], stage->n_plan, faint, 0.0};
    }
    tz_scene_render(stage->scene, viewport, paths, n);
}

typedef struct draw_call {
    tz_stage *stage;
    mjrRect viewport;
    double alpha;
    const char *note;
} draw_call;

static void draw(void *context) {
    const draw_call *call = context;
    tz_stage *stage = call->stage;
    const mjrRect viewport = call->viewport;
    const double alpha = call->alpha;

    // a straight line between the two states; MuJoCo normalises quaternions on the way
    const int nz = tz_task_nz(stage->scene->task);
    for (int i = 0; i < nz; i++) {
        stage->z_shown[i] =
            stage->has_step ? (1.0 - alpha) * stage->z[i] + alpha * stage->z_next[i] : stage->z[i];
    }
    tz_scene_pose(stage->scene, stage->z_shown);
    draw_world(stage, viewport);

    // what stands on top
    tz_scene_fit_text(stage->scene, viewport);
    const mjrContext *text = &stage->scene->context;
    if (stage->help[0] != NULL) {
        mjr_overlay(mjFONT_NORMAL, mjGRID_TOPLEFT, viewport, stage->help[0], stage->help[1], text);
    } else if (stage->shows_text) {
        draw_text(stage, viewport);
        if (stage->has_step && !stage->scene->is_system) {
            draw_figure(stage, viewport, call->note);
        }
    }
    if (call->note != NULL) {
        mjr_overlay(mjFONT_NORMAL, mjGRID_BOTTOMLEFT, viewport, call->note, NULL, text);
    }
}

tz_status tz_stage_draw(tz_stage *stage, mjrRect viewport, double alpha, const char *note,
                        tz_error *error) {
    draw_call call = {stage, viewport, alpha, note};
    return tz_scene_try(stage->scene, draw, &call, error);
}
