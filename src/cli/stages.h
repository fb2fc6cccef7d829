// `trapeze mpc` and `trapeze train` as stages of `trapeze rounds`: running them by their words, and
// the rows of their option tables that it hands on to them.
#ifndef TRAPEZE_CLI_STAGES_H
#define TRAPEZE_CLI_STAGES_H

#include "cli/cli.h"
#include "plan/planner.h"
#include "train/training.h"

typedef enum tz_stage {
    TZ_STAGE_ALONE, // the command itself
    TZ_STAGE_PART,  // a part of another one: all is done, nothing printed on stdout
    TZ_STAGE_CHECK  // refuses what can be refused before the first file, and writes none
} tz_stage;

// What the command does with its words; argv[0] is its name. The error is the command's own
// sentence; TZ_ERR_INTERRUPTED after an interrupt, with all saved that --resume needs.
tz_status tz_mpc_stage(int argc, char **argv, tz_stage stage, tz_error *error);
tz_status tz_train_stage(int argc, char **argv, tz_stage stage, tz_error *error);

// How a planner drives.
typedef struct tz_planning {
    const char *policy, *critic; // Nullable
    int planner, range, version; // index into their choices; they count, not those of def
    int substeps;                // 0: as the model was trained
    bool no_early_end;
    tz_text_list env_arguments; // of --env-arg
    tz_planner_def def;
} tz_planning;
tz_planning tz_planning_default(void);

// Makes the environment `name` to drive in, with episodes of at most `steps` steps; 0: its own
// limit.
tz_status tz_planning_make_env(tz_env **env, const tz_planning *planning, const char *name,
                               int steps, tz_error *error);

extern const char *const tz_range_choices[]; // tz_range_mode

// clang-format off

// Rows for an option table; `p` points to the caller's tz_planning.
#define TZ_PLANNING_OPTIONS(p) \
        {"--planner", TZ_OPTION_CHOICE, &(p)->planner, "P", .help = "how controls are searched", .choices = tz_planner_names()}, \
        {"--horizon", TZ_OPTION_INT, &(p)->def.horizon, "N", .help = "control steps looked ahead", .min = 1, .max = 1000}, \
        {"--samples", TZ_OPTION_INT, &(p)->def.samples, "N", .help = "candidates of an iteration", .min = 2, .max = 200000}, \
        {"--iterations", TZ_OPTION_INT, &(p)->def.iterations, "N", .help = "refinements of a plan", .min = 1, .max = 256}, \
        {"--elites", TZ_OPTION_INT, &(p)->def.elites, "N", .help = "best candidates that form the next distribution; not given: a tenth of the samples", .min = 1, .max = 200000, .is_computed = true}, \
        {"--keep-elites", TZ_OPTION_INT, &(p)->def.keep_elites, "N", .help = "elites that stay candidates; not given: a fifth of the elites", .min = 0, .max = 200000, .is_computed = true}, \
        {"--policy", TZ_OPTION_TEXT, &(p)->policy, "P", .help = "policy whose controls, along the model's predictions, are candidates too: a shipped one or a policy file"}, \
        {"--critic", TZ_OPTION_TEXT, &(p)->critic, "FILE", .help = "critics of the policy, whose value of the last state counts: shipped ones (hopper-critics) or a file of trapeze sac"}, \
        {"--policy-samples", TZ_OPTION_INT, &(p)->def.policy_samples, "N", .help = "candidates of the policy; not given: half of the samples, at most 50", .min = 1, .max = TZ_POLICY_SAMPLES_MAX, .is_computed = true}, \
        {"--smoothing", TZ_OPTION_REAL, &(p)->def.smoothing, "X", .help = "share of the old distribution in the new one", .min = 0, .max = 0.999}, \
        {"--temperature", TZ_OPTION_REAL, &(p)->def.temperature, "X", .help = "of the weights of mppi, in standard deviations of the returns of the better half of the candidates", .min = 1e-6, .max = 1e6}, \
        {"--sample-decay", TZ_OPTION_REAL, &(p)->def.sample_decay, "X", .help = "each iteration draws X times fewer candidates", .min = 1, .max = 100}, \
        {"--noise", TZ_OPTION_REAL, &(p)->def.noise_std, "S", .help = "first standard deviation of the candidates, in control half-ranges; not given, with a policy: 0.05", .min = 1e-6, .max = 100}, \
        {"--noise-color", TZ_OPTION_REAL, &(p)->def.noise_color, "X", .help = "correlation of consecutive steps of the noise (AR(1)); 0: white", .min = 0, .max = 0.999}, \
        {"--discount", TZ_OPTION_REAL, &(p)->def.discount, "X", .help = "of rewards, per step; not given, with a critic: 0.99, as critics are trained", .min = 1e-6, .max = 1}, \
        {"--range", TZ_OPTION_CHOICE, &(p)->range, "MODE", .help = "candidates that leave the range of the model's training data", .choices = tz_range_choices}, \
        {"--range-margin", TZ_OPTION_REAL, &(p)->def.range_margin, "X", .help = "how far outside is tolerated, in widths of the range", .min = 0, .max = 1e6}, \
        {"--range-penalty", TZ_OPTION_REAL, &(p)->def.range_penalty, "X", .help = "reward lost per step and width outside", .min = 0, .max = 1e12}, \
        {"--disagreement", TZ_OPTION_REAL, &(p)->def.disagreement, "X", .help = "ensembles: reward lost for each standard deviation of the returns that the members promise", .min = 0, .max = 1e12}, \
        {"--substeps", TZ_OPTION_INT, &(p)->substeps, "N", .help = "steps of the integrator in a predicted transition; 0: as the model was trained; half as many plan twice as fast", .min = 0, .max = 1000}, \
        {"--no-early-end", TZ_OPTION_FLAG, &(p)->no_early_end, .help = "go on where the task would terminate"}, \
        TZ_VERSION_OPTION(&(p)->version), \
        TZ_ENV_ARG_OPTION(&(p)->env_arguments)

// Rows for an option table; `d` points to the caller's tz_training_def.
#define TZ_TRAINER_OPTIONS(d) \
        {"--lr-end", TZ_OPTION_REAL, &(d)->trainer.lr_end, "X", .help = "learning rate that it is annealed to", .min = 0, .max = 1e30}, \
        {"--sequences", TZ_OPTION_INT, &(d)->n_sequences, "N", .help = "sequences drawn from the data", .min = 1, .max = 1e8}, \
        {"--sequence-length", TZ_OPTION_INT, &(d)->length, "N", .help = "states of a sequence", .min = 2, .max = 1000}, \
        {"--batch", TZ_OPTION_INT, &(d)->trainer.batch, "N", .help = "sequences of a step", .min = 1, .max = 1e6}, \
        {"--tile", TZ_OPTION_INT, &(d)->trainer.tile, "N", .help = "rows of a batch that one thread takes at a time", .min = 1, .max = 1000}, \
        {"--weight-decay", TZ_OPTION_REAL, &(d)->trainer.weight_decay, "X", .help = "L2 coefficient, coupled", .min = 0, .max = 1e30}, \
        {"--clip", TZ_OPTION_REAL, &(d)->trainer.clip, "X", .help = "norm that gradients are clipped to; 0: not clipped", .min = 0, .max = 1e30}, \
        {"--input-noise", TZ_OPTION_REAL, &(d)->trainer.input_noise, "X", .help = "noise on the state that a sequence is rolled out from, in standard deviations of the training states", .min = 0, .max = 10}, \
        {"--curriculum", TZ_OPTION_INT, &(d)->trainer.first_length, "N", .help = "states of a sequence that count in the first epoch, growing to all at half the epochs; 0: all from the start", .min = 0, .max = 1000}, \
        {"--spectral-limit", TZ_OPTION_REAL, &(d)->trainer.spectral_limit, "X", .help = "largest singular value of a weight matrix; 0: no limit", .min = 0, .max = 1e30}, \
        {"--keep-best", TZ_OPTION_FLAG, &(d)->keep_best, .help = "keep the weights with the best held-out rollouts instead of the last ones"}, \
        {"--rollout-every", TZ_OPTION_INT, &(d)->rollout_every, "N", .help = "epochs between rollouts from held-out episodes", .min = 1, .max = 1e6}

// clang-format on

#endif
