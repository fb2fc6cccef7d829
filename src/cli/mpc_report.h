// What a run of `trapeze mpc` leaves: a row per control step, a summary, pictures.
#ifndef TRAPEZE_CLI_MPC_REPORT_H
#define TRAPEZE_CLI_MPC_REPORT_H

#include "plan/mpc.h"

// One control step.
typedef struct tz_mpc_row {
    int episode, t;
    double reward;           // obtained
    double predicted_reward; // by the plan, for this step
    double predicted_return; // by the plan, for the horizon from this step on, discounted
    double obtained_return;  // over the same steps; NaN where the episode ended before
    double plan_ms;
    int horizon; // of the plan
    int n_candidates, n_diverged, n_out_of_range;
} tz_mpc_row;

typedef struct tz_mpc_report {
    tz_mpc_row *row; // owned: finished episodes, then the one in flight           (n_room)
    size_t n_rows, n_finished, n_room;
    int max_steps;    // of an episode
    double period_ms; // control period
    double discount;
    bool counts_range; // whether candidates outside the data's range were looked for
    tz_status trouble; // no memory for an episode: the loop was stopped
    tz_error trouble_error;
} tz_mpc_report;

// What is said about the whole run; NaN: not measured.
typedef struct tz_mpc_summary {
    double return_mean, return_std;     // over episodes (std: population)
    double predicted_mean;              // sum of one-step predictions, mean over episodes; NaN
                                        // where one diverged, which the next three leave out
    int horizon;                        // of all plans; 0: it was changed on the way
    double horizon_predicted_mean;      // of the plans whose horizon was completed
    double horizon_obtained_mean;       // over the same steps
    double reward_rmse;                 // of the one-step predictions
    double plan_ms_median, plan_ms_p95; // of the plans that were made
    bool has_plans;                     // some plan was made: the planner was not off all the time
    bool is_real_time;                  // 95% of them took no longer than a control period
    double diverged_share;              // of all candidates
    double outside_share;               // of all candidates; NaN when the range is off
    int n_unstable;                     // episodes cut by an unstable simulation
    int n_bad_reward;                   // episodes cut by a reward that was not finite
} tz_mpc_summary;

// Has room for one episode of the task; the beginning of an episode makes room for it, recording
// its steps allocates nothing.
tz_status tz_mpc_report_create(tz_mpc_report *report, const tz_task *task,
                               const tz_planner_def *planner, tz_error *error);
void tz_mpc_report_destroy(tz_mpc_report *report);

// Room for one more episode behind the rows so far, which may move.
tz_status tz_mpc_report_make_room(tz_mpc_report *report, tz_error *error);

// Records every step. `report` is borrowed by the observer.
tz_observer tz_mpc_report_observer(tz_mpc_report *report);

// Call after the loop; results (n), n may be 0. Sorts nothing that the files need.
tz_status tz_mpc_report_summarise(const tz_mpc_report *report, tz_mpc_summary *summary,
                                  const tz_loop_result *results, int n, tz_error *error);

// Writes <folder>/metrics.csv.
tz_status tz_mpc_report_write(const tz_mpc_report *report, const char *folder, tz_error *error);

#endif
