// Which runs each figure of the study is made of, at each budget (docs/paper.md, sections 3 and 4).
#ifndef TRAPEZE_PAPER_PLAN_H
#define TRAPEZE_PAPER_PLAN_H

#include "paper/run.h"

typedef enum tz_figure {
    TZ_FIG1,
    TZ_FIG2,
    TZ_FIG3,
    TZ_FIG4,
    TZ_FIG5,
    TZ_FIG6,
    TZ_FIG7,
    TZ_FIG8,
    TZ_FIG9,
    TZ_CALIBRATION, // the runs that are compared with those of the authors' own modules
    TZ_N_FIGURES
} tz_figure;

typedef enum tz_budget {
    TZ_TINY, // to see that everything works; decides nothing
    TZ_QUICK,
    TZ_CLOSE,
    TZ_FULL,
    TZ_N_BUDGETS
} tz_budget;

TZ_API const char *tz_figure_name(tz_figure figure); // "fig1", "calibration"
TZ_API const char *tz_budget_name(tz_budget budget); // "quick"

// ---- the models of the study, by their kind in models/

#define TZ_STUDY_NODE "node"
#define TZ_STUDY_NODE_SO "node-so-mass"
#define TZ_STUDY_HNN "hnn"
#define TZ_STUDY_HNN_NONSEPARABLE "hnn-nonseparable"
#define TZ_STUDY_SYMODEN "symoden-both" // forces on positions and momenta, as in the authors' code
// of the robots
#define TZ_ROBOT_NODE "node"
#define TZ_ROBOT_NODE_SO "node-so"
#define TZ_ROBOT_SYMODEN_CODE "symoden-study" // structurally wrong, as in the authors' code
#define TZ_ROBOT_SYMODEN "symoden"            // faithful: forces on momenta alone, learned mass

// As the study calls it: "NODE+SO".
TZ_API const char *tz_model_title(const char *kind);
// Its colour in every picture (tz_series.color); 0 for what is no title of a model.
TZ_API int tz_title_color(const char *title);
// "Chain 2" (with drag too), "HalfCheetah".
TZ_API void tz_system_title(char title[TZ_NAME_MAX], const char *system);

// ---- the runs

TZ_API int tz_plan_seeds(tz_figure figure, tz_budget budget);

// The run of a figure for a system (or robot), a model and a seed; what varies beyond that in
// figures 3, 7, 8 and 9 (weight, learning rate, loss) is for the caller to set.
TZ_API tz_study_run tz_plan_run(tz_figure figure, tz_budget budget, const char *system,
                                const char *model, int seed);

// The systems (and robots) of a figure and the models that run on each; both end with NULL.
// Figure 4 has its two pairs of models in one list.
TZ_API const char *const *tz_plan_systems(tz_figure figure);
TZ_API const char *const *tz_plan_models(tz_figure figure);

// Values beyond (system, model, seed) that a figure spans.
enum { TZ_VARIANTS_MAX = 8 };
typedef struct tz_variant {
    tz_loss loss;
    double lr;
    double symplectic;
} tz_variant;
// Writes them and returns their number; one for most figures.
TZ_API int tz_plan_variants(tz_variant variants[TZ_VARIANTS_MAX], tz_figure figure,
                            tz_budget budget);

// Dimensions that the cost of a run depends on.
typedef struct tz_study_dims {
    int n, n_angles, nu; // coordinates, angles among them, controls
} tz_study_dims;
TZ_API tz_study_dims tz_system_dims(const char *system);

// A growing list of runs without repetition, owned by the caller.
typedef struct tz_run_list {
    tz_study_run *run; // (n)
    int n, capacity;
} tz_run_list;
TZ_API void tz_run_list_destroy(tz_run_list *list);
// Appends a run that is not in the list yet. TZ_ERR_MEMORY.
TZ_API tz_status tz_run_list_add(tz_run_list *list, const tz_study_run *run, tz_error *error);

// Appends the runs of a figure.
TZ_API tz_status tz_plan_append(tz_run_list *list, tz_figure figure, tz_budget budget,
                                tz_error *error);

#endif
