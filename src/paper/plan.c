#include "paper/plan.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tz_figure_name(tz_figure figure) {
    static const char *const names[] = {"fig1", "fig2", "fig3", "fig4", "fig5",
                                        "fig6", "fig7", "fig8", "fig9", "calibration"};
    _Static_assert(TZ_COUNTOF(names) == TZ_N_FIGURES, "a figure without a name");
    return names[figure];
}

const char *tz_budget_name(tz_budget budget) {
    static const char *const names[] = {"tiny", "quick", "close", "full"};
    _Static_assert(TZ_COUNTOF(names) == TZ_N_BUDGETS, "a budget without a name");
    return names[budget];
}

static const struct {
    const char *kind, *title;
    int color; // the same in every figure
} models[] = {
    {TZ_STUDY_NODE, "NODE", 1},
    {TZ_STUDY_NODE_SO, "NODE+SO", 2},
    {TZ_ROBOT_NODE_SO, "NODE+SO", 2},
    {TZ_STUDY_HNN, "HNN", 3},
    {TZ_STUDY_HNN_NONSEPARABLE, "HNN without SO", 4},
    {TZ_STUDY_SYMODEN, "SymODEN", 5},
    {TZ_ROBOT_SYMODEN_CODE, "SymODEN (code)", 4},
    {TZ_ROBOT_SYMODEN, "SymODEN (faithful)", 5},
};

const char *tz_model_title(const char *kind) {
    for (size_t i = 0; i < TZ_COUNTOF(models); i++) {
        if (strcmp(kind, models[i].kind) == 0) {
            return models[i].title;
        }
    }
    return kind;
}

int tz_title_color(const char *title) {
    for (size_t i = 0; i < TZ_COUNTOF(models); i++) {
        if (strcmp(title, models[i].title) == 0) {
            return models[i].color;
        }
    }
    return 0;
}

// ---- systems

// "chain-2" -> 2; 0 when the name does not start so
static int links_after(const char *system, const char *prefix) {
    const size_t length = strlen(prefix);
    return strncmp(system, prefix, length) == 0 ? atoi(system + length) : 0;
}

static const struct {
    const char *name, *title;
    tz_study_dims dims;
} others[] = {
    {"gyroscope", "Gyroscope", {3, 3, 0}},    {"rotor", "Rotor", {6, 3, 0}},
    {"magnet", "Magnet pendulum", {2, 2, 0}}, {"half_cheetah", "HalfCheetah", {9, 0, 6}},
    {"hopper", "Hopper", {6, 0, 3}},          {"swimmer", "Swimmer", {5, 0, 2}},
};

void tz_system_title(char title[TZ_NAME_MAX], const char *system) {
    const int chain = links_after(system, "chain-"), spring = links_after(system, "spring-");
    if (chain > 0 || spring > 0) {
        snprintf(title, TZ_NAME_MAX, "%s %d", chain > 0 ? "Chain" : "Spring", chain + spring);
        return;
    }
    snprintf(title, TZ_NAME_MAX, "%s", system);
    for (size_t i = 0; i < TZ_COUNTOF(others); i++) {
        if (strcmp(system, others[i].name) == 0) {
            snprintf(title, TZ_NAME_MAX, "%s", others[i].title);
        }
    }
}

tz_study_dims tz_system_dims(const char *system) {
    const int chain = links_after(system, "chain-"), spring = links_after(system, "spring-");
    if (chain > 0) {
        return (tz_study_dims){.n = chain, .n_angles = chain};
    }
    if (spring > 0) {
        return (tz_study_dims){.n = 3 * spring};
    }
    for (size_t i = 0; i < TZ_COUNTOF(others); i++) {
        if (strcmp(system, others[i].name) == 0) {
            return others[i].dims;
        }
    }
    return (tz_study_dims){0};
}

static bool is_robot(const char *system) {
    return tz_system_dims(system).nu > 0;
}

const char *const *tz_plan_systems(tz_figure figure) {
    static const char *const of[][11] = {
        [TZ_FIG1] = {"chain-2", "chain-3", "chain-4", "spring-2", "spring-3", "spring-4"},
        [TZ_FIG2] = {"chain-1", "chain-2", "chain-3", "chain-4", "chain-5", "spring-1", "spring-2",
                     "spring-3", "spring-4", "spring-5"},
        [TZ_FIG3] = {"chain-1", "chain-2", "chain-3", "spring-1", "spring-2", "spring-3"},
        [TZ_FIG4] = {"chain-2", "chain-3", "chain-4", "spring-2", "spring-3", "spring-4"},
        [TZ_FIG5] = {"chain-1", "chain-2", "chain-3", "chain-4", "spring-1", "spring-2", "spring-3",
                     "spring-4"},
        [TZ_FIG6] = {"chain-1-damped", "chain-2-damped", "chain-3-damped", "spring-1-damped",
                     "spring-2-damped", "spring-3-damped"},
        [TZ_FIG7] = {"half_cheetah", "hopper", "swimmer"},
        [TZ_FIG8] = {"chain-2", "spring-2"},
        [TZ_FIG9] = {"gyroscope", "magnet", "rotor"},
        [TZ_CALIBRATION] = {"chain-2", "chain-3", "spring-2", "spring-3", "chain-2-damped",
                            "spring-2-damped"},
    };
    return of[figure];
}

const char *const *tz_plan_models(tz_figure figure) {
    static const char *const of[][6] = {
        [TZ_FIG1] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN},
        [TZ_FIG2] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN},
        [TZ_FIG3] = {TZ_STUDY_NODE_SO},
        [TZ_FIG4] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN_NONSEPARABLE, TZ_STUDY_HNN},
        [TZ_FIG5] = {TZ_STUDY_NODE_SO, TZ_STUDY_HNN},
        [TZ_FIG6] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN, TZ_STUDY_SYMODEN},
        [TZ_FIG7] = {TZ_ROBOT_NODE, TZ_ROBOT_NODE_SO, TZ_ROBOT_SYMODEN_CODE, TZ_ROBOT_SYMODEN},
        [TZ_FIG8] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN},
        [TZ_FIG9] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN},
        [TZ_CALIBRATION] = {TZ_STUDY_NODE, TZ_STUDY_NODE_SO, TZ_STUDY_HNN_NONSEPARABLE,
                            TZ_STUDY_HNN, TZ_STUDY_SYMODEN},
    };
    return of[figure];
}

// The reference runs do not fill their table.
static bool is_planned(tz_figure figure, const char *system, const char *model) {
    if (figure != TZ_CALIBRATION) {
        return true;
    }
    if (strcmp(system, "spring-2-damped") == 0) {
        return strcmp(model, TZ_STUDY_NODE) == 0;
    }
    if (strcmp(model, TZ_STUDY_HNN_NONSEPARABLE) == 0) {
        return strcmp(system, "chain-2") == 0 || strcmp(system, "spring-2") == 0;
    }
    return strcmp(model, TZ_STUDY_SYMODEN) != 0 || strcmp(system, "chain-2-damped") == 0;
}

// ---- runs

int tz_plan_seeds(tz_figure figure, tz_budget budget) {
    if (budget == TZ_TINY) {
        return 2;
    }
    if (budget == TZ_QUICK && figure != TZ_CALIBRATION) {
        return 3;
    }
    // the study ran the robots four times
    return figure == TZ_FIG7 && budget == TZ_FULL ? 4 : 5;
}

tz_study_run tz_plan_run(tz_figure figure, tz_budget budget, const char *system, const char *model,
                         int seed) {
    static const int epochs[] = {
        [TZ_TINY] = 4, [TZ_QUICK] = 500, [TZ_CLOSE] = 1000, [TZ_FULL] = 1500};
    static const int n_hidden[] = {
        [TZ_TINY] = 16, [TZ_QUICK] = 128, [TZ_CLOSE] = 128, [TZ_FULL] = 256};
    static const int robot_epochs[] = {
        [TZ_TINY] = 2, [TZ_QUICK] = 40, [TZ_CLOSE] = 64, [TZ_FULL] = 256};
    const bool tiny = budget == TZ_TINY;
    tz_study_run run = {.protocol = TZ_PROTOCOL_SYSTEM,
                        .n_hidden = n_hidden[budget],
                        .epochs = epochs[budget],
                        .loss = TZ_LOSS_L2,
                        .lr = 5e-3,
                        .n_systems = tiny                                     ? 250
                                     : figure == TZ_FIG9 && budget == TZ_FULL ? 5000
                                                                              : 1000,
                        .seed = seed};
    if (is_robot(system)) {
        run.protocol = TZ_PROTOCOL_ROBOT;
        run.n_hidden = tiny ? 16 : 128;
        run.epochs = robot_epochs[budget];
        run.n_systems = tiny ? 400 : 40000;
    }
    if (figure == TZ_CALIBRATION && !tiny) {
        run.n_hidden = 128;
        run.epochs = epochs[TZ_CLOSE];
    }
    snprintf(run.system, sizeof run.system, "%s", system);
    snprintf(run.model, sizeof run.model, "%s", model);
    return run;
}

int tz_plan_variants(tz_variant variants[TZ_VARIANTS_MAX], tz_figure figure, tz_budget budget) {
    static const double weights[] = {1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0};
    static const double quick_weights[] = {1e-3, 0.1, 10.0};
    const tz_variant usual = {.loss = TZ_LOSS_L2, .lr = 5e-3};
    int n = 0;
    switch (figure) {
    case TZ_FIG3:
        n = budget <= TZ_QUICK ? TZ_COUNTOF(quick_weights) : TZ_COUNTOF(weights);
        for (int i = 0; i < n; i++) {
            variants[i] = usual;
            variants[i].symplectic = budget <= TZ_QUICK ? quick_weights[i] : weights[i];
        }
        return n;
    case TZ_FIG7:
        variants[n++] = (tz_variant){.loss = TZ_LOSS_L2, .lr = 2e-4};
        variants[n++] = usual;
        return n;
    case TZ_FIG8:
        variants[n++] = (tz_variant){.loss = TZ_LOSS_L1, .lr = 5e-3};
        variants[n++] = usual;
        return n;
    case TZ_FIG9:
        variants[n++] = (tz_variant){.loss = TZ_LOSS_L2, .lr = 3e-3};
        if (budget > TZ_QUICK) {
            variants[n++] = (tz_variant){.loss = TZ_LOSS_L1, .lr = 3e-3};
            variants[n++] = (tz_variant){.loss = TZ_LOSS_L2, .lr = 3e-4};
            variants[n++] = (tz_variant){.loss = TZ_LOSS_L1, .lr = 3e-4};
        }
        return n;
    case TZ_FIG1:
    case TZ_FIG2:
    case TZ_FIG4:
    case TZ_FIG5:
    case TZ_FIG6:
    case TZ_CALIBRATION:
    case TZ_N_FIGURES:
        break;
    }
    variants[0] = usual;
    return 1;
}

// ---- lists

void tz_run_list_destroy(tz_run_list *list) {
    tz_free(list->run);
    *list = (tz_run_list){0};
}

tz_status tz_run_list_add(tz_run_list *list, const tz_study_run *run, tz_error *error) {
    for (int i = 0; i < list->n; i++) {
        if (tz_run_equal(&list->run[i], run)) {
            return TZ_OK;
        }
    }
    if (list->n == list->capacity) {
        const int capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        tz_study_run *grown = tz_alloc((size_t)capacity, sizeof *grown);
        if (grown == NULL) {
            return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a plan of %d runs", capacity);
        }
        if (list->n > 0) {
            memcpy(grown, list->run, (size_t)list->n * sizeof *grown);
        }
        tz_free(list->run);
        list->run = grown;
        list->capacity = capacity;
    }
    list->run[list->n++] = *run;
    return TZ_OK;
}

tz_status tz_plan_append(tz_run_list *list, tz_figure figure, tz_budget budget, tz_error *error) {
    tz_variant variants[TZ_VARIANTS_MAX];
    const int n_variants = tz_plan_variants(variants, figure, budget);
    for (const char *const *system = tz_plan_systems(figure); *system != NULL; system++) {
        for (const char *const *model = tz_plan_models(figure); *model != NULL; model++) {
            if (!is_planned(figure, *system, *model)) {
                continue;
            }
            for (int v = 0; v < n_variants; v++) {
                for (int seed = 0; seed < tz_plan_seeds(figure, budget); seed++) {
                    tz_study_run run = tz_plan_run(figure, budget, *system, *model, seed);
                    run.loss = variants[v].loss;
                    run.lr = variants[v].lr;
                    run.symplectic = variants[v].symplectic;
                    TZ_CHECK(tz_run_list_add(list, &run, error));
                }
            }
        }
    }
    return TZ_OK;
}
