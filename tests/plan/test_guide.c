// A policy and its critic in a planner, on Hopper with what is shipped for it: proposals are the
// policy's own controls, the value at the horizon is the critic's, and both make a horizon of four
// steps long enough to stay on one's feet.
#include "folder.h"

#include "plan/planner_kind.h"
#include "plan/sim_model.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { T = 4, NZ = 12, NU = 3 };

// Kinds that refine a distribution; random shooting does not.
static const tz_planner_kind refining[] = {TZ_PLANNER_CEM, TZ_PLANNER_MPPI};

static tz_env *env;
static const tz_task *task;
static tz_model *model;
static tz_policy *policy;
static tz_critic *critic;

static int set_up(void **state) {
    enter_folder(state);
    tz_env_def def = tz_env_def_default();
    def.name = "hopper";
    const bool made =
        tz_env_create(&env, &def, NULL) == TZ_OK && tz_sim_model_create(&model, env, NULL) == TZ_OK;
    task = made ? tz_env_task(env) : NULL;
    return made && tz_policy_create(&policy, "hopper-expert", task, NULL) == TZ_OK &&
                   tz_critic_load(&critic, "hopper-critics", task, NULL) == TZ_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    tz_critic_destroy(critic);
    tz_policy_destroy(policy);
    tz_model_destroy(model);
    tz_env_destroy(env);
    return leave_folder(state);
}

static tz_planner_def guided(tz_planner_kind kind) {
    tz_planner_def def = tz_planner_def_default();
    def.kind = kind;
    def.horizon = T;
    def.samples = 12;
    def.elites = 3;
    def.keep_elites = 1;
    def.iterations = 1;
    def.discount = 0.99;
    def.policy = policy;
    def.policy_samples = 3;
    def.critic = critic;
    def.seed = 5;
    return def;
}

static tz_planner *make(const tz_planner_def *def, tz_team **team, int n_threads) {
    tz_planner *planner = NULL;
    assert_int_equal(tz_team_create(team, n_threads, NULL), TZ_OK);
    assert_int_equal(tz_planner_create(&planner, def, task, model, *team, NULL), TZ_OK);
    return planner;
}

static void destroy(tz_planner *planner, tz_team *team) {
    tz_planner_destroy(planner);
    tz_team_destroy(team);
}

// The policy's deterministic control (nu) at z in f32.
static void act(float *u, const float *z) {
    tz_policy_workspace *workspace = NULL;
    double wide[NZ];
    for (int i = 0; i < NZ; i++) {
        wide[i] = (double)z[i];
    }
    assert_int_equal(tz_policy_workspace_create(&workspace, policy, 1, NULL), TZ_OK);
    tz_policy_act(policy, workspace, u, wide, NULL, 1);
    tz_policy_workspace_destroy(workspace);
}

static double value_of(const float *z) {
    tz_critic_workspace *workspace = NULL;
    double wide[NZ];
    float u[NU], q;
    for (int i = 0; i < NZ; i++) {
        wide[i] = (double)z[i];
    }
    act(u, z);
    assert_int_equal(tz_critic_workspace_create(&workspace, critic, 1, NULL), TZ_OK);
    tz_critic_q(critic, workspace, &q, wide, u, 1);
    tz_critic_workspace_destroy(workspace);
    return (double)q;
}

// ---- the parts: random shooting leaves its only draw in the planner, the proposals first

static void proposals_follow_the_policy_through_the_model(void **state) {
    (void)state;
    const tz_planner_def def = guided(TZ_PLANNER_RANDOM);
    tz_team *team;
    tz_planner *planner = make(&def, &team, 2);
    tz_plan plan;
    double z[TZ_NZ_MAX];
    float u[3][T][NU];
    tz_env_reset(env, z, 1, 0);
    z[0] = 0.0; // root x, where planning starts
    tz_planner_plan(planner, &plan, z);
    memcpy(u, planner->given, sizeof u);

    // the first: the policy's mean at every state that the model comes to
    tz_model_workspace *workspace = NULL;
    float z_t[2][NZ], start[NZ];
    assert_int_equal(tz_model_workspace_create(&workspace, model, 1, 1, false, NULL), TZ_OK);
    for (int i = 0; i < NZ; i++) {
        z_t[1][i] = (float)z[i];
    }
    for (int t = 0; t < T; t++) {
        float expected[NU];
        memcpy(start, z_t[1], sizeof start);
        act(expected, start);
        for (int j = 0; j < NU; j++) {
            assert_true(fabsf(u[0][t][j] - expected[j]) <= 1e-5f);
        }
        tz_model_rollout(model, workspace, z_t[0], start, u[0][t], 1, 1);
    }
    tz_model_workspace_destroy(model, workspace);

    // the others: drawn, each from a stream of its own and of its plan
    assert_memory_not_equal(u[1], u[0], sizeof u[0]);
    assert_memory_not_equal(u[1], u[2], sizeof u[1]);
    tz_planner_plan(planner, &plan, z);
    assert_memory_equal(planner->given, u[0], sizeof u[0]);
    assert_memory_not_equal(planner->given + T * NU, u[1], sizeof u[1]);
    tz_planner_reset(planner, 0);
    tz_planner_plan(planner, &plan, z);
    assert_memory_equal(planner->given, u, sizeof u);
    destroy(planner, team);
}

// A policy of one's own MJCF sees where the robot is: u = tanh(0.2 x) for x > 0, here.
static void a_policy_may_see_a_cyclic_coordinate(void **state) {
    (void)state;
    static const char cart[] =
        "<mujoco><compiler autolimits='true'/><option timestep='0.02' gravity='0 0 0'/>"
        "<custom><text name='trapeze_reward' data='v.rail'/>"
        "<text name='trapeze_cyclic' data='rail'/></custom>"
        "<worldbody><body><joint name='rail' type='slide' axis='1 0 0'/>"
        "<geom size='0.1' mass='1'/></body></worldbody>"
        "<actuator><motor name='motor' joint='rail' gear='20' ctrlrange='-1 1'/></actuator>"
        "</mujoco>";
    static const float first[] = {1.0f, 0.0f}, one = 1.0f, gain = 0.2f, zero = 0.0f;
    const tz_tensor tensors[] = {{"actor.mu.0.weight", TZ_DTYPE_F32, 2, {1, 2}, first},
                                 {"actor.mu.0.bias", TZ_DTYPE_F32, 1, {1}, &zero},
                                 {"actor.mu.2.weight", TZ_DTYPE_F32, 2, {1, 1}, &one},
                                 {"actor.mu.2.bias", TZ_DTYPE_F32, 1, {1}, &zero},
                                 {"actor.mu.4.weight", TZ_DTYPE_F32, 2, {1, 1}, &gain},
                                 {"actor.mu.4.bias", TZ_DTYPE_F32, 1, {1}, &zero}};
    const tz_metadata sees[] = {{"observation_index", "[0, 1]"},
                                {"observation_low", "[-100, -100]"},
                                {"observation_high", "[100, 100]"}};
    assert_int_equal(tz_file_write("cart.xml", cart, strlen(cart), NULL), TZ_OK);
    assert_int_equal(tz_safetensors_write("cart.safetensors", tensors, TZ_COUNTOF(tensors), sees,
                                          TZ_COUNTOF(sees), NULL),
                     TZ_OK);
    tz_env_def env_def = tz_env_def_default();
    env_def.name = "cart.xml";
    tz_env *cart_env = NULL;
    tz_model *sim = NULL;
    tz_policy *sees_place = NULL;
    tz_team *team = NULL;
    tz_planner *planner = NULL;
    assert_int_equal(tz_env_create(&cart_env, &env_def, NULL), TZ_OK);
    assert_int_equal(tz_sim_model_create(&sim, cart_env, NULL), TZ_OK);
    assert_int_equal(
        tz_policy_create(&sees_place, "./cart.safetensors", tz_env_task(cart_env), NULL), TZ_OK);
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_planner_def def = guided(TZ_PLANNER_CEM);
    def.policy = sees_place;
    def.critic = NULL;
    assert_int_equal(tz_planner_create(&planner, &def, tz_env_task(cart_env), sim, team, NULL),
                     TZ_OK);

    // the first control proposed, and the one behind the horizon
    const double z[] = {3.0, 0.0};
    tz_plan plan;
    tz_planner_plan(planner, &plan, z);
    assert_true(fabs((double)planner->given[0] - tanh(0.2 * 3.0)) < 1e-6);
    assert_true(fabs((double)planner->mean[T - 1] - tanh(0.2 * (double)plan.z[2 * T])) < 1e-6);
    destroy(planner, team);
    tz_policy_destroy(sees_place);
    tz_model_destroy(sim);
    tz_env_destroy(cart_env);
}

static void the_last_state_is_worth_its_value(void **state) {
    (void)state;
    const tz_planner_def def = guided(TZ_PLANNER_RANDOM);
    tz_team *team;
    tz_planner *planner = make(&def, &team, 1);
    const tz_candidates *candidates = &planner->candidates;
    tz_plan plan;
    double z[TZ_NZ_MAX];
    tz_env_reset(env, z, 1, 0);
    tz_planner_plan(planner, &plan, z);
    assert_int_equal(candidates->n, def.samples); // one tile
    for (int i = 0; i < candidates->n; i++) {
        const tz_score *score = &candidates->score[i];
        const double V = value_of(candidates->z + (size_t)((T * candidates->n + i) * NZ));
        assert_true(V > 50.0); // of some 330, what an expert earns from then on
        assert_true(fabs(score->value - score->earned - pow(0.99, T) * V) < 1e-4 * V);
    }

    // after an end nothing is worth anything
    z[1] = 0.4; // height of the torso
    tz_planner_plan(planner, &plan, z);
    for (int i = 0; i < candidates->n; i++) {
        const tz_score *score = &candidates->score[i];
        assert_true(score->outcome == TZ_ROLLOUT_SOUND && score->value == score->earned);
    }
    destroy(planner, team);
}

// ---- the whole

enum { N_PLANS = 3 };

static void plan_thrice(float u[N_PLANS][T][NU], tz_planner_kind kind, int n_threads) {
    tz_planner_def def = guided(kind);
    def.samples = 120; // three tiles
    tz_team *team;
    tz_planner *planner = make(&def, &team, n_threads);
    double z[TZ_NZ_MAX];
    tz_env_reset(env, z, 2, 0);
    const size_t before = tz_alloc_count();
    for (int i = 0; i < N_PLANS; i++) {
        tz_plan plan;
        tz_planner_plan(planner, &plan, z);
        memcpy(u[i], plan.u, sizeof u[i]);
    }
    assert_int_equal(tz_alloc_count(), before);
    destroy(planner, team);
}

static void the_same_bytes_at_any_number_of_threads(void **state) {
    (void)state;
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        float one[N_PLANS][T][NU], other[N_PLANS][T][NU];
        plan_thrice(one, (tz_planner_kind)kind, 1);
        for (int n_threads = 2; n_threads <= 3; n_threads++) {
            plan_thrice(other, (tz_planner_kind)kind, n_threads);
            assert_memory_equal(one, other, sizeof one);
        }
    }
}

// A policy whose own range is wider than the task's: nothing that is applied leaves the latter.
static void controls_stay_in_the_range_of_the_task(void **state) {
    (void)state;
    tz_task narrow = *task;
    for (int j = 0; j < NU; j++) {
        narrow.control_low[j] = -0.1;
        narrow.control_high[j] = 0.2;
    }
    for (int kind = 0; kind < TZ_N_PLANNERS; kind++) {
        const tz_planner_def def = guided((tz_planner_kind)kind);
        tz_team *team = NULL;
        tz_planner *planner = NULL;
        tz_plan plan;
        double z[TZ_NZ_MAX];
        tz_env_reset(env, z, 1, 0);
        assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
        assert_int_equal(tz_planner_create(&planner, &def, &narrow, model, team, NULL), TZ_OK);
        for (int k = 0; k < 3; k++) {
            tz_planner_plan(planner, &plan, z);
            for (int i = 0; i < T * NU; i++) {
                assert_true(plan.u[i] >= -0.1f && plan.u[i] <= 0.2f);
                assert_true(planner->mean[i] >= -0.1f && planner->mean[i] <= 0.2f);
            }
        }
        destroy(planner, team);
    }
}

// ---- a model that knows nothing

static tz_status no_workspace(tz_model_workspace **workspace, const tz_model *of, int max_B,
                              int max_T, bool training, tz_error *error) {
    (void)of, (void)max_B, (void)max_T, (void)training, (void)error;
    *workspace = NULL;
    return TZ_OK;
}

static void destroy_nothing(tz_model_workspace *workspace) {
    (void)workspace;
}

static void diverge(const tz_model *of, tz_model_workspace *workspace, float *z, const float *z0,
                    const float *u, int n_steps, int B) {
    (void)of, (void)workspace, (void)u;
    memcpy(z, z0, (size_t)(B * NZ) * sizeof *z);
    for (int i = B * NZ; i < (n_steps + 1) * B * NZ; i++) {
        z[i] = NAN;
    }
}

// Where all diverges, the warm start is what the policy proposes, also when the planner was off
// before; and nothing is predicted.
static void without_a_prediction_the_policy_leads(void **state) {
    (void)state;
    const tz_model_ops ops = {.kind = "nothing",
                              .workspace_create = no_workspace,
                              .workspace_destroy = destroy_nothing,
                              .rollout = diverge};
    const tz_model nothing = {.ops = &ops, .env = "hopper", .nq = 6, .nv = 6, .nu = NU};
    for (size_t k = 0; k < 2 * TZ_COUNTOF(refining); k++) {
        tz_planner_def def = guided(refining[k / 2]);
        tz_team *team = NULL;
        tz_planner *planner = NULL;
        tz_plan plan;
        double z[TZ_NZ_MAX];
        float start[NZ], expected[NU];
        tz_env_reset(env, z, 1, 0);
        z[0] = 0.0; // root x, where planning starts
        for (int i = 0; i < NZ; i++) {
            start[i] = (float)z[i];
        }
        act(expected, start);
        assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
        assert_int_equal(tz_planner_create(&planner, &def, task, &nothing, team, NULL), TZ_OK);
        if (k % 2 == 1) {
            tz_planner_coast(planner, &plan, z);
        }
        tz_planner_plan(planner, &plan, z);
        for (int j = 0; j < NU; j++) {
            assert_true(fabsf(plan.u[j] - expected[j]) <= 1e-5f);
        }
        assert_int_equal(plan.n_diverged, plan.n_candidates);
        assert_true(isnan(plan.predicted_reward) && isnan(plan.predicted_return));
        destroy(planner, team);
    }
}

// What 150 steps earn, or as many as there are before the robot falls.
static double earned(const tz_planner_def *def) {
    tz_team *team;
    tz_planner *planner = make(def, &team, 2);
    double z[TZ_NZ_MAX], u[NU], sum = 0.0;
    tz_step step = {0};
    tz_env_reset(env, z, 3, 0);
    for (int t = 0; t < 150 && !step.terminated; t++) {
        tz_plan plan;
        tz_planner_plan(planner, &plan, z);
        for (int j = 0; j < NU; j++) {
            u[j] = (double)plan.u[j];
        }
        tz_env_step(env, &step, z, u);
        sum += step.reward;
    }
    destroy(planner, team);
    return sum;
}

static void a_guide_makes_a_short_horizon_long(void **state) {
    (void)state;
    for (size_t k = 0; k < TZ_COUNTOF(refining); k++) {
        tz_planner_def def = guided(refining[k]);
        const double with = earned(&def);
        def.policy = NULL;
        def.critic = NULL;
        const double without = earned(&def);
        assert_true(with > 1.5 * without);
    }
}

// An episode begins with the policy's own sequence, and what comes after the horizon is its control
// at the last state.
static void the_policy_gives_the_warm_start(void **state) {
    (void)state;
    for (size_t k = 0; k < TZ_COUNTOF(refining); k++) {
        tz_planner_def def = guided(refining[k]);
        def.keep_elites = 0; // their place is that of the first mean
        tz_team *team;
        tz_planner *planner = make(&def, &team, 1);
        tz_plan plan;
        double z[TZ_NZ_MAX];
        float expected[NU];
        tz_env_reset(env, z, 1, 0);
        tz_planner_plan(planner, &plan, z);
        const float *first_mean = planner->given + (size_t)(def.policy_samples * T * NU);
        assert_memory_equal(first_mean, planner->given, T * NU * sizeof *first_mean);
        act(expected, plan.z + (size_t)(T * NZ));
        for (int j = 0; j < NU; j++) {
            assert_true(fabsf(planner->mean[(T - 1) * NU + j] - expected[j]) <= 1e-5f);
        }
        destroy(planner, team);
    }
}

// ---- bad input

static void assert_not_made(const tz_planner_def *def, const tz_task *of, tz_status expected,
                            const char *named) {
    tz_team *team = NULL;
    tz_planner *planner = NULL;
    tz_error error;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    assert_int_equal(tz_planner_create(&planner, def, of, model, team, &error), expected);
    assert_non_null(strstr(error.text, named));
    assert_null(planner);
    tz_team_destroy(team);
}

static void what_cannot_guide_is_refused(void **state) {
    (void)state;
    tz_planner_def def = guided(TZ_PLANNER_CEM);
    def.policy = NULL;
    assert_not_made(&def, task, TZ_ERR_ARGUMENT, "needs the policy");

    // kept elites and the mean want places too
    def = guided(TZ_PLANNER_CEM);
    def.policy_samples = 11;
    assert_not_made(&def, task, TZ_ERR_ARGUMENT, "from 1 to 10, not 11");
    def.policy_samples = 0;
    assert_not_made(&def, task, TZ_ERR_ARGUMENT, "not 0");

    // a policy that looks at nothing
    def = guided(TZ_PLANNER_CEM);
    tz_policy *blind = NULL;
    assert_int_equal(tz_policy_create(&blind, "random", task, NULL), TZ_OK);
    def.policy = blind;
    assert_not_made(&def, task, TZ_ERR_UNSUPPORTED, "'random' cannot guide");
    tz_policy_destroy(blind);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposals_follow_the_policy_through_the_model),
        cmocka_unit_test(a_policy_may_see_a_cyclic_coordinate),
        cmocka_unit_test(the_last_state_is_worth_its_value),
        cmocka_unit_test(controls_stay_in_the_range_of_the_task),
        cmocka_unit_test(without_a_prediction_the_policy_leads),
        cmocka_unit_test(the_same_bytes_at_any_number_of_threads),
        cmocka_unit_test(a_guide_makes_a_short_horizon_long),
        cmocka_unit_test(the_policy_gives_the_warm_start),
        cmocka_unit_test(what_cannot_guide_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
