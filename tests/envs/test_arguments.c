// Arguments of the built-in robots: what each version knows, how text is read and refused, and that
// rewards, ends and resets follow them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/status.h"
#include "envs/env.h"
#include "envs/env_vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NZ_MAX = 64, NU_MAX = 20, STEPS = 60 };

static tz_env *make(const char *name, const char *arguments) {
    tz_env_def def = tz_env_def_default();
    tz_env *env = NULL;
    tz_error error = {.text = ""};
    def.name = name;
    def.arguments = arguments;
    if (tz_env_create(&env, &def, &error) != TZ_OK) {
        fail_msg("%s with %s: %s", name, arguments ? arguments : "defaults", error.text);
    }
    return env;
}

static void expect_refused(const char *name, const char *arguments, const char *sentence) {
    tz_env_def def = tz_env_def_default();
    tz_env *env = NULL;
    tz_error error = {.text = ""};
    def.name = name;
    def.arguments = arguments;
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_ARGUMENT);
    assert_null(env);
    if (strstr(error.text, sentence) == NULL) {
        fail_msg("%s with %s: \"%s\" (expected \"%s\")", name, arguments, error.text, sentence);
    }
}

// ---- what there is

// Gymnasium's constructors: names and defaults of what concerns reward, end and reset. Those in
// brackets change nothing there.
#define HOP                                                                                        \
    "forward_reward_weight=1 ctrl_cost_weight=0.001 healthy_reward=1 "                             \
    "terminate_when_unhealthy=true "
static const struct {
    const char *name, *arguments;
} known[] = {
    {"half_cheetah", "forward_reward_weight=1 ctrl_cost_weight=0.1 reset_noise_scale=0.1 "},
    {"half_cheetah-v4", "forward_reward_weight=1 ctrl_cost_weight=0.1 reset_noise_scale=0.1 "},
    {"hopper", HOP "healthy_state_range=-100:100 healthy_z_range=0.7:inf "
                   "healthy_angle_range=-0.2:0.2 reset_noise_scale=0.005 "},
    {"hopper-v4", HOP "healthy_state_range=-100:100 healthy_z_range=0.7:inf "
                      "healthy_angle_range=-0.2:0.2 reset_noise_scale=0.005 "},
    {"swimmer", "forward_reward_weight=1 ctrl_cost_weight=0.0001 reset_noise_scale=0.1 "},
    {"swimmer-v4", "forward_reward_weight=1 ctrl_cost_weight=0.0001 reset_noise_scale=0.1 "},
    {"walker2d", HOP "healthy_z_range=0.8:2 healthy_angle_range=-1:1 reset_noise_scale=0.005 "},
    {"walker2d-v4", HOP "healthy_z_range=0.8:2 healthy_angle_range=-1:1 reset_noise_scale=0.005 "},
    {"inverted_pendulum", "reset_noise_scale=0.01 "},
    {"inverted_pendulum-v4", ""},
    {"inverted_double_pendulum", "healthy_reward=10 reset_noise_scale=0.1 "},
    {"inverted_double_pendulum-v4", ""},
    {"reacher", "reward_dist_weight=1 reward_control_weight=1 "},
    {"reacher-v4", ""},
    {"pusher", "reward_near_weight=0.5 reward_dist_weight=1 reward_control_weight=0.1 "},
    {"pusher-v4", ""},
    {"ant", "forward_reward_weight=1 ctrl_cost_weight=0.5 contact_cost_weight=0.0005 "
            "healthy_reward=1 terminate_when_unhealthy=true healthy_z_range=0.2:1 "
            "contact_force_range=-1:1 reset_noise_scale=0.1 "},
    {"ant-v4", "ctrl_cost_weight=0.5 [contact_cost_weight=0.0005] healthy_reward=1 "
               "terminate_when_unhealthy=true healthy_z_range=0.2:1 [contact_force_range=-1:1] "
               "reset_noise_scale=0.1 "},
    {"humanoid", "forward_reward_weight=1.25 ctrl_cost_weight=0.1 contact_cost_weight=5e-07 "
                 "contact_cost_range=-inf:10 healthy_reward=5 terminate_when_unhealthy=true "
                 "healthy_z_range=1:2 reset_noise_scale=0.01 "},
    {"humanoid-v4", "forward_reward_weight=1.25 ctrl_cost_weight=0.1 healthy_reward=5 "
                    "terminate_when_unhealthy=true healthy_z_range=1:2 reset_noise_scale=0.01 "},
    {"humanoid_standup", "[uph_cost_weight=1] ctrl_cost_weight=0.1 impact_cost_weight=5e-07 "
                         "impact_cost_range=-inf:10 reset_noise_scale=0.01 "},
    {"humanoid_standup-v4", ""},
};

static void each_version_has_gymnasium_s(void **state) {
    (void)state;
    assert_int_equal(TZ_COUNTOF(known), 2 * tz_env_count());
    for (size_t i = 0; i < TZ_COUNTOF(known); i++) {
        tz_env *env = make(known[i].name, NULL);
        const tz_task *task = tz_env_task(env);
        const tz_env_info *info = tz_env_info_of(env);
        char found[1024] = "";
        size_t used = 0;
        for (int k = 0; k < info->n_arguments; k++) {
            const tz_argument *argument = &info->arguments[k];
            char text[TZ_ARGUMENT_TEXT_MAX];
            double value[2];
            assert_false(tz_argument_get(argument, task, value));
            tz_argument_text(argument, value, text);
            if (tz_argument_is_of(argument, task->version)) {
                const bool idle = tz_argument_is_idle(argument, task->version);
                used += (size_t)snprintf(found + used, sizeof found - used, "%s%s=%s%s ",
                                         idle ? "[" : "", argument->name, text, idle ? "]" : "");
            }
        }
        assert_string_equal(found, known[i].arguments);
        assert_string_equal(task->env_arguments, "");
        tz_env_destroy(env);
    }
}

// ---- text

static void text_is_read_and_written_in_one_form(void **state) {
    (void)state;
    static const struct {
        const char *name, *given, *held;
    } cases[] = {
        {"half_cheetah", "", ""},
        {"half_cheetah", "ctrl_cost_weight=0.10,forward_reward_weight=1", ""},
        {"half_cheetah", "reset_noise_scale=0,forward_reward_weight=2.50",
         "forward_reward_weight=2.5,reset_noise_scale=0"},
        {"half_cheetah", "ctrl_cost_weight=-1e-3", "ctrl_cost_weight=-0.001"},
        {"half_cheetah", "ctrl_cost_weight=0.30000000000000004",
         "ctrl_cost_weight=0.30000000000000004"},
        {"HalfCheetah-v4", "ctrl_cost_weight=1,", "ctrl_cost_weight=1"},
        {"hopper", "healthy_z_range=-inf:inf,healthy_angle_range=0:0",
         "healthy_z_range=-inf:inf,healthy_angle_range=0:0"},
        {"humanoid_standup", "uph_cost_weight=2", "uph_cost_weight=2"},
        {"hopper", "terminate_when_unhealthy=true", ""},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_env *env = make(cases[i].name, cases[i].given);
        assert_string_equal(tz_env_task(env)->env_arguments, cases[i].held);
        tz_env *again = make(cases[i].name, tz_env_task(env)->env_arguments);
        assert_memory_equal(&tz_env_task(env)->argument, &tz_env_task(again)->argument,
                            sizeof(tz_argument_values));
        tz_env_destroy(again);
        tz_env_destroy(env);
    }
}

// The longest text of the robot with most arguments still fits.
static void every_argument_at_once(void **state) {
    (void)state;
    static const char *const all =
        "forward_reward_weight=-1.2345678901234568e-300,ctrl_cost_weight=-1.2345678901234568e-300,"
        "healthy_reward=-1.2345678901234568e-300,"
        "healthy_state_range=-1.2345678901234568e-300:1.2345678901234568e-300,"
        "healthy_z_range=-1.2345678901234568e-300:1.2345678901234568e-300,"
        "healthy_angle_range=-1.2345678901234568e-300:1.2345678901234568e-300,"
        "reset_noise_scale=1.2345678901234568e-300";
    tz_env *env = make("hopper", all);
    assert_string_equal(tz_env_task(env)->env_arguments, all);
    tz_env_destroy(env);
}

static void bad_text_is_one_sentence(void **state) {
    (void)state;
    static const struct {
        const char *name, *given, *sentence;
    } cases[] = {
        {"ant", "ctrl_cost_wieght=1",
         "ant has no argument \"ctrl_cost_wieght\" (did you mean ctrl_cost_weight?); expected one "
         "of forward_reward_weight, ctrl_cost_weight, contact_cost_weight, healthy_reward, "
         "terminate_when_unhealthy, healthy_z_range, contact_force_range, reset_noise_scale"},
        {"ant-v4", "forward_reward_weight=1", "ant-v4 has no argument \"forward_reward_weight\""},
        {"ant", "frame_skip=5", "expected one of forward_reward_weight"},
        {"ant", "x=1", "ant has no argument \"x\"; expected one of"},
        {"ant", "ctrl_cost_weight", "expected NAME=VALUE, a range as NAME=LOW:HIGH"},
        {"ant", "ctrl_cost_weight=1,,healthy_reward=1", "\"\" is no argument"},
        {"ant", "=1", "ant has no argument \"\""},
        {"ant", "ctrl_cost_weight=", "ctrl_cost_weight is \"\"; expected a finite number"},
        {"ant", "ctrl_cost_weight=1x", "ctrl_cost_weight is \"1x\"; expected a finite number"},
        {"ant", "ctrl_cost_weight=nan", "ctrl_cost_weight is \"nan\"; expected a finite number"},
        {"ant", "ctrl_cost_weight=-inf", "ctrl_cost_weight is \"-inf\"; expected a finite number"},
        {"ant", "ctrl_cost_weight=1e999", "expected a finite number"},
        {"ant", "ctrl_cost_weight=0:1", "expected a finite number"},
        {"ant", "reset_noise_scale=-0.1", "expected a finite number of at least 0"},
        {"ant", "healthy_z_range=1:0.2", "expected LOW:HIGH with LOW not above HIGH"},
        {"ant", "healthy_z_range=0.2", "expected LOW:HIGH"},
        {"ant", "healthy_z_range=0.2:", "expected LOW:HIGH"},
        {"ant", "healthy_z_range=0.2:1:2", "expected LOW:HIGH"},
        {"ant", "healthy_z_range=nan:1", "expected LOW:HIGH"},
        {"ant", "healthy_z_range=0:nan", "expected LOW:HIGH"},
        {"ant", "healthy_z_range=inf:inf", "expected LOW:HIGH"},
        {"ant", "healthy_z_range=-inf:-inf", "expected LOW:HIGH"},
        {"ant", "terminate_when_unhealthy=1", "expected true or false"},
        {"ant", "healthy_reward=1,healthy_reward=1", "ant: healthy_reward is given twice"},
        {"pusher-v4", "reward_dist_weight=1", "pusher-v4 has no arguments"},
        {"chain-2", "ctrl_cost_weight=1", "chain-2 has no arguments"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        expect_refused(cases[i].name, cases[i].given, cases[i].sentence);
    }
    char longest[TZ_ENV_ARGUMENTS_MAX + 32];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect_refused("ant", longest, "expected at most");
}

// ---- what they do

// Rewards of STEPS uniform controls beyond the range, from the same start, as the steps give them
// and as the task's function does: (2, STEPS).
static void run(tz_env *env, double rewards[2][STEPS]) {
    const tz_task *task = tz_env_task(env);
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
    double z[NZ_MAX], z_next[NZ_MAX], u[NU_MAX];
    tz_env *start = make(task->name, NULL); // its noise does not depend on the arguments
    tz_env_reset(start, z, 3, 0);
    tz_env_destroy(start);
    tz_env_set_z(env, z);
    for (int t = 0; t < STEPS; t++) {
        for (int i = 0; i < task->nu; i++) {
            u[i] = 1.5 * task->control_high[i] * (2.0 * tz_rng_uniform(&rng) - 1.0);
        }
        tz_step step;
        tz_env_step(env, &step, z_next, u);
        rewards[0][t] = step.reward;
        rewards[1][t] = task->reward(task, z, u, z_next);
        memcpy(z, z_next, sizeof z);
    }
}

// A value that cannot but show: another weight, or a range that hardly anything is in.
static void change(const tz_argument *argument, char text[TZ_ENV_ARGUMENTS_MAX]) {
    char value[TZ_ARGUMENT_TEXT_MAX];
    const double weight[2] = {1.7 * argument->value[0] + 0.25, 0.0};
    const bool is_cost = strncmp(argument->name, "healthy_", 8) != 0;
    const double range[2] = {is_cost ? 0.5 : 1e-7, is_cost ? 0.75 : 2e-7};
    const bool is_range = argument->kind == TZ_ARGUMENT_RANGE;
    tz_argument_text(argument, is_range ? range : weight, value);
    snprintf(text, TZ_ENV_ARGUMENTS_MAX, "%s=%s", argument->name, value);
}

// Each changes rewards, of the steps and of the pure function, but those that do nothing in
// Gymnasium either, the one of the reset, and for planners the weights of forces, which are zero
// there. Version 4 pays for health whatever the range, unless its episodes go on.
static void rewards_follow_each_argument(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(known); i++) {
        static double usual[2][STEPS], other[2][STEPS];
        const tz_env_info *info = tz_env_info_find(known[i].name);
        for (int k = 0; k < info->n_arguments; k++) {
            const tz_argument *argument = &info->arguments[k];
            char text[TZ_ENV_ARGUMENTS_MAX];
            tz_env *env = make(known[i].name, NULL);
            const int version = tz_env_task(env)->version;
            const bool idle =
                tz_argument_is_idle(argument, version) || argument->kind == TZ_ARGUMENT_SCALE;
            if (!tz_argument_is_of(argument, version) || argument->kind == TZ_ARGUMENT_FLAG) {
                tz_env_destroy(env);
                continue;
            }
            const bool of_health = strncmp(argument->name, "healthy_", 8) == 0;
            const char *go_on = ",terminate_when_unhealthy=false";
            change(argument, text);
            if (of_health && strstr(known[i].arguments, "terminate_when") != NULL) {
                strcat(text, go_on);
                tz_env_destroy(env);
                env = make(known[i].name, go_on + 1);
            }
            run(env, usual);
            tz_env_destroy(env);
            env = make(known[i].name, text);
            run(env, other);
            const bool is_of_forces = strcmp(argument->name, "contact_cost_weight") == 0 ||
                                      strcmp(argument->name, "impact_cost_weight") == 0;
            for (int way = 0; way < 2; way++) {
                const bool equal = memcmp(usual[way], other[way], sizeof usual[way]) == 0;
                if (equal != (idle || (way == 1 && is_of_forces))) {
                    fail_msg("%s with %s: rewards %s (%s)", known[i].name, text,
                             equal ? "stay" : "change", way == 0 ? "steps" : "pure function");
                }
            }
            if (tz_env_task(env)->is_exact) {
                assert_memory_equal(other[0], other[1], sizeof other[0]);
            }
            tz_env_destroy(env);
        }
    }
}

// By hand, from the state and the control: r = f dx/dt - c |u|^2.
static void a_reward_by_hand(void **state) {
    (void)state;
    tz_env *env = make("half_cheetah", "forward_reward_weight=3,ctrl_cost_weight=0.25");
    double z[NZ_MAX] = {0}, z_next[NZ_MAX], u[NU_MAX] = {0.5, -2.0, 0.0, 0.0, 0.0, 1.0};
    tz_step step;
    tz_env_reset(env, z, 0, 0);
    tz_env_step(env, &step, z_next, u);
    const double expected = 3.0 * (z_next[0] - z[0]) / 0.05 - 0.25 * (0.25 + 4.0 + 1.0);
    assert_true(fabs(step.reward - expected) < 1e-12);
    tz_env_destroy(env);
}

// The end and the reward of health follow the ranges; their ends are outside, the ant's inside.
static void ends_follow_ranges(void **state) {
    (void)state;
    static const struct {
        const char *name, *arguments;
        int at; // coordinate of z that is put to `value`
        double value;
        bool ends;
    } cases[] = {
        {"hopper", NULL, 1, 0.75, false},
        {"hopper", "healthy_z_range=0.8:inf", 1, 0.75, true},
        {"hopper", "healthy_z_range=0.75:inf", 1, 0.75, true},
        {"hopper", "healthy_z_range=0.2:inf", 1, 0.3, false},
        {"hopper", "healthy_angle_range=-0.5:0.2", 2, -0.4, false},
        {"hopper-v4", "healthy_angle_range=-0.1:0.2", 2, -0.15, true},
        {"hopper", "healthy_state_range=-9:9", 8, 9.5, true},
        {"hopper", "healthy_state_range=-9:10", 8, 9.5, false},
        {"walker2d", "healthy_z_range=1.3:2", 1, 1.29, true},
        {"walker2d-v4", "healthy_angle_range=-1:1.5", 2, 1.4, false},
        {"ant", "healthy_z_range=0.5:0.8", 2, 0.5, false},
        {"ant", "healthy_z_range=0.5:0.8", 2, 0.49, true},
        {"ant-v4", "healthy_z_range=0.5:0.8", 2, 0.81, true},
        {"humanoid", "healthy_z_range=1.2:1.3", 2, 1.3, true},
        {"humanoid", "healthy_z_range=1.2:1.3", 2, 1.25, false},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_env *env = make(cases[i].name, cases[i].arguments);
        const tz_task *task = tz_env_task(env);
        double z[NZ_MAX] = {0};
        tz_env_reset(env, z, 0, 0);
        z[cases[i].at] = cases[i].value;
        assert_int_equal(task->terminated(task, z), cases[i].ends);
        tz_env_destroy(env);
    }
}

static void ends_can_be_switched_off(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(known); i++) {
        if (strstr(known[i].arguments, "terminate_when_unhealthy") != NULL) {
            tz_env *env = make(known[i].name, "terminate_when_unhealthy=False");
            assert_false(tz_env_task(env)->ends_early);
            assert_string_equal(tz_env_task(env)->env_arguments, ""); // ends_early says it
            tz_env_destroy(env);
        }
    }
}

// The noise of a start grows with its scale, from none at all.
static void resets_follow_the_scale(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(known); i++) {
        if (strstr(known[i].arguments, "reset_noise_scale") == NULL) {
            continue;
        }
        tz_env *still = make(known[i].name, "reset_noise_scale=0"),
               *once = make(known[i].name, "reset_noise_scale=0.01"),
               *twice = make(known[i].name, "reset_noise_scale=0.02");
        double z[3][NZ_MAX];
        tz_env_reset(still, z[0], 5, 1);
        tz_env_reset(still, z[1], 5, 2);
        const tz_task *task = tz_env_task(still);
        const int nz = tz_task_nz(task), nq = task->nq;
        assert_memory_equal(z[0], z[1], (size_t)nz * sizeof z[0][0]);
        tz_env_reset(once, z[1], 5, 1);
        tz_env_reset(twice, z[2], 5, 1);
        for (int k = 0; k < nz; k++) {
            assert_true(k < nq || z[0][k] == 0.0);
            // MuJoCo 2 scales quaternions to length 1
            const bool is_scaled = k < nq && task->coordinate[k] == TZ_COORDINATE_QUATERNION;
            const double noise = z[1][k] - z[0][k];
            assert_true(noise != 0.0);
            assert_true(fabs(z[2][k] - z[0][k] - 2.0 * noise) < (is_scaled ? 1e-3 : 1e-12));
        }
        tz_env_destroy(still);
        tz_env_destroy(once);
        tz_env_destroy(twice);
    }
}

// Clones and vectors are of the same task.
static void copies_share_them(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    tz_env *env = make("hopper", "healthy_reward=3"), *clone = NULL;
    tz_env_vec *vec = NULL;
    tz_team *team = NULL;
    assert_int_equal(tz_env_clone(&clone, env, NULL), TZ_OK);
    assert_true(tz_env_task(clone)->argument.healthy_reward == 3.0);
    def.name = "hopper";
    def.arguments = "healthy_reward=4";
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    assert_int_equal(tz_env_vec_create(&vec, &def, 3, team, NULL), TZ_OK);
    assert_true(tz_env_task(tz_env_vec_at(vec, 2))->argument.healthy_reward == 4.0);
    tz_env_vec_destroy(vec);
    tz_team_destroy(team);
    tz_env_destroy(clone);
    tz_env_destroy(env);
}

// ---- weights of the reward's terms

static void weights_are_those_that_count(void **state) {
    (void)state;
    static const struct {
        const char *name, *weights; // names of terms; in brackets: of contact forces
    } cases[] = {
        {"half_cheetah", "forward, ctrl cost, "},
        {"hopper-v4", "forward, ctrl cost, healthy, "},
        {"inverted_pendulum", ""},
        {"inverted_double_pendulum", "healthy, "},
        {"inverted_double_pendulum-v4", ""},
        {"reacher", "dist, control, "},
        {"pusher", "near, dist, control, "},
        {"pusher-v4", ""},
        {"ant", "forward, ctrl cost, [contact cost], healthy, "},
        {"ant-v4", "ctrl cost, healthy, "},
        {"humanoid", "forward, ctrl cost, [contact cost], healthy, "},
        {"humanoid_standup", "ctrl cost, [impact cost], "},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_env *env = make(cases[i].name, NULL);
        const tz_argument *weight[TZ_WEIGHTS_MAX];
        char found[256] = "", term[TZ_TERM_NAME_MAX];
        size_t used = 0;
        const int n = tz_task_weights(weight, tz_env_task(env));
        for (int k = 0; k < n; k++) {
            tz_term_name(term, weight[k]);
            used += (size_t)snprintf(found + used, sizeof found - used,
                                     weight[k]->of_contacts ? "[%s], " : "%s, ", term);
        }
        assert_string_equal(found, cases[i].weights);
        tz_env_destroy(env);
    }
}

static void expect_no_weight(const char *name, const char *weight, double value,
                             const char *sentence) {
    tz_error error = {.text = ""};
    tz_env *env = make(name, "");
    tz_task own = *tz_env_task(env);
    assert_int_equal(tz_task_weigh(&own, weight, value, &error), TZ_ERR_ARGUMENT);
    assert_string_equal(error.text, sentence);
    assert_memory_equal(&own, tz_env_task(env), sizeof own);
    tz_env_destroy(env);
}

static void what_is_no_weight_is_one_sentence(void **state) {
    (void)state;
    expect_no_weight("half_cheetah", "ctrl_cost", 1.0,
                     "half_cheetah has no weight \"ctrl_cost\"; expected one of "
                     "forward_reward_weight, ctrl_cost_weight");
    expect_no_weight("half_cheetah", "ctrl_cost_weight", (double)NAN,
                     "half_cheetah: ctrl_cost_weight is nan; expected a finite number");
    expect_no_weight("half_cheetah", "forward_reward_weight", -INFINITY,
                     "half_cheetah: forward_reward_weight is -inf; expected a finite number");
    expect_no_weight("hopper", "reset_noise_scale", 1.0,
                     "hopper has no weight \"reset_noise_scale\"; expected one of "
                     "forward_reward_weight, ctrl_cost_weight, healthy_reward");
    expect_no_weight("ant-v4", "contact_cost_weight", 1.0,
                     "ant-v4 has no weight \"contact_cost_weight\"; expected one of "
                     "ctrl_cost_weight, healthy_reward");
    expect_no_weight("inverted_pendulum", "healthy_reward", 1.0,
                     "inverted_pendulum has no weight \"healthy_reward\"; expected none: its "
                     "reward has no weights");
}

// Controls of a step for all environments, (NU_MAX).
static void draw_controls(tz_rng *rng, double *u) {
    for (int j = 0; j < NU_MAX; j++) {
        u[j] = 2.0 * tz_rng_uniform(rng) - 1.0;
    }
}

// A copy with another weight judges as the task of an environment that was made with it, by its own
// function and on a scratch of the first; the environment goes on as it was. And the term of a
// weight is what a step earns less than in an environment made with 0.
static void copies_and_terms_follow_each_weight(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(known); i++) {
        const tz_argument *weight[TZ_WEIGHTS_MAX];
        tz_env *env = make(known[i].name, NULL);
        const tz_task *task = tz_env_task(env);
        const int n = tz_task_weights(weight, task);
        for (int k = 0; k < n; k++) {
            char text[TZ_ENV_ARGUMENTS_MAX];
            double z[NZ_MAX], z_next[NZ_MAX], u[NU_MAX], term[TZ_WEIGHTS_MAX], largest = 0.0;
            change(weight[k], text);
            tz_env *other = make(known[i].name, text);
            snprintf(text, sizeof text, "%s=0", weight[k]->name);
            tz_env *without = make(known[i].name, text);
            tz_task own = *task;
            tz_task_scratch *scratch = NULL;
            assert_int_equal(tz_task_scratch_create(&scratch, task, NULL), TZ_OK);
            assert_int_equal(
                tz_task_weigh(&own, weight[k]->name, 1.7 * weight[k]->value[0] + 0.25, NULL),
                TZ_OK);
            assert_string_equal(own.env_arguments, tz_env_task(other)->env_arguments);

            tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_POLICY, 0);
            tz_env_reset(env, z, 3, 0);
            tz_env_reset(without, z, 3, 0);
            for (int t = 0; t < STEPS; t++) {
                tz_step step, less;
                draw_controls(&rng, u);
                tz_env_step(env, &step, z_next, u);
                tz_env_step(without, &less, z_next, u);
                const double expected =
                    tz_env_task(other)->reward(tz_env_task(other), z, u, z_next);
                assert_true(own.reward(&own, z, u, z_next) == expected);
                assert_true(tz_task_reward(&own, scratch, z, u, z_next) == expected);
                assert_true(tz_task_reward(task, scratch, z, u, z_next) ==
                            task->reward(task, z, u, z_next));
                assert_int_equal(tz_env_reward_terms(env, term), n);
                assert_true(term[k] == step.reward - less.reward);
                largest = fmax(largest, fabs(term[k]));
                memcpy(z, z_next, sizeof z);
            }
            assert_true(largest > 0.0);
            assert_string_equal(task->env_arguments, "");
            tz_task_scratch_destroy(scratch);
            tz_env_destroy(without);
            tz_env_destroy(other);
        }
        tz_env_destroy(env);
    }
}

// Hopper's terms add up to its reward; what no weight concerns is missing from those of the double
// pendulum.
static void terms_by_hand(void **state) {
    (void)state;
    double z[NZ_MAX], z_next[NZ_MAX], term[TZ_WEIGHTS_MAX];
    const double u[NU_MAX] = {0.5, -1.0, 2.0};
    tz_step step;
    tz_env *hopper = make("hopper", "ctrl_cost_weight=0.1,healthy_reward=2");
    tz_env_reset(hopper, z, 0, 0);
    tz_env_step(hopper, &step, z_next, u);
    assert_int_equal(tz_env_reward_terms(hopper, term), 3);
    assert_true(fabs(term[0] - (z_next[0] - z[0]) / tz_env_task(hopper)->dt_s) < 1e-12);
    assert_true(fabs(term[1] + 0.1 * 5.25) < 1e-12);
    assert_true(fabs(term[2] - 2.0) < 1e-12);
    assert_true(fabs(term[0] + term[1] + term[2] - step.reward) < 1e-12);
    tz_env_destroy(hopper);

    tz_env *pole = make("inverted_double_pendulum", NULL);
    tz_env_reset(pole, z, 0, 0);
    tz_env_step(pole, &step, z_next, u);
    assert_int_equal(tz_env_reward_terms(pole, term), 1);
    assert_true(fabs(term[0] - 10.0) < 1e-12);
    assert_true(step.reward < 10.0);
    tz_env_destroy(pole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_has_gymnasium_s),
        cmocka_unit_test(text_is_read_and_written_in_one_form),
        cmocka_unit_test(every_argument_at_once),
        cmocka_unit_test(bad_text_is_one_sentence),
        cmocka_unit_test(rewards_follow_each_argument),
        cmocka_unit_test(a_reward_by_hand),
        cmocka_unit_test(ends_follow_ranges),
        cmocka_unit_test(ends_can_be_switched_off),
        cmocka_unit_test(resets_follow_the_scale),
        cmocka_unit_test(copies_share_them),
        cmocka_unit_test(weights_are_those_that_count),
        cmocka_unit_test(what_is_no_weight_is_one_sentence),
        cmocka_unit_test(copies_and_terms_follow_each_weight),
        cmocka_unit_test(terms_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
