// What `trapeze eval` says: a table on stdout or one JSON object, and the files of its folder.
#ifndef TRAPEZE_CLI_EVAL_REPORT_H
#define TRAPEZE_CLI_EVAL_REPORT_H

#include "cli/labels.h"
#include "train/evaluation.h"

#include <json-c/json_object.h>

// One predictor and how it did.
typedef struct tz_eval_entry {
    char label[TZ_LABEL_SIZE]; // in tables and pictures
    const char *kind;          // "node-so", or "stay", "mean"
    const char *path;          // of the model file; NULL for the trivial predictors
    const tz_model *model;     // NULL for the trivial predictors
    const char *integrator;    // that it predicts with; NULL for predictors that have none
    int substeps;              // of a transition
    const tz_evaluation *evaluation;
} tz_eval_entry;

// An evaluation with all that stands beside its numbers. Everything is borrowed.
typedef struct tz_eval_report {
    const char *data, *data_sha256, *env;
    const char *episodes;   // "held-out episodes" or "episodes"
    const char *unsaid;     // first model whose training is not known; NULL: none, or not asked
    bool is_replaced;       // for its file is another than a run went on from
    bool is_held_out;       // the episodes leave out what the other models were trained on
    bool shows_integrators; // they are others than the trained ones
    const char *sigma_path; // the model whose sigma_z is the unit
    const float *sigma_z;   // (nz)
    char (*component_name)[TZ_NAME_MAX + 8]; // (nz)
    const tz_rollouts *rollouts;
    const tz_eval_entry *entries; // models, then the two trivial predictors    (n_entries)
    int n_entries;
} tz_eval_report;

void tz_eval_print_table(const tz_eval_report *report);

// The object that --json prints (docs/evaluation.md). The caller puts it.
struct json_object *tz_eval_json(const tz_eval_report *report);

// Writes metrics.json, summary.csv, horizon.csv and components.csv into the folder.
tz_status tz_eval_write(const tz_eval_report *report, const char *folder, tz_error *error);

#endif
