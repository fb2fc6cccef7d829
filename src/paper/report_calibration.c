// Our runs beside runs of the authors' own modules: one run each of theirs, h = 128, 1000 epochs,
// with the same optimiser, schedule and batches.
#include "paper/report_parts.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

// Source: measurements of the authors' public modules, one seed each.
typedef struct authors_run {
    const char *system, *model;
    double train_loss, mse, rollout_code, rollout, rollout_no_t0, energy_code, energy;
} authors_run;
static const authors_run references[] = {
    {"chain-2", TZ_STUDY_NODE, 4.8e-4, 2.44, 0.0162, 0.0719, 0.0824, 0.03, 0.035},
    {"chain-2", TZ_STUDY_NODE_SO, 2.0e-4, 1.48, 0.0061, 0.0274, 0.0297, 0.0082, 0.0089},
    {"chain-2", TZ_STUDY_HNN_NONSEPARABLE, 3.3e-4, 1.58, 0.0106, 0.0470, 0.0536, 0.011, 0.011},
    {"chain-2", TZ_STUDY_HNN, 9.1e-5, 0.594, 0.0023, 0.0102, 0.0115, 0.0017, 0.0017},
    {"chain-3", TZ_STUDY_NODE, 5.1e-3, 11.8, 0.0698, 0.3064, 0.3563, 0.093, 0.1},
    {"chain-3", TZ_STUDY_NODE_SO, 2.0e-3, 12.2, 0.0538, 0.2433, 0.2722, 0.049, 0.055},
    {"chain-3", TZ_STUDY_HNN, 1.5e-3, 5.6, 0.0216, 0.0989, 0.1137, 0.013, 0.014},
    {"spring-2", TZ_STUDY_NODE, 8.9e-5, 0.193, 0.0396, 0.0396, 0.0451, 0.0091, 0.011},
    {"spring-2", TZ_STUDY_NODE_SO, 1.6e-4, 0.111, 0.0231, 0.0231, 0.0253, 0.0045, 0.0053},
    {"spring-2", TZ_STUDY_HNN_NONSEPARABLE, 1.1e-3, 1.49, 0.1537, 0.1537, 0.1775, 0.039, 0.05},
    {"spring-2", TZ_STUDY_HNN, 1.0e-4, 0.0148, 0.0100, 0.0100, 0.0113, 0.0015, 0.0016},
    {"spring-3", TZ_STUDY_NODE, 1.4e-4, 0.238, 0.0380, 0.0380, 0.0433, 0.006, 0.0069},
    {"spring-3", TZ_STUDY_NODE_SO, 1.6e-4, 0.0587, 0.0188, 0.0188, 0.0206, 0.0024, 0.0027},
    {"spring-3", TZ_STUDY_HNN, 1.1e-4, 0.0231, 0.0095, 0.0095, 0.0106, 0.0015, 0.0017},
    {"chain-2-damped", TZ_STUDY_NODE, 5.1e-5, 0.571, 0.0086, 0.0411, 0.0468, 0.0043, 0.0048},
    {"chain-2-damped", TZ_STUDY_NODE_SO, 2.7e-5, 0.199, 0.0034, 0.0166, 0.0178, 0.0011, 0.0012},
    {"chain-2-damped", TZ_STUDY_HNN, 7.0e-4, 1.65, 0.0328, 0.1379, 0.1591, 0.046, 0.051},
    {"chain-2-damped", TZ_STUDY_SYMODEN, 1.4e-5, 0.198, 0.0031, 0.0148, 0.0166, 0.0016, 0.0018},
    {"spring-2-damped", TZ_STUDY_NODE, 1.1e-5, 0.11, 0.0204, 0.0204, 0.0231, 0.002, 0.0022},
};

static double measure_code(const tz_study_result *result) {
    return result->rollout_error_code;
}

static double measure_energy(const tz_study_result *result) {
    return result->energy;
}

static double measure_energy_code(const tz_study_result *result) {
    return result->energy_code;
}

// Geometric mean and range of a column over the seeds.
typedef struct spread {
    double mean, low, high;
} spread;

static spread spread_of(const tz_reporter *r, const char *system, const char *model,
                        tz_measure measure) {
    double x[TZ_SEEDS_MAX], sum = 0.0;
    spread s = {.low = INFINITY, .high = -INFINITY};
    const int n = tz_report_seeds(r, x, system, (tz_side){model, 0}, measure);
    for (int i = 0; i < n; i++) {
        sum += log(x[i]);
        s.low = fmin(s.low, x[i]);
        s.high = fmax(s.high, x[i]);
    }
    s.mean = exp(sum / n);
    return s;
}

// A reference agrees when it lies in the seeds' range or within this factor of their mean.
static const double FACTOR = 1.5;

static bool agrees(spread s, double reference) {
    return (reference >= s.low && reference <= s.high) ||
           fabs(log(reference / s.mean)) <= log(FACTOR);
}

static bool put_cell(FILE *text, spread s, double reference) {
    const bool good = agrees(s, reference);
    fprintf(text, " %.3g | %.3g (%.3g to %.3g)%s |", reference, s.mean, s.low, s.high,
            good ? "" : " **x**");
    return good;
}

// Which numbers stand beside each other: a field of the reference and what is measured of a run.
typedef struct column {
    const char *title;
    size_t offset; // of the double in a run of theirs
    tz_measure measure;
} column;

enum { N_COLUMNS = 4 };
static const column columns[2][N_COLUMNS] = {
    {{"train loss", offsetof(authors_run, train_loss), tz_measure_train},
     {"test MSE", offsetof(authors_run, mse), tz_measure_mse},
     {"rollout error", offsetof(authors_run, rollout), tz_measure_rollout},
     {"energy violation", offsetof(authors_run, energy), measure_energy}},
    {{"rollout error without t = 0", offsetof(authors_run, rollout_no_t0), tz_measure_no_t0},
     {"rollout error of the code", offsetof(authors_run, rollout_code), measure_code},
     {"energy violation of the code", offsetof(authors_run, energy_code), measure_energy_code}}};

// A table of some columns; returns in how many rows the rollout error agrees.
static int put_table(tz_reporter *r, const column *c) {
    int n_columns = 0, n_good = 0;
    fprintf(r->text, "| system | model |");
    for (; n_columns < N_COLUMNS && c[n_columns].title != NULL; n_columns++) {
        fprintf(r->text, " %s | ours |", c[n_columns].title);
    }
    fprintf(r->text, "\n|---|---|");
    for (int k = 0; k < n_columns; k++) {
        fprintf(r->text, "---|---|");
    }
    for (size_t i = 0; i < TZ_COUNTOF(references); i++) {
        const char *system = references[i].system, *model = references[i].model;
        char title[TZ_NAME_MAX];
        tz_system_title(title, system);
        fprintf(r->text, "\n| %s%s | %s |", title, strstr(system, "damped") != NULL ? ", drag" : "",
                tz_model_title(model));
        for (int k = 0; k < n_columns; k++) {
            double value;
            memcpy(&value, (const char *)&references[i] + c[k].offset, sizeof value);
            const bool good = put_cell(r->text, spread_of(r, system, model, c[k].measure), value);
            n_good += good && c[k].measure == tz_measure_rollout;
        }
    }
    fprintf(r->text, "\n\n");
    return n_good;
}

void tz_report_calibration(tz_reporter *r) {
    fprintf(r->text,
            "Reference | geometric mean of our seeds (range); **x**: the reference lies "
            "outside the range and outside a factor of %g.\n\n",
            FACTOR);
    const int n = (int)TZ_COUNTOF(references), n_good = put_table(r, columns[0]);
    put_table(r, columns[1]);
    tz_report_state(r, "our rollout errors agree with those of the authors' modules",
                    n_good == n       ? TZ_HOLDS
                    : 2 * n_good >= n ? TZ_HOLDS_IN_PART
                                      : TZ_DOES_NOT_HOLD);
    fprintf(r->text, "%d of %d rows do.\n", n_good, n);
}
