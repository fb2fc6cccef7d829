// The learned kinds against numbers that other programs made in double: tests/golden/study/ by the
// study's own code, tests/golden/*_torch.txt by PyTorch (make_models.py beside them). Field,
// rollout, loss and the gradient of every tensor by name.
//
// Compiled twice: in double, where predictions agree to 1e-12 and gradients to 1e-10 relative, and
// in the library's float, to 1e-4. Float gradients are measured by the size of their network's
// gradient: the mass network's is what is left of two terms, through v -> p of the first state and
// p -> v of the others, which are 620 times larger in NonseparableHNN_chain2 (0.126 against 0.0002)
// and rounded to 3 units in the last place. Entries of the mass network that have no effect have
// gradient 0.
#include "golden.h"
#include "models/learned.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef TZ_REAL_IS_DOUBLE
static const double VALUE_TOLERANCE = 1e-12, GRADIENT_TOLERANCE = 1e-10;
#else
static const double VALUE_TOLERANCE = 1e-4, GRADIENT_TOLERANCE = 1e-4;
#endif

enum { VALUES_MAX = 1000 };

// A model under test beside its file.
typedef struct problem {
    golden_file *golden;
    tz_model *model;
    tz_model_workspace *workspace;
    int nz, T, B;
    double loss;
    tz_real z0[VALUES_MAX], u[VALUES_MAX], z[VALUES_MAX], z_bar[VALUES_MAX], grad[VALUES_MAX];
} problem;

static void open_problem(problem *p, const tz_model_def *def, const tz_task *task,
                         const tz_model_statistics *statistics, int T, int B) {
    tz_error error;
    if (tz_model_create(&p->model, def, task, statistics, &error) != TZ_OK ||
        tz_model_workspace_create(&p->workspace, p->model, B, T, true, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    p->nz = task->nq + task->nv;
    p->T = T;
    p->B = B;
    assert_true(p->model->n_parameters <= VALUES_MAX && (T + 1) * B * p->nz <= VALUES_MAX);
}

static void close_problem(problem *p) {
    tz_model_workspace_destroy(p->model, p->workspace);
    tz_model_destroy(p->model);
    free(p->golden);
    free(p);
}

static void check_loss(const problem *p) {
    const tz_real loss = (tz_real)p->loss;
    golden_check(p->golden, &loss, golden_find(p->golden, "", "loss"), VALUE_TOLERANCE);
}

// ---- names of the study's tensors

// The study's name of a network of ours, and of its layers.
typedef struct network_name {
    const char *ours, *theirs;
} network_name;

static golden_entry study_tensor(const problem *p, const char *prefix, const network_name *names,
                                 const char *const layers[3], const char *tensor) {
    for (; names->ours != NULL; names++) {
        const size_t length = strlen(names->ours);
        if (strncmp(tensor, names->ours, length) == 0 && tensor[length] == '.') {
            const bool is_weight = tensor[length + 1] == 'W';
            char name[64];
            snprintf(name, sizeof name, "%s.%s.%s", names->theirs, layers[tensor[length + 2] - '1'],
                     is_weight ? "weight" : "bias");
            const golden_entry *stored = golden_find(p->golden, prefix, name);
            return is_weight ? golden_transposed(stored) : *stored;
        }
    }
    fail_msg("no name for %s", tensor);
    return (golden_entry){0};
}

static void load_parameters(problem *p, const network_name *names, const char *const layers[3]) {
    for (int i = 0; i < p->model->n_tensors; i++) {
        const tz_model_tensor *tensor = &p->model->tensors[i];
        const golden_entry entry = study_tensor(p, "param:", names, layers, tensor->name);
        golden_copy(p->model->parameters + tensor->offset, &entry);
    }
    tz_model_prepare(p->model);
}

// Size of the gradient that a tensor of ours is measured by: its own in double, its network's in
// float.
static double gradient_size(const problem *p, const network_name *names,
                            const char *const layers[3], const char *name) {
    double sum = 0.0;
    for (int i = 0; i < p->model->n_tensors; i++) {
        const char *other = p->model->tensors[i].name;
        const bool is_same_network = strncmp(name, other, strcspn(name, ".") + 1) == 0;
        if (strcmp(name, other) == 0 || (sizeof(tz_real) == sizeof(float) && is_same_network)) {
            const golden_entry entry = study_tensor(p, "grad:", names, layers, other);
            sum += golden_size(&entry) * golden_size(&entry);
        }
    }
    return sqrt(sum);
}

static void check_gradients(problem *p, const network_name *names, const char *const layers[3]) {
    tz_model_rollout_vjp(p->model, p->workspace, p->grad, p->z_bar, p->u, p->T, p->B);
    for (int i = 0; i < p->model->n_tensors; i++) {
        const tz_model_tensor *tensor = &p->model->tensors[i];
        const golden_entry entry = study_tensor(p, "grad:", names, layers, tensor->name);
        golden_check_within(p->golden, p->grad + tensor->offset, &entry,
                            GRADIENT_TOLERANCE * gradient_size(p, names, layers, tensor->name));
    }
}

// ---- the study's synthetic systems

static const char *const toy_layers[3] = {"1.0", "2.0", "3"};

typedef struct toy_case {
    const char *file, *kind;
    network_name names[4]; // ended by NULL
    int n, first_angle;    // angles from here on
    double alpha;          // of the symplectic regulariser; 0: none
} toy_case;

// Its arrays are (row, time, .), ours (time, row, .).
static golden_entry time_major(const golden_entry *stored) {
    golden_entry entry = *stored;
    const int B = stored->shape[0], n_times = stored->shape[1], nz = stored->n / (B * n_times);
    for (int row = 0; row < B; row++) {
        for (int t = 0; t < n_times; t++) {
            memcpy(entry.value + (t * B + row) * nz, stored->value + (row * n_times + t) * nz,
                   (size_t)nz * sizeof *stored->value);
        }
    }
    return entry;
}

static void agrees_with_toy(const toy_case *c) {
    enum { B = 3, T = 4 };
    problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->golden = golden_read(c->file);
    tz_task task = {.name = "toy", .nq = c->n, .nv = c->n, .dt_s = 0.03};
    for (int i = c->first_angle; i < c->n; i++) {
        task.coordinate[i] = TZ_COORDINATE_ANGLE;
    }
    const tz_model_statistics statistics = {0};
    tz_model_def def = tz_model_def_synthetic();
    def.kind = c->kind;
    def.n_hidden = 4;
    open_problem(p, &def, &task, &statistics, T, B);
    load_parameters(p, c->names, toy_layers);

    // field, rollout
    golden_copy(p->z0, golden_find(p->golden, "", "z0"));
    p->model->ops->field(p->model, p->workspace, p->z, p->z0, NULL, B);
    golden_check(p->golden, p->z, golden_find(p->golden, "", "vectorfield_at_z0_as_qp"),
                 VALUE_TOLERANCE);
    tz_model_rollout(p->model, p->workspace, p->z, p->z0, NULL, T, B);
    const golden_entry predicted = time_major(golden_find(p->golden, "", "pred"));
    golden_check(p->golden, p->z, &predicted, VALUE_TOLERANCE);

    // mean of squares over rows, all five times and components
    const golden_entry target = time_major(golden_find(p->golden, "", "target"));
    for (int i = 0; i < target.n; i++) {
        const double residual = (double)p->z[i] - target.value[i];
        p->loss += residual * residual / target.n;
        p->z_bar[i] = (tz_real)(2.0 * residual / target.n);
    }
    if (c->alpha > 0.0) {
        const int n_entries = (T + 1) * B * 4 * c->n * c->n;
        const double weight = 1.0 / (c->alpha * n_entries);
        const double sum = tz_model_symplectic(p->model, p->workspace, p->grad, weight, NULL, T, B);
        const tz_real mean = (tz_real)(sum / n_entries);
        golden_check(p->golden, &mean, golden_find(p->golden, "", "symplectic_reg"),
                     VALUE_TOLERANCE);
        p->loss += weight * sum;
    }
    check_loss(p);
    check_gradients(p, c->names, toy_layers);
    close_problem(p);
}

static void test_study_synthetic(void **state) {
    (void)state;
    // clang-format off
    static const toy_case cases[] = {
        {"study/NN_chain2.txt", "node", {{"mlp", "net"}}, 2, 0, 0.0},
        {"study/NN_spring1.txt", "node", {{"mlp", "net"}}, 3, 3, 0.0},
        {"study/NN_rotor.txt", "node", {{"mlp", "net"}}, 6, 3, 0.0},
        {"study/DeltaNN_chain2.txt", "delta", {{"mlp", "net"}}, 2, 0, 0.0},
        {"study/MechanicsNN_chain2.txt", "node-so-mass", {{"mass", "mass_net"}, {"force", "dynamics_net"}}, 2, 0, 0.0},
        {"study/MechanicsNN_spring1.txt", "node-so-mass", {{"mass", "mass_net"}, {"force", "dynamics_net"}}, 3, 3, 0.0},
        {"study/MechanicsNN_rotor.txt", "node-so-mass", {{"mass", "mass_net"}, {"force", "dynamics_net"}}, 6, 3, 0.0},
        {"study/SpNN_chain2.txt", "node-so-mass", {{"mass", "mass_net"}, {"force", "dynamics_net"}}, 2, 0, 10.0},
        {"study/SpNN_spring1.txt", "node-so-mass", {{"mass", "mass_net"}, {"force", "dynamics_net"}}, 3, 3, 10.0},
        {"study/SpNN_rotor.txt", "node-so-mass", {{"mass", "mass_net"}, {"force", "dynamics_net"}}, 6, 3, 10.0},
        {"study/HNN_chain2.txt", "hnn", {{"mass", "mass_net"}, {"potential", "potential_net"}}, 2, 0, 0.0},
        {"study/HNN_spring1.txt", "hnn", {{"mass", "mass_net"}, {"potential", "potential_net"}}, 3, 3, 0.0},
        {"study/HNN_rotor.txt", "hnn", {{"mass", "mass_net"}, {"potential", "potential_net"}}, 6, 3, 0.0},
        {"study/NonseparableHNN_chain2.txt", "hnn-nonseparable", {{"mass", "mass_net"}, {"energy", "h_net"}}, 2, 0, 0.0},
        {"study/MixtureHNN_chain2.txt", "symoden-both", {{"mass", "hnn.mass_net"}, {"potential", "hnn.potential_net"}, {"force", "nn.net"}}, 2, 0, 0.0},
    };
    // clang-format on
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        agrees_with_toy(&cases[i]);
    }
}

// ---- statistics from a file

static void statistic(double *to, const golden_entry *from, int first, int n) {
    memcpy(to, from->value + first, (size_t)n * sizeof *to);
}

static tz_model_statistics read_statistics(const golden_file *golden, const char *const names[4],
                                           int nz, int nu) {
    tz_model_statistics s = {0};
    const golden_entry *mean = golden_find(golden, "", names[0]);
    const golden_entry *std = golden_find(golden, "", names[1]);
    const golden_entry *rate_mean = golden_find(golden, "", names[2]);
    const golden_entry *rate_std = golden_find(golden, "", names[3]);
    statistic(s.z_mean, mean, 0, nz);
    statistic(s.u_mean, mean, nz, nu);
    statistic(s.z_std, std, 0, nz);
    statistic(s.u_std, std, nz, nu);
    // files of second-order kinds have the velocities' half
    statistic(s.rate_mean + nz - rate_mean->n, rate_mean, 0, rate_mean->n);
    statistic(s.rate_std + nz - rate_std->n, rate_std, 0, rate_std->n);
    return s;
}

// ---- the study's robots

static const char *const robot_layers[3] = {"0", "2", "4"};

static void agrees_with_robot(const char *file, const char *kind, const network_name *names) {
    enum { NZ = 4, NU = 1, B = 3, T = 3 };
    static const char *const statistics_names[] = {"input_loc", "input_scale", "output_loc",
                                                   "output_scale"};
    problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->golden = golden_read(file);
    const tz_task task = {.name = "robot", .nq = 2, .nv = 2, .nu = NU, .dt_s = 0.04};
    const tz_model_statistics statistics = read_statistics(p->golden, statistics_names, NZ, NU);
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    def.n_hidden = 4;
    open_problem(p, &def, &task, &statistics, T, B);
    load_parameters(p, names, robot_layers);

    const golden_entry x = time_major(golden_find(p->golden, "", "x"));
    const golden_entry u = time_major(golden_find(p->golden, "", "u"));
    const golden_entry predicted = time_major(golden_find(p->golden, "", "pred_incl_last"));
    for (int i = 0; i < B * NZ; i++) {
        p->z0[i] = (tz_real)x.value[i];
    }
    golden_copy(p->u, &u);
    tz_model_rollout(p->model, p->workspace, p->z, p->z0, p->u, T, B);
    golden_check(p->golden, p->z, &predicted, VALUE_TOLERANCE);

    // mean over rows, the first three times and components; the last state is not in it
    const golden_entry *sigma = golden_find(p->golden, "", "z_std");
    for (int i = 0; i < x.n; i++) {
        const double residual = ((double)p->z[i] - x.value[i]) / sigma->value[i % NZ];
        p->loss += residual * residual / x.n;
        p->z_bar[i] = (tz_real)(2.0 * residual / sigma->value[i % NZ] / x.n);
    }
    check_loss(p);
    check_gradients(p, names, robot_layers);
    close_problem(p);
}

static void test_study_robots(void **state) {
    (void)state;
    static const network_name one[] = {{"mlp", "net"}, {NULL, NULL}};
    agrees_with_robot("study/mujoco_NODE.txt", "node", one);
    agrees_with_robot("study/mujoco_CoupledNODE.txt", "node-so", one);
    // its mass network has no effect and no place here
    static const network_name two[] = {
        {"potential", "potential_net"}, {"force", "force_net"}, {NULL, NULL}};
    agrees_with_robot("study/mujoco_MixtureHNN.txt", "symoden-study", two);
}

// ---- PyTorch

static void agrees_with_torch(const char *kind, const char *file) {
    enum { NQ = 3, NZ = 6, NU = 2, B = 4, T = 3, N = (T + 1) * B * NZ };
    static const char *const statistics_names[] = {"input_mean", "input_std", "rate_mean",
                                                   "rate_std"};
    problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->golden = golden_read(file);
    const tz_task task = {
        .name = "torch", .nq = NQ, .nv = NQ, .nu = NU, .dt_s = 0.04, .cyclic = {true}};
    const tz_model_statistics statistics = read_statistics(p->golden, statistics_names, NZ, NU);
    tz_model_def def = tz_model_def_default();
    def.kind = kind;
    def.n_hidden = 5;
    def.substeps = 4;
    open_problem(p, &def, &task, &statistics, T, B);
    for (int i = 0; i < p->model->n_tensors; i++) {
        const tz_model_tensor *tensor = &p->model->tensors[i];
        golden_copy(p->model->parameters + tensor->offset,
                    golden_find(p->golden, "param:", tensor->name));
    }
    tz_model_prepare(p->model);

    golden_copy(p->z0, golden_find(p->golden, "", "z0"));
    golden_copy(p->u, golden_find(p->golden, "", "u"));
    tz_model_rollout(p->model, p->workspace, p->z, p->z0, p->u, T, B);
    golden_check(p->golden, p->z, golden_find(p->golden, "", "z"), VALUE_TOLERANCE);

    // mean of ((z - target) / std)^2
    const golden_entry *target = golden_find(p->golden, "", "target");
    for (int i = 0; i < N; i++) {
        const double sigma = statistics.z_std[i % NZ];
        const double residual = ((double)p->z[i] - target->value[i]) / sigma;
        p->loss += residual * residual / N;
        p->z_bar[i] = (tz_real)(2.0 * residual / sigma / N);
    }
    check_loss(p);
    tz_model_rollout_vjp(p->model, p->workspace, p->grad, p->z_bar, p->u, T, B);
    for (int i = 0; i < p->model->n_tensors; i++) {
        const tz_model_tensor *tensor = &p->model->tensors[i];
        golden_check(p->golden, p->grad + tensor->offset,
                     golden_find(p->golden, "grad:", tensor->name), GRADIENT_TOLERANCE);
    }
    close_problem(p);
}

static void test_torch(void **state) {
    (void)state;
    agrees_with_torch("node", "node_torch.txt");
    agrees_with_torch("node-so", "node_so_torch.txt");
    agrees_with_torch("hnn", "hnn_torch.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_study_synthetic),
        cmocka_unit_test(test_study_robots),
        cmocka_unit_test(test_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
