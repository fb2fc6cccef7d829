// What the window and the recorder show alike: the scene, the trail of what happened, the path that
// the plan predicts, the text and the reward curve on top. It follows the control loop step by
// step.
#ifndef TRAPEZE_VIEW_STAGE_H
#define TRAPEZE_VIEW_STAGE_H

#include "plan/mpc.h"
#include "view/pull.h"
#include "view/scene.h"

enum { TZ_STAGE_TRAIL_MAX = 120, TZ_STAGE_PLAN_MAX = 256, TZ_STAGE_SAMPLES_MAX = 16 };

// The curves over the last control steps, of which one is shown.
typedef enum tz_stage_plot {
    TZ_PLOT_REWARD,    // obtained and predicted
    TZ_PLOT_TERMS,     // of the obtained one, with their sum
    TZ_PLOT_CONTROLS,  // each of them
    TZ_PLOT_PLAN_TIME, // and the control period (ms)
    TZ_N_PLOTS
} tz_stage_plot;

typedef struct tz_stage {
    tz_scene *scene;              // owned
    char title[128];              // who drives: "half_cheetah | node-so | cem"
    double *z, *z_next, *z_shown; // state before and after the step, and the one drawn     (nz)
    bool has_step;                // z_next is set

    double trail[3 * TZ_STAGE_TRAIL_MAX]; // where the tracked body was, oldest first  (n_trail, 3)
    int n_trail;
    double plan[3 * TZ_STAGE_PLAN_MAX]; // where the plan says it will be            (n_plan, 3)
    int n_plan;
    double sample[TZ_STAGE_SAMPLES_MAX][3 * TZ_STAGE_PLAN_MAX]; // of candidates     (n_plan, 3)
    int n_samples;
    tz_pull pull; // by the mouse; none in a video
    bool shows_paths, shows_samples, shows_text;
    const char *help[2]; // borrowed: keys and what they do, in place of all other text; NULL: none
    tz_loop_off off;     // what the text says is off
    mjrRect covered;     // by sliders, in the upper right corner; of no width: nothing is
    bool is_weighed;     // the text says that the plan seeks weights of its own

    tz_loop_step last; // copy of the last step; its pointers are not kept
    double predicted_reward, plan_s;
    bool has_plan;
    mjvFigure *figure;  // owned                            (TZ_N_PLOTS)
    tz_stage_plot plot; // the one shown
} tz_stage;

TZ_API tz_status tz_stage_create(tz_stage **stage, const tz_env *env, const char *title,
                                 bool offscreen, int width, int height, tz_quality quality,
                                 tz_error *error);
TZ_API void tz_stage_destroy(tz_stage *stage); // Nullable

// The three events of the control loop.
TZ_API void tz_stage_begin(tz_stage *stage, const double *z);
TZ_API void tz_stage_planned(tz_stage *stage, const tz_plan *plan);
TZ_API void tz_stage_stepped(tz_stage *stage, const tz_loop_step *step);

// (optional) after tz_stage_stepped: the terms of the reward of env's last step join their curve.
TZ_API void tz_stage_judged(tz_stage *stage, const tz_env *env);

// Shows the next of the curves that this loop has: without a planner no plan takes time, and not
// every reward has terms.
TZ_API void tz_stage_next_plot(tz_stage *stage);

// Draws the world between the states before (alpha = 0) and after (alpha = 1) the last step, with
// everything on top. `note` (Nullable) is shown at the lower left. Errors as of tz_scene_try.
TZ_API tz_status tz_stage_draw(tz_stage *stage, mjrRect viewport, double alpha, const char *note,
                               tz_error *error);

#endif
