// A population of candidate control sequences: drawn around a mean, rolled out through the model,
// and scored with the task's reward. Private to the planners.
//
// Through an ensemble a sequence is rolled out by each member on its own, from start to end, as the
// particles of PETS that keep their model (Chua, Calandra, McAllister, Levine, NeurIPS 2018). Its
// score is the mean of the members' less `disagreement` times their standard deviation, its states
// are the mean of theirs. A member that diverged or left the range speaks for all.
//
// The population is cut in tiles of a fixed number of rows. One thread draws, rolls out and scores
// a tile over the whole horizon, and every tile has a random stream of its own, so nothing depends
// on the number of threads. Within a tile arrays are time-major: u (T, B, nu), z (T + 1, B, nz).
//
// The dynamics do not depend on a cyclic coordinate: rollouts start at 0 there, where f32 is
// finest. Who looks at a place, as the policy and the rules of one's own MJCF may, sees it in
// double with the shift undone.
#ifndef TRAPEZE_PLAN_CANDIDATES_H
#define TRAPEZE_PLAN_CANDIDATES_H

#include "plan/guide.h"

enum {
    TZ_CANDIDATE_TILE = TZ_POLICY_SAMPLES_MAX, // rows of a tile: a policy's candidates are one
    TZ_TILES_PER_DRAW = 4096 // most tiles of a population: random streams of one draw
};

// How a rollout went. In this order from best to worst.
typedef enum tz_rollout_outcome {
    TZ_ROLLOUT_SOUND,
    TZ_ROLLOUT_OUT_OF_RANGE, // left the data's range, and the range mode is to reject
    TZ_ROLLOUT_DIVERGED      // a state, a reward or the value is not finite
} tz_rollout_outcome;

typedef struct tz_score {
    tz_rollout_outcome outcome;
    double value;  // what is maximised: return less penalties, and the value of the last state;
                   // unless sound: the steps before it
    double earned; // discounted return without penalties and value
    double first_reward; // of the first step
    bool left_range;
} tz_score;

// True when a is better than b.
static inline bool tz_score_better(const tz_score *a, const tz_score *b) {
    return a->outcome != b->outcome ? a->outcome < b->outcome : a->value > b->value;
}

typedef struct tz_candidates {
    const tz_planner_def *def; // borrowed, as are the next three
    const tz_task *task;
    const tz_model *model;
    tz_team *team;
    const tz_task *sought; // borrowed; scores the draws: the task, or a copy with other weights
    tz_guide guide;
    int nz, nu, T;
    double shift[TZ_NZ_MAX];        // undone by adding it: z of cyclic coordinates, else 0   (nz)
    bool rewards_places;            // the task's reward or end may read cyclic coordinates
    int n_max;                      // most candidates of a population
    int n_members;                  // of an ensemble, else 0
    int n_workers;                  // threads of the team
    tz_model_workspace **workspace; // of each worker                              (n_workers)
    tz_task_scratch **scratch;      // of each worker; NULL: the task needs none   (n_workers)
    float *block;                   // owned, holds the arrays below
    float *color;                   // noise = color * white noise                       (T, T)
    float *z_low, *z_high;          // tolerated range, cyclic coordinates unbounded        (nz)
    float *range_width;             // width of the data's range                            (nz)
    float *u, *z;                   // of every tile        (T, B, nu) and (T + 1, B, nz) each
    float *white;                   // of every worker                  (n_workers, T, B, nu)
    float *V;                       // values of the last states              (n_workers, B)
    float *z_member;                // of an ensemble: one member's states
                                    //                                (n_workers, T + 1, B, nz)
    float *z0;                      // start, in every row of a tile                    (B, nz)
    float *z_t;                     // states that proposals have come to               (B, nz)
    tz_score *score;                // owned                                            (n_max)

    // the draw under way, for the workers
    tz_rng stream; // its index without the tile
    const float *mean, *std, *given;
    int n_given, n;
} tz_candidates;

tz_status tz_candidates_create(tz_candidates *candidates, const tz_planner_def *def, int n_max,
                               const tz_task *task, const tz_model *model, tz_team *team,
                               tz_error *error);
void tz_candidates_destroy(tz_candidates *candidates);

// All candidates start at z (nz), cyclic coordinates shifted to 0.
void tz_candidates_start_at(tz_candidates *candidates, const double *z);

// Undoes the shift of predicted states (n, nz).
void tz_candidates_shift_back(const tz_candidates *candidates, float *states, int n);

// Draws n candidates u = clip(mean + std * noise) with mean, std (T, nu) in units of the controls,
// except for the first n_given, which are the sequences given (n_given, T, nu), clipped; rolls them
// out and writes score (n). `draw` numbers the draws of a planner: it addresses the random streams.
void tz_candidates_evaluate(tz_candidates *candidates, uint64_t draw, const float *mean,
                            const float *std, const float *given, int n_given, int n);

// Writes n <= TZ_CANDIDATE_TILE sequences u (n, T, nu): the controls that the guide's policy
// chooses along the model's predictions from the start, deterministic in the first sequence, drawn
// in the others. `draw` numbers the calls: it addresses the random streams. With a guide only;
// overwrites the last draw.
void tz_candidates_propose(tz_candidates *candidates, float *u, uint64_t draw, int n);

// Copies the controls (T, nu) or the states (T + 1, nz) of candidate i.
void tz_candidates_controls(const tz_candidates *candidates, float *u, int i);
void tz_candidates_states(const tz_candidates *candidates, float *z, int i);

// Rolls out the one sequence u (T, nu) from z0, writes its states z (T + 1, nz) and scores it by
// the task itself, whatever is sought.
tz_score tz_candidates_follow(tz_candidates *candidates, float *z, const float *u);

// Writes the indices of the best candidates of the last draw, best first, into best (k), and
// returns how many there are: at most k, all of one outcome, none that diverged. Ties go to the
// lower index.
TZ_API int tz_candidates_select(const tz_candidates *candidates, int *best, int k);

#endif
