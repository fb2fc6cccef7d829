#include "toy.h"

#include <math.h>
#include <string.h>

static tz_status no_workspace(tz_model_workspace **workspace, const tz_model *model, int max_B,
                              int max_T, bool training, tz_error *error) {
    (void)model, (void)max_B, (void)max_T, (void)training, (void)error;
    *workspace = NULL;
    return TZ_OK;
}

static void destroy_nothing(tz_model_workspace *workspace) {
    (void)workspace;
}

static void destroy_model(tz_model *model) {
    (void)model;
}

static void rollout(const tz_model *model, tz_model_workspace *workspace, float *z, const float *z0,
                    const float *u, int T, int B) {
    (void)workspace;
    const tz_toy *toy = (const tz_toy *)model;
    const float dt = (float)TOY_DT_S;
    memcpy(z, z0, (size_t)B * TOY_NZ * sizeof *z);
    for (int t = 0; t < T; t++) {
        for (int row = 0; row < B; row++) {
            const float *a = z + (t * B + row) * TOY_NZ;
            float *b = z + ((t + 1) * B + row) * TOY_NZ;
            const float f = toy->gain * u[t * B + row];
            b[0] =
                u[t * B + row] > toy->diverges_above ? NAN : a[0] + dt * a[1] + 0.5f * dt * dt * f;
            b[1] = a[1] + dt * f;
        }
    }
}

static const tz_model_ops ops = {
    .kind = "toy",
    .destroy = destroy_model,
    .workspace_create = no_workspace,
    .workspace_destroy = destroy_nothing,
    .rollout = rollout,
};

tz_toy toy_model(void) {
    return (tz_toy){
        .model = {.ops = &ops, .env = "toy", .nq = 1, .nv = 1, .nu = 1, .dt_s = TOY_DT_S},
        .z_low = {-1.0f, -1.0f},
        .z_high = {1.0f, 1.0f},
        .gain = 1.0f,
        .diverges_above = INFINITY};
}

static double regulate(const tz_task *task, const double *z, const double *u,
                       const double *z_next) {
    (void)task, (void)z;
    return -(z_next[0] * z_next[0] + 0.1 * z_next[1] * z_next[1] + 0.01 * u[0] * u[0]);
}

static double race(const tz_task *task, const double *z, const double *u, const double *z_next) {
    (void)task, (void)z, (void)u;
    return z_next[0];
}

tz_task toy_task(void) {
    return (tz_task){.name = "toy",
                     .nq = 1,
                     .nv = 1,
                     .nu = 1,
                     .dt_s = TOY_DT_S,
                     .control_low = {-2.0},
                     .control_high = {2.0},
                     .reward = regulate};
}

tz_task toy_race(void) {
    tz_task task = toy_task();
    task.reward = race;
    return task;
}

// Cost-to-go z^T P z with stage cost z'^T Q z' + r u^2 paid at the next state: with S = P + Q,
//     u = -(r + B^T S B)^-1 B^T S A z = -k z,   P <- (A - B k)^T S (A - B k) + r k^T k.
double toy_optimum(double *u, const double *z, int T) {
    const double A[2][2] = {{1.0, TOY_DT_S}, {0.0, 1.0}};
    const double B[2] = {0.5 * TOY_DT_S * TOY_DT_S, TOY_DT_S}, Q[2] = {1.0, 0.1}, r = 0.01;
    double P[2][2] = {{0}}, k[2] = {0};
    for (int t = 0; t < T; t++) {
        const double S[2][2] = {{P[0][0] + Q[0], P[0][1]}, {P[1][0], P[1][1] + Q[1]}};
        const double BS[2] = {B[0] * S[0][0] + B[1] * S[1][0], B[0] * S[0][1] + B[1] * S[1][1]};
        const double gain = r + BS[0] * B[0] + BS[1] * B[1];
        for (int j = 0; j < 2; j++) {
            k[j] = (BS[0] * A[0][j] + BS[1] * A[1][j]) / gain;
        }
        double C[2][2]; // closed loop
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 2; j++) {
                C[i][j] = A[i][j] - B[i] * k[j];
            }
        }
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 2; j++) {
                P[i][j] = r * k[i] * k[j];
                for (int a = 0; a < 2; a++) {
                    for (int b = 0; b < 2; b++) {
                        P[i][j] += C[a][i] * S[a][b] * C[b][j];
                    }
                }
            }
        }
    }
    *u = -(k[0] * z[0] + k[1] * z[1]);
    return -(P[0][0] * z[0] * z[0] + 2.0 * P[0][1] * z[0] * z[1] + P[1][1] * z[1] * z[1]);
}

// Row i of x, tiles of (n_times, B, width) values whose last one has fewer rows B: (n_times,
// width).
static void copy_row(const tz_candidates *c, float *row, const float *x, int n_times, int width,
                     int i) {
    const int tile = i / TZ_CANDIDATE_TILE, first = tile * TZ_CANDIDATE_TILE;
    const int B = c->n - first < TZ_CANDIDATE_TILE ? c->n - first : TZ_CANDIDATE_TILE;
    const float *at = x + (size_t)tile * (size_t)(n_times * TZ_CANDIDATE_TILE * width);
    for (int t = 0; t < n_times; t++) {
        memcpy(row + t * width, at + (t * B + i - first) * width, (size_t)width * sizeof *row);
    }
}

void candidate_controls(const tz_candidates *candidates, float *u, int i) {
    copy_row(candidates, u, candidates->u, candidates->T, candidates->nu, i);
}

void candidate_states(const tz_candidates *candidates, float *z, int i) {
    copy_row(candidates, z, candidates->z, candidates->T + 1, candidates->nz, i);
}
