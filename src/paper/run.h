// One run of the study: what is trained on what, and what came of it. A run is a value; its name
// says all of it and names its files in the results folder:
//
//     D/runs/<name>.json                   the result, written once, when the run is finished
//     D/checkpoints/<name>.safetensors     of a run that is not finished
#ifndef TRAPEZE_PAPER_RUN_H
#define TRAPEZE_PAPER_RUN_H

#include "base/status.h"
#include "envs/env.h"
#include "train/loss.h"

#include <stdbool.h>

// Which of the study's two protocols.
typedef enum tz_protocol {
    TZ_PROTOCOL_SYSTEM, // synthetic systems
    TZ_PROTOCOL_ROBOT   // MuJoCo, figure 7
} tz_protocol;

typedef struct tz_study_run {
    tz_protocol protocol;
    char system[TZ_NAME_MAX]; // "chain-2", or an environment
    char model[TZ_NAME_MAX];  // "node", a kind of models/
    int n_hidden, epochs;
    tz_loss loss;
    double lr;
    double symplectic; // weight 1/alpha of the symplectic regulariser; 0: none
    int n_systems;     // trajectories that the data come from; robots: sequences
    int seed;          // of data and network
} tz_study_run;

enum { TZ_RUN_NAME_MAX = 512 };
// "chain-2_node_h128_e500_l2_lr0.005_n1000_s0"
TZ_API void tz_run_name(char name[TZ_RUN_NAME_MAX], const tz_study_run *run);
TZ_API bool tz_run_equal(const tz_study_run *a, const tz_study_run *b);

// Evaluations during training, evenly spaced in epochs, the last one at the end: 20, but at most
// one an epoch, and one in eight epochs on robots.
TZ_API int tz_run_evaluations(const tz_study_run *run);

// What came of a run; NaN where nothing was measured.
enum { TZ_CURVE_TIMES = 100 };
typedef struct tz_study_result {
    tz_study_run run;
    bool finite;       // the loss stayed finite to the end
    double train_loss; // mean over the last ten epochs
    double rollout_error, rollout_error_no_t0, rollout_error_code;
    double rollout_error_stays; // of the prediction that the state stays at z_0
    double test_mse;            // robots: normalised, mean over the rollouts that did not diverge
    double test_median;         // robots: median over all rollouts
    double energy, energy_code;
    double symplectic_error;
    double rollout_error_min, test_mse_min; // over the evaluations during training
    int parameters, diverged;
    double curve_mean[TZ_CURVE_TIMES], curve_std[TZ_CURVE_TIMES]; // log energy violation over time
    char source[64];                                              // robots: where the data are from
    double seconds, flops; // of training: what it took, and its work by tz_run_flops
} tz_study_result;

TZ_API tz_status tz_result_write(const char *path, const tz_study_result *result, tz_error *error);

// TZ_ERR_MISMATCH for a result of another version of the program or of another run than expected;
// TZ_ERR_FORMAT for anything that is not a result.
TZ_API tz_status tz_result_read(const char *path, tz_study_result *result,
                                const tz_study_run *expected, tz_error *error);

// Floating-point operations of training and testing, from the sizes of the networks: 2 W forward
// for W weights, 6 W forward and backward, 12 W where the field is a gradient; 2 W and 4 W in
// tests.
TZ_API double tz_run_flops(const tz_study_run *run);

#endif
