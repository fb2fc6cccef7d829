#include "view/panel.h"

#include "base/memory.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

// Rectangles of mjuiState: 0 is the window.
enum { RECT_WINDOW, RECT_PANEL, N_RECTS };

enum { SECTION_PLANNER, SECTION_WEIGHTS };

enum { HORIZON_MAX = 100, SAMPLES_MAX = 1000, ITERATIONS_MAX = 10 };

// What the sliders stand at.
typedef struct sliders {
    int horizon, samples, iterations;
    mjtNum elite_share, temperature, noise_std, smoothing;
} sliders;

// The slider of a weight.
typedef struct weight_slider {
    const char *name;  // borrowed of a constant
    double first;      // the task's
    mjtNum now, taken; // where it stands, and stood when it was taken
} weight_slider;

struct tz_panel {
    mjUI ui;
    mjuiState state;
    tz_planner_def first; // settings that it was made with
    sliders now;
    weight_slider weight[TZ_WEIGHTS_MAX]; // (n_weights)
    int n_weights;
    bool is_open, has_moved;
    int font_scale; // that it is laid out for; 0: none yet
};

static sliders of_settings(const tz_planner_def *settings) {
    return (sliders){.horizon = settings->horizon,
                     .samples = settings->samples,
                     .iterations = settings->iterations,
                     .elite_share = (mjtNum)settings->elites / settings->samples,
                     .temperature = settings->temperature,
                     .noise_std = settings->noise_std,
                     .smoothing = settings->smoothing};
}

static int min_int(int a, int b) {
    return a < b ? a : b;
}

static int max_int(int a, int b) {
    return a > b ? a : b;
}

// "low high" of a slider that reaches at least to `present`.
static void write_range(char *text, size_t size, int low, int high, int present) {
    snprintf(text, size, "%d %d", low, max_int(high, present));
}

static void add_sliders(tz_panel *panel) {
    sliders *now = &panel->now;
    mjuiDef rows[] = {
        {.type = mjITEM_SECTION, .name = "Planner", .state = 1},
        {.type = mjITEM_SLIDERINT, .name = "Horizon", .state = 1, .pdata = &now->horizon},
        {.type = mjITEM_SLIDERINT, .name = "Samples", .state = 1, .pdata = &now->samples},
        {.type = mjITEM_SLIDERINT, .name = "Iterations", .state = 1, .pdata = &now->iterations},
        {.type = mjITEM_SLIDERNUM,
         .name = "Elite share",
         .state = 1,
         .pdata = &now->elite_share,
         .other = "0.01 0.5"},
        {.type = mjITEM_SLIDERNUM,
         .name = "Noise",
         .state = 1,
         .pdata = &now->noise_std,
         .other = "0.01 1"},
        {.type = mjITEM_SLIDERNUM,
         .name = "Smoothing",
         .state = 1,
         .pdata = &now->smoothing,
         .other = "0 0.9"},
        {.type = mjITEM_BUTTON, .name = "Reset", .state = 1},
        {.type = mjITEM_END},
    };
    if (panel->first.kind == TZ_PLANNER_MPPI) { // it has no elites
        rows[4] = (mjuiDef){.type = mjITEM_SLIDERNUM,
                            .name = "Temperature",
                            .state = 1,
                            .pdata = &now->temperature};
        snprintf(rows[4].other, sizeof rows[4].other, "%g %g", 0.01 * now->temperature,
                 2.0 * now->temperature);
    }
    write_range(rows[1].other, sizeof rows[1].other, 1, HORIZON_MAX, now->horizon);
    write_range(rows[2].other, sizeof rows[2].other, 2, SAMPLES_MAX, now->samples);
    write_range(rows[3].other, sizeof rows[3].other, 1, ITERATIONS_MAX, now->iterations);
    mjui_add(&panel->ui, rows);
}

// From 0 to four times the weight that the task has, or its default where that is larger; to the
// same below 0 for one that is negative.
static void add_weight_slider(tz_panel *panel, const tz_argument *argument, double value) {
    weight_slider *slider = &panel->weight[panel->n_weights++];
    *slider = (weight_slider){.name = argument->name, .first = value, .now = value, .taken = value};
    const double most = 4.0 * fmax(fabs(value), fabs(argument->value[0]));
    const double high = most > 0.0 ? most : 1.0;
    mjuiDef rows[] = {{.type = mjITEM_SLIDERNUM, .state = 1, .pdata = &slider->now},
                      {.type = mjITEM_END}};
    tz_term_name(rows[0].name, argument);
    rows[0].name[0] = (char)toupper((unsigned char)rows[0].name[0]);
    snprintf(rows[0].other, sizeof rows[0].other, "%.17g %.17g", value < 0.0 ? -high : 0.0, high);
    mjui_add(&panel->ui, rows);
}

// A step that a model predicts touches nothing: weights of contact forces would move no plan.
static void add_weights(tz_panel *panel, const tz_task *task) {
    const tz_argument *argument[TZ_WEIGHTS_MAX];
    const mjuiDef title[] = {
        {.type = mjITEM_SECTION, .name = "Reward that the plan seeks", .state = 1},
        {.type = mjITEM_END}};
    const mjuiDef reset[] = {{.type = mjITEM_BUTTON, .name = "Reset", .state = 1},
                             {.type = mjITEM_END}};
    const int n = tz_task_weights(argument, task);
    for (int i = 0; i < n; i++) {
        if (argument[i]->of_contacts) {
            continue;
        }
        if (panel->n_weights == 0) {
            mjui_add(&panel->ui, title);
        }
        double value[2];
        tz_argument_get(argument[i], task, value);
        add_weight_slider(panel, argument[i], value[0]);
    }
    if (panel->n_weights > 0) {
        mjui_add(&panel->ui, reset);
    }
}

tz_status tz_panel_create(tz_panel **panel_out, const tz_planner_def *settings, const tz_task *task,
                          tz_error *error) {
    *panel_out = NULL;
    tz_panel *panel = tz_alloc(1, sizeof *panel);
    if (panel == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for the panel of a window");
    }
    panel->first = *settings;
    panel->now = of_settings(settings);
    panel->state.nrect = N_RECTS;
    panel->ui.rectid = RECT_PANEL;
    panel->ui.color = mjui_themeColor(0);
    add_sliders(panel);
    add_weights(panel, task);
    *panel_out = panel;
    return TZ_OK;
}

void tz_panel_destroy(tz_panel *panel) {
    tz_free(panel);
}

void tz_panel_toggle(tz_panel *panel) {
    panel->is_open = !panel->is_open;
}

// Makes room for the text as large as it is now, and paints the panel.
static void lay_out(tz_panel *panel, mjrContext *context) {
    mjUI *ui = &panel->ui;
    ui->spacing = mjui_themeSpacing(0);
    if (context->fontScale == mjFONTSCALE_50) { // small letters are wide for their height
        ui->spacing.label += 40;
        ui->spacing.total += 40;
    }
    mjui_resize(ui, context);
    mjr_addAux(ui->auxid, ui->width, ui->maxheight, ui->spacing.samples, context);
    mjui_update(-1, -1, ui, &panel->state, context);
    panel->font_scale = context->fontScale;
}

mjrRect tz_panel_draw(tz_panel *panel, mjrRect viewport, mjrContext *context) {
    if (!panel->is_open) {
        return (mjrRect){0};
    }
    if (panel->font_scale != context->fontScale) {
        lay_out(panel, context);
    }
    const int width = panel->ui.width, height = panel->ui.height;
    mjrRect *place = &panel->state.rect[RECT_PANEL];
    panel->state.rect[RECT_WINDOW] = viewport;
    place->width = min_int(width, viewport.width);
    place->height = min_int(height, viewport.height);
    place->left = viewport.width - place->width;
    place->bottom = viewport.height - place->height;
    mjui_render(&panel->ui, &panel->state, context);
    return *place;
}

// The button of a section brings its first values back.
static void press_reset(tz_panel *panel, int section) {
    if (section == SECTION_PLANNER) {
        panel->now = of_settings(&panel->first);
    }
    for (int i = 0; section == SECTION_WEIGHTS && i < panel->n_weights; i++) {
        panel->weight[i].now = panel->weight[i].first;
    }
}

bool tz_panel_mouse_event(tz_panel *panel, const tz_panel_mouse *mouse, const mjrContext *context) {
    // where the mouse is, and where it was when the button went down
    mjuiState *state = &panel->state;
    state->type = (int)mouse->event;
    state->dx = mouse->x - state->x;
    state->dy = mouse->y - state->y;
    state->x = mouse->x;
    state->y = mouse->y;
    state->sy = mouse->scroll;
    state->left = mouse->left_button;
    state->mouserect = !panel->is_open ? 0
                                       : 1 + mjr_findRect((int)mouse->x, (int)mouse->y, N_RECTS - 1,
                                                          &state->rect[RECT_PANEL]);
    if (mouse->event == mjEVENT_PRESS) {
        state->button = mjBUTTON_LEFT;
        state->dragbutton = mjBUTTON_LEFT;
        state->dragrect = state->mouserect;
    }
    const bool is_mine =
        state->dragrect == RECT_PANEL || (!mouse->left_button && state->mouserect == RECT_PANEL);

    // sliders write into `now`
    const mjuiItem *item = is_mine ? mjui_event(&panel->ui, state, context) : NULL;
    if (item != NULL) {
        panel->has_moved = panel->has_moved || item->sectionid == SECTION_PLANNER;
        if (item->type == mjITEM_BUTTON) {
            press_reset(panel, item->sectionid);
            mjui_update(-1, -1, &panel->ui, state, context);
        }
    }
    if (mouse->event == mjEVENT_RELEASE) {
        state->dragrect = state->dragbutton = 0;
    }
    return is_mine;
}

bool tz_panel_take(tz_panel *panel, tz_planner_def *settings) {
    const bool has_moved = panel->has_moved;
    panel->has_moved = false;
    if (!has_moved) {
        return false;
    }
    const sliders *now = &panel->now;
    settings->horizon = now->horizon;
    settings->samples = now->samples;
    settings->iterations = now->iterations;
    settings->temperature = now->temperature;
    settings->noise_std = now->noise_std;
    settings->smoothing = now->smoothing;

    // elites, those that are kept, and a policy's candidates share the samples as they did at first
    const tz_planner_def *first = &panel->first;
    const int elites = max_int((int)lround(now->elite_share * now->samples), 1);
    const int kept = (int)lround((double)first->keep_elites / first->elites * elites);
    settings->elites = elites;
    settings->keep_elites = min_int(kept, elites - 1);
    const double of_policy = (double)first->policy_samples / first->samples * now->samples;
    const int left = settings->samples - settings->keep_elites - 1;
    const int most = min_int(left, TZ_POLICY_SAMPLES_MAX);
    settings->policy_samples = max_int(min_int((int)lround(of_policy), most), 1);
    return true;
}

bool tz_panel_take_weight(tz_panel *panel, const char **weight, double *value) {
    for (int i = 0; i < panel->n_weights; i++) {
        weight_slider *slider = &panel->weight[i];
        if (slider->now != slider->taken) {
            slider->taken = slider->now;
            *weight = slider->name;
            *value = slider->now;
            return true;
        }
    }
    return false;
}

bool tz_panel_is_weighed(const tz_panel *panel) {
    for (int i = 0; i < panel->n_weights; i++) {
        if (panel->weight[i].now != panel->weight[i].first) {
            return true;
        }
    }
    return false;
}
