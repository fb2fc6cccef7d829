// What every learned kind must do: finite and repeatable rollouts that allocate nothing and do not
// depend on how rows are grouped, masked inputs that are truly ignored, and errors with a sentence.
#include "base/memory.h"
#include "base/parallel.h"
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 150, T = 5, NZ = 6, NU = 2, N = (T + 1) * B * NZ };

static float z0[B * NZ], u[T * B * NU]; // filled once, read only

static int fill_inputs(void **state) {
    (void)state;
    fixture_fill(z0, B * NZ, 0.8, 21);
    fixture_fill(u, T * B * NU, 0.6, 22);
    return 0;
}

static tz_model_workspace *workspace_of(const tz_model *model, int max_B, bool training) {
    tz_model_workspace *workspace;
    tz_error error;
    assert_int_equal(tz_model_workspace_create(&workspace, model, max_B, T, training, &error),
                     TZ_OK);
    return workspace;
}

static void assert_sentence(const tz_error *error, const char *part) {
    if (strstr(error->text, part) == NULL) {
        fail_msg("'%s' does not say '%s'", error->text, part);
    }
}

// ---- rollouts

static void test_rollout_is_finite_and_repeats(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N], again[N];
        tz_model *model = fixture_model(tz_model_kind_at(k));
        tz_model_workspace *one = workspace_of(model, B, false);
        tz_model_workspace *other = workspace_of(model, B, true);
        tz_model_rollout(model, one, z, z0, u, T, B);
        for (int i = 0; i < N; i++) {
            assert_true(isfinite(z[i]));
        }
        // the first momenta of node-so-mass say nearly v0
        for (int i = 0; i < B * NZ; i++) {
            const bool is_near = fabsf(z[i] - z0[i]) < 2e-3f * fabsf(z0[i]) + 2e-3f;
            assert_true(strcmp(model->ops->kind, "node-so-mass") == 0 ? is_near : z[i] == z0[i]);
        }
        tz_model_rollout(model, one, again, z0, u, T, B);
        assert_memory_equal(z, again, sizeof z);

        // gradients repeat too, also on a workspace that was used before
        float first[2000] = {0}, second[2000] = {0};
        assert_true(model->n_parameters <= TZ_COUNTOF(first));
        tz_model_rollout(model, other, z, z0, u, T, B);
        tz_model_rollout_vjp(model, other, first, z, u, T, B);
        tz_model_rollout(model, other, z, z0, u, T, B);
        tz_model_rollout_vjp(model, other, second, z, u, T, B);
        assert_memory_equal(first, second, sizeof first);
        tz_model_workspace_destroy(model, one);
        tz_model_workspace_destroy(model, other);
        tz_model_destroy(model);
    }
}

static void test_use_allocates_nothing(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N], dw[B * NZ], u_bar[B * NU];
        float grad[2000] = {0};
        tz_model *model = fixture_model(tz_model_kind_at(k));
        tz_model_workspace *workspace = workspace_of(model, B, true);
        const size_t before = tz_alloc_count();
        tz_model_prepare(model);
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        tz_model_rollout_vjp(model, workspace, grad, z, u, T, B);
        model->ops->field(model, workspace, dw, z0, u, B);
        model->ops->field_vjp(model, workspace, dw, u_bar, grad, z0, u, z0, B);
        assert_int_equal(tz_alloc_count(), before);
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
    }
}

// One model, tiles of a batch on several threads with a workspace each: the same bytes.
enum { N_THREADS = 3, TILE = 50, N_TILES = B / TILE };

typedef struct shared_work {
    const tz_model *model;
    tz_model_workspace *workspace[N_THREADS];
    float z[N_TILES][(T + 1) * TILE * NZ];
    float grad[N_TILES][2000];
} shared_work;

static void do_tile(void *context, int tile, int worker) {
    shared_work *work = context;
    const tz_model *model = work->model;
    float *z = work->z[tile];
    tz_model_rollout(model, work->workspace[worker], z, z0 + tile * TILE * NZ, u, T, TILE);
    tz_model_rollout_vjp(model, work->workspace[worker], work->grad[tile], z, u, T, TILE);
}

static void test_threads_share_a_model(void **state) {
    (void)state;
    tz_team *team;
    tz_error error;
    assert_int_equal(tz_team_create(&team, N_THREADS, &error), TZ_OK);
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static shared_work alone, together;
        tz_model *model = fixture_model(tz_model_kind_at(k));
        memset(&alone, 0, sizeof alone);
        memset(&together, 0, sizeof together);
        alone.model = together.model = model;
        for (int i = 0; i < N_THREADS; i++) {
            together.workspace[i] = workspace_of(model, TILE, true);
        }
        alone.workspace[0] = together.workspace[0];
        for (int tile = 0; tile < N_TILES; tile++) {
            do_tile(&alone, tile, 0);
        }
        tz_team_run(team, N_TILES, do_tile, &together);
        assert_memory_equal(alone.z, together.z, sizeof alone.z);
        assert_memory_equal(alone.grad, together.grad, sizeof alone.grad);
        for (int i = 0; i < N_THREADS; i++) {
            tz_model_workspace_destroy(model, together.workspace[i]);
        }
        tz_model_destroy(model);
    }
    tz_team_destroy(team);
}

// Kernels differ at the edges of a product, so the last bits may.
static void test_rows_do_not_depend_on_their_group(void **state) {
    (void)state;
    enum { GROUP = 37 };
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N], z_group[(T + 1) * GROUP * NZ], u_group[T * GROUP * NU];
        tz_model *model = fixture_model(tz_model_kind_at(k));
        tz_model_workspace *workspace = workspace_of(model, B, false);
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        for (int row = 0; row < B; row += GROUP) {
            const int rows = B - row < GROUP ? B - row : GROUP;
            for (int t = 0; t < T; t++) {
                memcpy(u_group + t * rows * NU, u + (t * B + row) * NU,
                       (size_t)(rows * NU) * sizeof *u);
            }
            tz_model_rollout(model, workspace, z_group, z0 + row * NZ, u_group, T, rows);
            for (int t = 0; t <= T; t++) {
                for (int i = 0; i < rows * NZ; i++) {
                    const float whole = z[(t * B + row) * NZ + i];
                    assert_float_equal(z_group[t * rows * NZ + i], whole,
                                       2e-6f * (1.0f + fabsf(whole)));
                }
            }
        }
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
    }
}

// The first position is cyclic: moving it by 64 moves its rollout by 64 and nothing else.
static void test_masked_position_is_ignored(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N], moved[N], moved_z0[B * NZ];
        tz_model *model = fixture_model(tz_model_kind_at(k));
        tz_model_workspace *workspace = workspace_of(model, B, false);
        for (int i = 0; i < B * NZ; i++) {
            moved_z0[i] = z0[i] + (i % NZ == 0 ? 64.0f : 0.0f);
        }
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        tz_model_rollout(model, workspace, moved, moved_z0, u, T, B);
        for (int i = 0; i < N; i++) {
            if (i % NZ == 0) {
                assert_float_equal(moved[i], z[i] + 64.0f, 2e-4f);
            } else {
                assert_true(moved[i] == z[i]);
            }
        }
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
    }
}

// A whole turn of an angle that turns over is no other state; the networks see one input more.
static void test_unbounded_angle_is_embedded(void **state) {
    (void)state;
    static float z[N], turned[N], turned_z0[B * NZ];
    tz_task task = fixture_task();
    task.coordinate[1] = task.coordinate[2] = TZ_COORDINATE_ANGLE;
    task.unbounded[1] = true;
    tz_model_def def = tz_model_def_default();
    int n_inputs[3];
    for (int embedding = TZ_EMBED_NONE; embedding <= TZ_EMBED_ALL; embedding++) {
        def.embed_angles = (tz_embedding)embedding;
        tz_model *model = fixture_model_of(&def, &task);
        n_inputs[embedding] = model->tensors[0].rows;
        if (embedding == TZ_EMBED_UNBOUNDED) {
            const float turn = 6.2831855f;
            for (int i = 0; i < B * NZ; i++) {
                turned_z0[i] = z0[i] + (i % NZ == 1 ? turn : 0.0f);
            }
            tz_model_workspace *workspace = workspace_of(model, B, false);
            tz_model_rollout(model, workspace, z, z0, u, T, B);
            tz_model_rollout(model, workspace, turned, turned_z0, u, T, B);
            for (int i = 0; i < N; i++) {
                const float expected = z[i] + (i % NZ == 1 ? turn : 0.0f);
                assert_float_equal(turned[i], expected, 1e-4f * (1.0f + fabsf(expected)));
            }
            tz_model_workspace_destroy(model, workspace);
        }
        tz_model_destroy(model);
    }
    assert_int_equal(n_inputs[TZ_EMBED_UNBOUNDED], n_inputs[TZ_EMBED_NONE] + 1);
    assert_int_equal(n_inputs[TZ_EMBED_ALL], n_inputs[TZ_EMBED_NONE] + 2);
}

static void test_divergence_is_left_as_it_comes_out(void **state) {
    (void)state;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N], broken[B * NZ];
        tz_model *model = fixture_model(tz_model_kind_at(k));
        tz_model_workspace *workspace = workspace_of(model, B, false);
        memcpy(broken, z0, sizeof broken);
        broken[NZ + 4] = NAN; // a velocity of row 1
        tz_model_rollout(model, workspace, z, broken, u, T, B);
        const float *last = z + T * B * NZ;
        assert_true(isfinite(last[4]));
        assert_true(isnan(last[NZ + 4]));
        assert_true(isfinite(last[2 * NZ + 4]));
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
    }
}

// ---- closed forms

// With zero weights every kind accelerates by the data's mean, whatever its internal scales (but
// for symoden-study, which has none).
static void test_zero_weights_give_the_mean_acceleration(void **state) {
    (void)state;
    const tz_model_statistics statistics = fixture_statistics();
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N];
        if (strcmp(tz_model_kind_at(k), "symoden-study") == 0) {
            continue;
        }
        tz_model *model = fixture_model(tz_model_kind_at(k));
        memset(model->parameters, 0, model->n_parameters * sizeof *model->parameters);
        tz_model_prepare(model);
        tz_model_workspace *workspace = workspace_of(model, B, false);
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        // Minv = (softplus(0)^2 + eps) E, with another eps at the start in node-so-mass
        const bool is_near = strcmp(model->ops->kind, "node-so-mass") == 0;
        const double diagonal = M_LN2 * M_LN2;
        const double start = is_near ? (diagonal + 1e-4) / (diagonal + 1e-6) : 1.0;
        for (int i = 0; i < B * NZ; i++) {
            if (i % NZ >= 3) {
                const double v = start * z0[i] + T * model->dt_s * statistics.rate_mean[i % NZ];
                assert_float_equal(z[T * B * NZ + i], v, 1e-5f);
            }
        }
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
    }
}

// Under constant acceleration the trapezoid is exact: q = q0 + v0 t + a t^2 / 2. Plain Euler would
// be off by a h t / 2, here 0.006 for the largest a.
static void test_node_so_is_exact_under_constant_acceleration(void **state) {
    (void)state;
    const tz_model_statistics statistics = fixture_statistics();
    static float z[N];
    tz_model *model = fixture_model("node-so");
    memset(model->parameters, 0, model->n_parameters * sizeof *model->parameters);
    tz_model_prepare(model);
    tz_model_workspace *workspace = workspace_of(model, B, false);
    tz_model_rollout(model, workspace, z, z0, u, T, B);
    const double t = T * model->dt_s;
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < 3; i++) {
            const double q0 = z0[row * NZ + i], v0 = z0[row * NZ + 3 + i];
            const double a = statistics.rate_mean[3 + i];
            assert_float_equal(z[(T * B + row) * NZ + i], q0 + v0 * t + 0.5 * a * t * t, 2e-6f);
        }
    }
    tz_model_workspace_destroy(model, workspace);
    tz_model_destroy(model);
}

// However far the state is from the data, a limited rate stays within R times the largest in it.
static void test_range_limit_holds(void **state) {
    (void)state;
    enum { ROWS = 40 };
    static const char *const limited[] = {"node", "delta", "node-so"};
    const tz_model_statistics s = fixture_statistics();
    const tz_task task = fixture_task();
    float z[ROWS * NZ], far_u[ROWS * NU], dz[2][ROWS * NZ];
    fixture_fill(z, ROWS * NZ, 1e3, 51);
    fixture_fill(far_u, ROWS * NU, 1e3, 52);
    for (size_t k = 0; k < TZ_COUNTOF(limited); k++) {
        tz_model_def def = tz_model_def_default();
        def.kind = limited[k];
        bool bites = false;
        for (int is_limited = 0; is_limited < 2; is_limited++) {
            def.range_limit = is_limited ? 0.25 : 0.0;
            tz_model *model = fixture_model_of(&def, &task);
            tz_model_workspace *workspace = workspace_of(model, ROWS, false);
            model->ops->field(model, workspace, dz[is_limited], z, far_u, ROWS);
            tz_model_workspace_destroy(model, workspace);
            tz_model_destroy(model);
        }
        for (int i = 0; i < ROWS * NZ; i++) {
            const float limit = 0.25f * (float)s.rate_max[i % NZ];
            if (i % NZ >= 3 || strcmp(limited[k], "node-so") != 0) {
                assert_true(fabsf(dz[1][i]) <= limit);
                bites |= fabsf(dz[0][i]) > limit;
            }
        }
        assert_true(bites);
    }
}

// ---- making

// Rows (or columns, the fewer) of fresh weights are orthogonal with length 0.5; biases are zero.
static void test_fresh_weights_are_semi_orthogonal(void **state) {
    (void)state;
    const tz_task task = fixture_task();
    const tz_model_statistics statistics = fixture_statistics();
    for (int k = 0; k < tz_model_kind_count(); k++) {
        tz_model_def def = tz_model_def_default();
        def.kind = tz_model_kind_at(k);
        def.n_hidden = 20;
        tz_model *model;
        tz_error error;
        assert_int_equal(tz_model_create(&model, &def, &task, &statistics, &error), TZ_OK);
        for (int i = 0; i < model->n_tensors; i++) {
            const int rows = model->tensors[i].rows, cols = model->tensors[i].cols;
            const float *W = model->parameters + model->tensors[i].offset;
            const bool wide = cols >= rows;
            for (int a = 0; rows > 1 && a < (wide ? rows : cols); a++) {
                for (int b = 0; b <= a; b++) {
                    double product = 0.0;
                    for (int j = 0; j < (wide ? cols : rows); j++) {
                        product += wide ? W[a * cols + j] * W[b * cols + j]
                                        : W[j * cols + a] * W[j * cols + b];
                    }
                    assert_float_equal(product, a == b ? 0.25 : 0.0, 1e-6f);
                }
            }
            for (int j = 0; i % 2 == 1 && j < cols; j++) {
                assert_true(W[j] == 0.0f);
            }
        }
        tz_model_destroy(model);
    }
}

static void test_seed_decides_the_weights(void **state) {
    (void)state;
    const tz_task task = fixture_task();
    const tz_model_statistics statistics = fixture_statistics();
    tz_model_def def = tz_model_def_default();
    tz_model *model[3];
    tz_error error;
    for (int i = 0; i < 3; i++) {
        def.seed = i < 2 ? 1 : 2;
        assert_int_equal(tz_model_create(&model[i], &def, &task, &statistics, &error), TZ_OK);
    }
    const size_t size = model[0]->n_parameters * sizeof(float);
    assert_memory_equal(model[0]->parameters, model[1]->parameters, size);
    assert_memory_not_equal(model[0]->parameters, model[2]->parameters, size);
    for (int i = 0; i < 3; i++) {
        tz_model_destroy(model[i]);
    }
}

static tz_status create(const tz_model_def *def, const tz_task *task,
                        const tz_model_statistics *statistics, tz_error *error) {
    tz_model *model;
    const tz_status status = tz_model_create(&model, def, task, statistics, error);
    assert_true((model == NULL) == (status != TZ_OK));
    tz_model_destroy(model);
    return status;
}

static void test_bad_definitions_are_refused(void **state) {
    (void)state;
    tz_task task = fixture_task();
    tz_model_statistics statistics = fixture_statistics();
    tz_model_def def = tz_model_def_default();
    tz_error error;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_OK);

    def.kind = "rnn";
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    assert_sentence(&error, "expected one of node, node-so, hnn");
    def.kind = "node";
    def.n_layers = 5;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    assert_sentence(&error, "1 to 4 hidden layers, not 5");
    def.n_layers = 2;
    def.substeps = 0;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    def.substeps = 8;
    def.integrator = TZ_INTEGRATOR_COUNT;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    def.integrator = TZ_INTEGRATOR_EULER;
    statistics.rate_std[2] = NAN;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    assert_sentence(&error, "not finite");
    statistics.rate_std[2] = 1.0;
    def.kind = "node-so";
    def.integrator = TZ_INTEGRATOR_RK4;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_UNSUPPORTED);
    assert_sentence(&error, "needs the integrator euler, not rk4");
    def.integrator = TZ_INTEGRATOR_EULER;
    def.range_limit = -1.0;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    def.range_limit = 1e40;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    assert_sentence(&error, "expected a positive finite one");
    def.range_limit = 1.0;
    statistics.z_std[1] = 1e40;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    assert_sentence(&error, "too large for a float");
    statistics.z_std[1] = 1.0;
    def.kind = NULL;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_ARGUMENT);
    def.kind = "hnn";
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_UNSUPPORTED);
    assert_sentence(&error, "kind hnn has no range limit");
    def.kind = "node-so";
    def.range_limit = 0.0;
    task.nv = 2;
    assert_int_equal(create(&def, &task, &statistics, &error), TZ_ERR_UNSUPPORTED);
    assert_sentence(&error, "nq 3, with 0 quaternions, and nv 2");
}

static void test_task_is_checked(void **state) {
    (void)state;
    tz_model *model = fixture_model("node");
    tz_task task = fixture_task();
    tz_error error;
    assert_int_equal(tz_model_check_task(model, &task, "m", &error), TZ_OK);
    task.nu = 1;
    assert_int_equal(tz_model_check_task(model, &task, "m", &error), TZ_ERR_MISMATCH);
    snprintf(task.name, sizeof task.name, "hopper");
    assert_int_equal(tz_model_check_task(model, &task, "m", &error), TZ_ERR_MISMATCH);
    assert_sentence(&error,
                    "m: a model of environment fixture, expected one of environment hopper");

    // a user's MJCF is its content, wherever it lies
    task = fixture_task();
    snprintf(model->env, sizeof model->env, "rob/bot.xml");
    snprintf(model->env_digest, sizeof model->env_digest, "3.1.6:1");
    snprintf(task.name, sizeof task.name, "/x/arm.xml");
    snprintf(task.digest, sizeof task.digest, "3.1.6:1");
    assert_int_equal(tz_model_check_task(model, &task, "m", &error), TZ_OK);
    snprintf(task.name, sizeof task.name, "bot.xml");
    snprintf(task.digest, sizeof task.digest, "3.1.6:2");
    assert_int_equal(tz_model_check_task(model, &task, "m", &error), TZ_ERR_MISMATCH);
    assert_sentence(&error, "m: a model of rob/bot.xml, but bot.xml has changed since");
    model->env_digest[0] = '\0';
    assert_int_equal(tz_model_check_task(model, &task, "m", &error), TZ_OK);
    tz_model_destroy(model);
}

// A coordinate that never moves in the data must not make anything infinite.
static void test_constant_coordinate(void **state) {
    (void)state;
    const tz_task task = fixture_task();
    tz_model_statistics statistics = fixture_statistics();
    statistics.z_std[2] = statistics.z_std[5] = statistics.u_std[1] = 0.0;
    statistics.rate_std[2] = statistics.rate_std[5] = 0.0;
    for (int k = 0; k < tz_model_kind_count(); k++) {
        static float z[N];
        tz_model_def def = tz_model_def_default();
        def.kind = tz_model_kind_at(k);
        tz_model *model;
        tz_error error;
        assert_int_equal(tz_model_create(&model, &def, &task, &statistics, &error), TZ_OK);
        assert_true(model->sigma_z[2] == 1e-6f && model->sigma_z[5] == 1e-6f); // docs/training.md
        tz_model_workspace *workspace = workspace_of(model, B, false);
        tz_model_rollout(model, workspace, z, z0, u, T, B);
        for (int i = 0; i < N; i++) {
            assert_true(isfinite(z[i]) && fabsf(z[i]) < 100.0f);
        }
        tz_model_workspace_destroy(model, workspace);
        tz_model_destroy(model);
    }
}

// Every allocation fails once: a status, a sentence, and nothing left behind.
static void test_out_of_memory(void **state) {
    (void)state;
    const tz_task task = fixture_task();
    const tz_model_statistics statistics = fixture_statistics();
    for (int k = 0; k < tz_model_kind_count(); k++) {
        tz_model_def def = tz_model_def_default();
        def.kind = tz_model_kind_at(k);
        def.n_hidden = 8;
        tz_status status = TZ_ERR_MEMORY;
        for (size_t n = 1; status != TZ_OK; n++) {
            const size_t live = tz_alloc_live();
            tz_error error = {0};
            tz_model *model;
            tz_model_workspace *workspace = NULL;
            tz_alloc_fail_after(n);
            status = tz_model_create(&model, &def, &task, &statistics, &error);
            if (status == TZ_OK) {
                status = tz_model_workspace_create(&workspace, model, 4, 2, true, &error);
                tz_alloc_fail_after(0);
                tz_model_workspace_destroy(model, workspace);
            }
            tz_alloc_fail_after(0);
            tz_model_destroy(model);
            assert_int_equal(tz_alloc_live(), live);
            assert_true(status == TZ_OK || status == TZ_ERR_MEMORY);
            assert_true(n < 100);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollout_is_finite_and_repeats),
        cmocka_unit_test(test_use_allocates_nothing),
        cmocka_unit_test(test_threads_share_a_model),
        cmocka_unit_test(test_rows_do_not_depend_on_their_group),
        cmocka_unit_test(test_masked_position_is_ignored),
        cmocka_unit_test(test_unbounded_angle_is_embedded),
        cmocka_unit_test(test_divergence_is_left_as_it_comes_out),
        cmocka_unit_test(test_zero_weights_give_the_mean_acceleration),
        cmocka_unit_test(test_node_so_is_exact_under_constant_acceleration),
        cmocka_unit_test(test_range_limit_holds),
        cmocka_unit_test(test_fresh_weights_are_semi_orthogonal),
        cmocka_unit_test(test_seed_decides_the_weights),
        cmocka_unit_test(test_bad_definitions_are_refused),
        cmocka_unit_test(test_task_is_checked),
        cmocka_unit_test(test_constant_coordinate),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, fill_inputs, NULL);
}
