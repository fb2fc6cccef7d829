// The SAC learner: three whole updates of Stable-Baselines3 from the same weights, batches and
// draws; the same bytes at any number of threads; no allocation; the replay memory.
#include "base/memory.h"
#include "base/safetensors.h"
#include "train/sac_net.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { D = 8, A = 2, H = 32, B = 96, UPDATES = 3 };

static tz_safetensors *golden(void) {
    tz_safetensors *file;
    assert_int_equal(
        tz_safetensors_read(&file, TZ_SOURCE_DIR "/tests/golden/sac_sb3.safetensors", NULL), TZ_OK);
    return file;
}

static const tz_tensor *find(const tz_safetensors *file, const char *name) {
    const tz_tensor *tensor = tz_safetensors_find(file, name);
    if (tensor == NULL) {
        fail_msg("the golden file has no tensor %s", name);
    }
    return tensor;
}

static const char *const net_names[TZ_SAC_N_NETS] = {"actor", "critic.qf0", "critic.qf1"};

// Name of weight or bias of a layer; the actor's last layer has two parts, mu and log sigma.
static void tensor_name(char *name, size_t size, const char *prefix, int net, int layer, int part,
                        const char *kind) {
    if (net != TZ_SAC_ACTOR) {
        snprintf(name, size, "%s%s.%d.%s", prefix, net_names[net], 2 * layer, kind);
    } else if (layer < 2) {
        snprintf(name, size, "%sactor.latent_pi.%d.%s", prefix, 2 * layer, kind);
    } else {
        snprintf(name, size, "%sactor.%s.%s", prefix, part == 0 ? "mu" : "log_std", kind);
    }
}

// Calls visit(ours, theirs) for every number of a network, with p ours (in, out).
static void walk(const tz_safetensors *file, const char *prefix, const tz_sac_net *net, int index,
                 float *p, void (*visit)(float *ours, float theirs, const char *name)) {
    const int dims[4] = {net->n_in, net->n_hidden, net->n_hidden, net->n_out};
    for (int layer = 0; layer < 3; layer++) {
        const int parts = index == TZ_SAC_ACTOR && layer == 2 ? 2 : 1;
        const int in = dims[layer], out = dims[layer + 1], n = out / parts;
        for (int part = 0; part < parts; part++) {
            char name[96];
            tensor_name(name, sizeof name, prefix, index, layer, part, "weight");
            const float *W = find(file, name)->data;
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < in; j++) {
                    visit(&p[net->W_at[layer] + (size_t)(j * out + part * n + i)], W[i * in + j],
                          name);
                }
            }
            tensor_name(name, sizeof name, prefix, index, layer, part, "bias");
            const float *b = find(file, name)->data;
            for (int i = 0; i < n; i++) {
                visit(&p[net->b_at[layer] + (size_t)(part * n + i)], b[i], name);
            }
        }
    }
}

static void copy(float *ours, float theirs, const char *name) {
    (void)name;
    *ours = theirs;
}

// After one update Adam's first moment is (1 - beta1) times the gradient. Gradients are means of B
// terms of order 1: the error of f32 sums of them is a few 1e-7.
static void compare_gradient(float *m, float theirs, const char *name) {
    const float ours = *m / (float)(1.0 - TZ_SAC_BETA1);
    if (!(fabsf(ours - theirs) <= 2e-6f + 2e-5f * fabsf(theirs))) {
        fail_msg("%s: %.9g, Stable-Baselines3 has %.9g", name, (double)ours, (double)theirs);
    }
}

// Adam's first steps have length lr = 3e-4 whatever the gradient: where it is near zero its error
// can turn into a part of a step.
static void compare_weight(float *ours, float theirs, const char *name) {
    if (!(fabsf(*ours - theirs) <= 2e-5f)) {
        fail_msg("%s: %.9g, Stable-Baselines3 has %.9g", name, (double)*ours, (double)theirs);
    }
}

// The slow critic moved a part tau towards the critic in each update, by up to 3e-6 in all, and
// tau of the critic's error and a rounding of a number below 1 are 2e-7.
static void compare_slow_critic(const tz_sac_net *net, const tz_safetensors *file, int c) {
    double moved = 0.0;
    for (int layer = 0; layer < 3; layer++) {
        char names[2][2][96]; // (before or after, weight or bias)
        for (int i = 0; i < 4; i++) {
            snprintf(names[i / 2][i % 2], sizeof names[0][0], "%s.critic_target.qf%d.%d.%s",
                     i / 2 == 0 ? "before" : "after", c, 2 * layer, i % 2 == 0 ? "weight" : "bias");
        }
        const tz_tensor *W = find(file, names[1][0]);
        const float *W_before = find(file, names[0][0])->data, *W_after = W->data;
        const float *b_before = find(file, names[0][1])->data,
                    *b_after = find(file, names[1][1])->data;
        const size_t n_out = W->shape[0], n_in = W->shape[1];
        for (size_t i = 0; i < n_out; i++) {
            for (size_t j = 0; j < n_in; j++) {
                const float ours = net->target[net->W_at[layer] + j * n_out + i];
                assert_true(fabsf(ours - W_after[i * n_in + j]) <= 2e-7f);
                moved = fmax(moved, fabs((double)(W_after[i * n_in + j] - W_before[i * n_in + j])));
            }
            assert_true(fabsf(net->target[net->b_at[layer] + i] - b_after[i]) <= 2e-7f);
            moved = fmax(moved, fabs((double)(b_after[i] - b_before[i])));
        }
    }
    assert_true(moved > 1e-6);
}

static tz_sac_def small(void) {
    tz_sac_def def = tz_sac_def_default();
    def.n_obs = D;
    def.nu = A;
    def.hidden = H;
    def.batch = B;
    def.initial_temperature = 0.7;
    return def;
}

static tz_sac *create(tz_team *team) {
    const tz_sac_def def = small();
    tz_sac *sac;
    assert_int_equal(tz_sac_create(&sac, &def, team, NULL), TZ_OK);
    return sac;
}

static void load_weights(tz_sac *sac, const tz_safetensors *file) {
    for (int i = 0; i < TZ_SAC_N_NETS; i++) {
        tz_sac_net *net = tz_sac_get_net(sac, i);
        walk(file, "before.", net, i, net->parameters, copy);
    }
    // the slow critics have names of their own
    for (int c = 0; c < 2; c++) {
        tz_sac_net *net = tz_sac_get_net(sac, TZ_SAC_CRITIC0 + c);
        for (int layer = 0; layer < 3; layer++) {
            char name[96];
            snprintf(name, sizeof name, "before.critic_target.qf%d.%d.weight", c, 2 * layer);
            const tz_tensor *W = find(file, name);
            for (size_t i = 0; i < W->shape[0]; i++) {
                for (size_t j = 0; j < W->shape[1]; j++) {
                    net->target[net->W_at[layer] + j * W->shape[0] + i] =
                        ((const float *)W->data)[i * W->shape[1] + j];
                }
            }
            snprintf(name, sizeof name, "before.critic_target.qf%d.%d.bias", c, 2 * layer);
            const tz_tensor *b = find(file, name);
            memcpy(net->target + net->b_at[layer], b->data, b->shape[0] * sizeof(float));
        }
    }
    tz_sac_prepare(sac);
}

static void load_batch(tz_sac *sac, const tz_safetensors *file, int update) {
    tz_sac_batch *batch = tz_sac_get_batch(sac);
    const struct {
        const char *name;
        float *to;
        size_t n;
    } parts[] = {{"obs", batch->rows.obs, B * D},           {"action", batch->rows.action, B * A},
                 {"next_obs", batch->rows.next_obs, B * D}, {"done", batch->rows.done, B},
                 {"reward", batch->rows.reward, B},         {"noise", batch->noise, B * A},
                 {"next_noise", batch->next_noise, B * A}};
    for (size_t i = 0; i < TZ_COUNTOF(parts); i++) {
        char name[64];
        snprintf(name, sizeof name, "batch%d.%s", update, parts[i].name);
        memcpy(parts[i].to, find(file, name)->data, parts[i].n * sizeof(float));
    }
}

static void updates_are_those_of_stable_baselines3(void **state) {
    (void)state;
    tz_safetensors *file = golden();
    tz_team *team;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_sac *sac = create(team);
    load_weights(sac, file);
    const double(*losses)[3] = (const double(*)[3])find(file, "losses")->data;
    for (int update = 0; update < UPDATES; update++) {
        load_batch(sac, file, update);
        const tz_sac_losses l = tz_sac_update(sac, NULL, NULL);
        assert_true(fabs(l.critic - losses[update][0]) <= 1e-5 * fabs(losses[update][0]));
        assert_true(fabs(l.actor - losses[update][1]) <= 1e-5 * fabs(losses[update][1]));
        assert_true(fabs(l.temperature - losses[update][2]) <= 1e-6);
        for (int i = 0; update == 0 && i < TZ_SAC_N_NETS; i++) {
            tz_sac_net *net = tz_sac_get_net(sac, i);
            walk(file, "gradient.", net, i, net->m, compare_gradient);
        }
    }
    for (int i = 0; i < TZ_SAC_N_NETS; i++) {
        tz_sac_net *net = tz_sac_get_net(sac, i);
        walk(file, "after.", net, i, net->parameters, compare_weight);
    }
    const double log_alpha = *(const double *)find(file, "log_alpha")->data;
    assert_true(fabs(tz_sac_get_scalars(sac)->log_alpha - log_alpha) <= 1e-6);

    for (int c = 0; c < 2; c++) {
        compare_slow_critic(tz_sac_get_net(sac, TZ_SAC_CRITIC0 + c), file, c);
    }
    tz_sac_destroy(sac);
    tz_team_destroy(team);
    tz_safetensors_destroy(file);
}

// A memory of made-up transitions with a reward that depends on state and action.
static tz_replay toy_replay(size_t n) {
    tz_replay replay;
    assert_int_equal(tz_replay_create(&replay, D, A, 0, n, NULL), TZ_OK);
    tz_rng rng = tz_rng_stream(3, TZ_PURPOSE_TEST, 0);
    for (size_t i = 0; i < n; i++) {
        float obs[D], next_obs[D], action[A];
        tz_rng_fill_normal_f32(&rng, obs, D);
        tz_rng_fill_normal_f32(&rng, next_obs, D);
        for (int j = 0; j < A; j++) {
            action[j] = (float)(2.0 * tz_rng_uniform(&rng) - 1.0);
        }
        const tz_transition transition = {.obs = obs,
                                          .next_obs = next_obs,
                                          .action = action,
                                          .reward = (double)(obs[0] * action[0]),
                                          .terminated = i % 50 == 0};
        tz_replay_add(&replay, &transition);
    }
    return replay;
}

static void same_bytes_at_any_number_of_threads_without_allocating(void **state) {
    (void)state;
    tz_replay replay = toy_replay(1000);
    float *first[TZ_SAC_N_NETS] = {NULL};
    for (int threads = 1; threads <= 3; threads++) {
        tz_team *team;
        assert_int_equal(tz_team_create(&team, threads, NULL), TZ_OK);
        tz_sac *sac = create(team);
        tz_sac_draw(sac, &replay);
        tz_sac_update(sac, NULL, NULL);
        const size_t allocations = tz_alloc_count();
        for (int i = 0; i < 20; i++) {
            tz_sac_draw(sac, &replay);
            tz_sac_update(sac, NULL, NULL);
        }
        assert_int_equal(tz_alloc_count(), allocations);
        for (int i = 0; i < TZ_SAC_N_NETS; i++) {
            const tz_sac_net *net = tz_sac_get_net(sac, i);
            const size_t size = net->n * sizeof(float);
            if (threads == 1) {
                first[i] = malloc(size);
                assert_non_null(first[i]);
                memcpy(first[i], net->parameters, size);
            } else {
                assert_memory_equal(first[i], net->parameters, size);
            }
        }
        tz_sac_destroy(sac);
        tz_team_destroy(team);
    }
    for (int i = 0; i < TZ_SAC_N_NETS; i++) {
        free(first[i]);
    }
    tz_replay_destroy(&replay);
}

// From rate r to 0 within two updates: the first moves as with r / 2, the second not at all.
static void learning_rate_falls_in_a_straight_line(void **state) {
    (void)state;
    tz_replay replay = toy_replay(1000);
    tz_team *team;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_sac_def def = small();
    def.learning_rate *= 0.5;
    tz_sac *constant, *falling;
    assert_int_equal(tz_sac_create(&constant, &def, team, NULL), TZ_OK);
    def.learning_rate *= 2.0;
    def.final_learning_rate = 0.0;
    def.decay_updates = 2;
    assert_int_equal(tz_sac_create(&falling, &def, team, NULL), TZ_OK);
    for (int update = 1; update <= 3; update++) {
        tz_sac_draw(falling, &replay);
        tz_sac_update(falling, NULL, NULL);
        if (update == 1) {
            tz_sac_draw(constant, &replay);
            tz_sac_update(constant, NULL, NULL);
        }
        for (int i = 0; i < TZ_SAC_N_NETS; i++) {
            const tz_sac_net *net = tz_sac_get_net(falling, i);
            assert_memory_equal(net->parameters, tz_sac_get_net(constant, i)->parameters,
                                net->n * sizeof(float));
        }
        assert_true(tz_sac_get_scalars(falling)->log_alpha ==
                    tz_sac_get_scalars(constant)->log_alpha);
    }
    tz_sac_destroy(constant);
    tz_sac_destroy(falling);
    tz_team_destroy(team);
    tz_replay_destroy(&replay);
}

// Moments that no gradient reaches decay, but not into slow denormals. The caller's floating-point
// mode is as it was.
static void moments_never_become_denormal(void **state) {
    (void)state;
    tz_replay replay = toy_replay(500);
    tz_team *team;
    assert_int_equal(tz_team_create(&team, 2, NULL), TZ_OK);
    tz_sac *sac = create(team);
    const tz_sac_net *net = tz_sac_get_net(sac, TZ_SAC_CRITIC0);
    const size_t at = net->W_at[1];
    for (int i = 0; i < H; i++) { // the second layer's unit 0 is dead
        net->parameters[at + (size_t)(i * H)] = 0.0f;
        net->m[at + (size_t)(i * H)] = 1e-39f;
        net->v[at + (size_t)(i * H)] = 1.01f * FLT_MIN;
    }
    net->parameters[net->b_at[1]] = -1.0f;
    tz_sac_prepare(sac);
    for (int i = 0; i < 20; i++) { // 0.999^20 is 0.98
        tz_sac_draw(sac, &replay);
        tz_sac_update(sac, NULL, NULL);
    }
    for (int i = 0; i < H; i++) {
        assert_true(net->m[at + (size_t)(i * H)] == 0.0f && net->v[at + (size_t)(i * H)] == 0.0f);
    }
    volatile float denormal = 1e-39f;
    assert_true(denormal * 0.5f > 0.0f);
    tz_sac_destroy(sac);
    tz_team_destroy(team);
    tz_replay_destroy(&replay);
}

static void out_of_memory_is_reported_and_leaves_nothing(void **state) {
    (void)state;
    tz_team *team;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_sac_def def = tz_sac_def_default();
    def.n_obs = D;
    def.nu = A;
    const size_t live = tz_alloc_live();
    for (size_t n = 1; n <= 3; n++) {
        tz_error error;
        tz_sac *sac;
        tz_alloc_fail_after(n);
        const tz_status status = tz_sac_create(&sac, &def, team, &error);
        tz_alloc_fail_after(0);
        assert_int_equal(status, TZ_ERR_MEMORY);
        assert_null(sac);
        assert_int_equal(tz_alloc_live(), live);
    }
    tz_team_destroy(team);
}

static void a_definition_that_says_nothing_is_refused(void **state) {
    (void)state;
    tz_team *team;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    tz_sac_def defs[8] = {{.n_obs = D, .nu = A}, tz_sac_def_default()};
    for (size_t i = 2; i < TZ_COUNTOF(defs); i++) {
        defs[i] = small();
    }
    defs[2].gamma = 5.0;
    defs[3].tau = NAN;
    defs[4].learning_rate = -1.0;
    defs[5].learning_rate = NAN;
    defs[6].initial_temperature = 0.0;
    defs[7].final_learning_rate = -1.0;
    const char *const words[] = {
        "tz_sac_def_default", "0 observations", "gamma 5", "tau nan", "rate -1",
        "rate nan",           "temperature 0",  "to -1"};
    for (size_t i = 0; i < TZ_COUNTOF(defs); i++) {
        tz_error error;
        tz_sac *sac;
        assert_int_equal(tz_sac_create(&sac, &defs[i], team, &error), TZ_ERR_ARGUMENT);
        assert_null(sac);
        assert_non_null(strstr(error.text, words[i]));
    }
    tz_team_destroy(team);
}

// A wide output on few units: the gradient of the last layer has more columns than a hidden one.
static void many_controls_fit_on_few_units(void **state) {
    (void)state;
    enum { N_CONTROLS = 64 };
    tz_team *team;
    tz_sac *sac;
    tz_replay replay;
    tz_sac_def def = small();
    def.nu = N_CONTROLS;
    def.hidden = 16;
    def.batch = 1;
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    assert_int_equal(tz_sac_create(&sac, &def, team, NULL), TZ_OK);
    assert_int_equal(tz_replay_create(&replay, D, N_CONTROLS, 0, 1, NULL), TZ_OK);
    const float obs[D] = {0.5f}, action[N_CONTROLS] = {0.25f};
    tz_replay_add(&replay, &(tz_transition){.obs = obs, .next_obs = obs, .action = action});
    tz_sac_draw(sac, &replay);
    tz_sac_update(sac, NULL, NULL);
    const tz_sac_net *actor = tz_sac_get_net(sac, 0);
    for (size_t i = 0; i < actor->n; i++) {
        assert_true(isfinite(actor->parameters[i]));
    }
    tz_replay_destroy(&replay);
    tz_sac_destroy(sac);
    tz_team_destroy(team);
}

static void replay_keeps_the_newest_and_draws_all(void **state) {
    (void)state;
    tz_replay replay;
    assert_int_equal(tz_replay_create(&replay, 1, 1, 0, 10, NULL), TZ_OK);
    for (int i = 0; i < 25; i++) {
        const float obs = (float)i, next_obs = (float)(i + 1), action = 0.5f;
        const tz_transition transition = {.obs = &obs,
                                          .next_obs = &next_obs,
                                          .action = &action,
                                          .reward = -i,
                                          .terminated = i == 20};
        tz_replay_add(&replay, &transition);
    }
    assert_int_equal(replay.size, 10);

    enum { DRAWS = 4000 };
    static float obs[DRAWS], next_obs[DRAWS], action[DRAWS], reward[DRAWS], done[DRAWS];
    tz_transitions batch = {obs, action, reward, next_obs, done};
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_REPLAY, 0);
    tz_replay_sample(&replay, &batch, DRAWS, &rng);
    int count[25] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const int k = (int)obs[i];
        assert_in_range(k, 15, 24);
        count[k]++;
        assert_true(next_obs[i] == obs[i] + 1.0f && reward[i] == -obs[i]);
        assert_true(done[i] == (k == 20 ? 1.0f : 0.0f));
    }
    // each has 400 draws with a standard deviation of 19; six of them never happen by chance
    for (int k = 15; k < 25; k++) {
        assert_in_range(count[k], 400 - 114, 400 + 114);
    }
    tz_replay_destroy(&replay);
}

// Episodes of 4, 4, 4, ... steps in a memory of ten rows: the oldest has lost its beginning.
static void replay_finds_its_episodes(void **state) {
    (void)state;
    tz_replay replay;
    assert_int_equal(tz_replay_create(&replay, 1, 1, 2, 10, NULL), TZ_OK);
    for (int i = 0; i < 23; i++) {
        const float obs = (float)i, next_obs = (float)(i + 1), action = 0.5f;
        const double z_next[2] = {i, -i};
        const tz_transition transition = {.obs = &obs,
                                          .next_obs = &next_obs,
                                          .action = &action,
                                          .reward = 0.1 * i,
                                          .truncated = i % 4 == 3,
                                          .z_next = z_next,
                                          .episode = (uint64_t)i / 4,
                                          .t = (uint64_t)i % 4};
        tz_replay_add(&replay, &transition);
    }
    tz_replay_cut_newest(&replay, TZ_CUT_UNSTABLE);
    static const int first_step[] = {13, 16, 20}, length[] = {3, 4, 3};
    size_t row = 0;
    for (int e = 0; e < 3; e++) {
        const tz_replay_episode episode = tz_replay_episode_at(&replay, row);
        assert_int_equal(episode.n, length[e]);
        for (size_t k = 0; k < episode.n; k++) {
            const size_t i = (episode.first + k) % replay.capacity;
            const int step = first_step[e] + (int)k;
            assert_true(replay.raw.z_next[2 * i] == step && replay.raw.z_next[2 * i + 1] == -step);
            assert_true(replay.raw.reward[i] == 0.1 * step);
            assert_int_equal(replay.raw.t[i], step % 4);
            assert_int_equal(replay.raw.cut[i], step == 22      ? TZ_CUT_UNSTABLE
                                                : step % 4 == 3 ? TZ_CUT_TIME_LIMIT
                                                                : TZ_CUT_NOT);
        }
        row += episode.n;
    }
    assert_int_equal(row, replay.size);
    tz_replay_destroy(&replay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_those_of_stable_baselines3),
        cmocka_unit_test(same_bytes_at_any_number_of_threads_without_allocating),
        cmocka_unit_test(learning_rate_falls_in_a_straight_line),
        cmocka_unit_test(moments_never_become_denormal),
        cmocka_unit_test(out_of_memory_is_reported_and_leaves_nothing),
        cmocka_unit_test(a_definition_that_says_nothing_is_refused),
        cmocka_unit_test(many_controls_fit_on_few_units),
        cmocka_unit_test(replay_keeps_the_newest_and_draws_all),
        cmocka_unit_test(replay_finds_its_episodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
