#include "reference.h"

#include <math.h>
#include <string.h>

// ---- network

// out (n_out) of network number `which` and, where dxi is given, its tangent dout along dxi (n_in).
static void network(const tz_learned *model, const double *theta, int which, double *out,
                    double *dout, const double *xi, const double *dxi) {
    const tz_model_tensor *tensor = model->model.tensors + which * TZ_MLP_N_TENSORS;
    double a[REF_OUT_MAX], da[REF_OUT_MAX], x[REF_OUT_MAX], dx[REF_OUT_MAX];
    for (int i = 0; i < tensor[0].rows; i++) {
        x[i] = xi[i];
        dx[i] = dxi != NULL ? dxi[i] : 0.0;
    }
    for (int layer = 0; layer < 3; layer++) {
        const tz_model_tensor *W = &tensor[2 * layer], *b = &tensor[2 * layer + 1];
        for (int j = 0; j < W->cols; j++) {
            a[j] = theta[b->offset + (size_t)j];
            da[j] = 0.0;
            for (int i = 0; i < W->rows; i++) {
                a[j] += x[i] * theta[W->offset + (size_t)(i * W->cols + j)];
                da[j] += dx[i] * theta[W->offset + (size_t)(i * W->cols + j)];
            }
        }
        for (int j = 0; j < W->cols; j++) {
            x[j] = layer < 2 ? tanh(a[j]) : a[j];
            dx[j] = layer < 2 ? da[j] * (1.0 - x[j] * x[j]) : da[j];
        }
    }
    const int n_out = tensor[4].cols;
    memcpy(out, x, (size_t)n_out * sizeof *out);
    if (dout != NULL) {
        memcpy(dout, dx, (size_t)n_out * sizeof *out);
    }
}

// ---- node, node-so

static void field_node(const tz_learned *model, const double *theta, double *dw, const double *z,
                       const double *u) {
    const int n = model->model.nq, nz = 2 * n;
    double xi[REF_OUT_MAX], out[REF_OUT_MAX];
    for (int i = 0; i < model->n_in; i++) {
        const int at = model->input_at[i];
        const double x = at < nz ? z[at] : u[at - nz];
        xi[i] = (x - model->input_mean[at]) / model->input_std[at];
    }
    network(model, theta, 0, out, NULL, xi, NULL);
    if (strcmp(model->model.ops->kind, "node") == 0) {
        for (int i = 0; i < nz; i++) {
            dw[i] = model->rate_std[i] * out[i] + model->rate_mean[i];
        }
        return;
    }
    const double h = model->model.dt_s / model->substeps;
    for (int i = 0; i < n; i++) {
        dw[n + i] = model->rate_std[n + i] * out[i] + model->rate_mean[n + i];
        dw[i] = z[n + i] + 0.5 * h * dw[n + i];
    }
}

// ---- hnn

static const double EPS = 1e-4;

// Scale of coordinate i: q = mean + s_q Q.
static double scale_q(const tz_learned *model, int i) {
    const int n = model->model.nq;
    const double sigma_v = model->input_std[n + i];
    const double natural = sqrt((double)model->input_std[i] * (double)model->rate_std[n + i]);
    return model->is_input[i] && natural > sigma_v ? natural : sigma_v;
}

// Inputs xi_q of the positions that the networks see, from Q.
static void positions(const tz_learned *model, double *xi, const double *Q) {
    for (int i = 0; i < model->n_in_q; i++) {
        const int at = model->input_at[i];
        xi[i] = Q[at] * scale_q(model, at) / model->input_std[at];
    }
}

// Minv (n, n) at xi and, along dxi (nullable), its tangent dMinv.
static void inverse_mass(const tz_learned *model, const double *theta, double *Minv, double *dMinv,
                         const double *xi, const double *dxi) {
    const int n = model->model.nq;
    double A[REF_OUT_MAX], dA[REF_OUT_MAX], L[REF_OUT_MAX] = {0}, dL[REF_OUT_MAX] = {0};
    network(model, theta, 1, A, dA, xi, dxi);
    for (int i = 0; i < n; i++) {
        L[i * n + i] = log1p(exp(A[i * n + i]));
        dL[i * n + i] = dA[i * n + i] / (1.0 + exp(-A[i * n + i]));
        for (int j = 0; j < i; j++) {
            L[i * n + j] = A[j * n + i];
            dL[i * n + j] = dA[j * n + i];
        }
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double sum = i == j ? EPS : 0.0, dsum = 0.0;
            for (int k = 0; k < n; k++) {
                sum += L[i * n + k] * L[j * n + k];
                dsum += dL[i * n + k] * L[j * n + k] + L[i * n + k] * dL[j * n + k];
            }
            Minv[i * n + j] = sum;
            if (dMinv != NULL) {
                dMinv[i * n + j] = dsum;
            }
        }
    }
}

static void field_hnn(const tz_learned *model, const double *theta, double *dw, const double *w,
                      const double *u) {
    const int n = model->model.nq, nz = 2 * n, nu = model->model.nu, n_q = model->n_in_q;
    const double *Q = w, *P = w + n;
    const double m0 = log(2.0) * log(2.0) + EPS;
    double xi[REF_OUT_MAX], Minv[REF_OUT_MAX], dMinv[REF_OUT_MAX];
    positions(model, xi, Q);
    inverse_mass(model, theta, Minv, NULL, xi, NULL);
    for (int i = 0; i < n; i++) {
        dw[i] = 0.0;
        for (int j = 0; j < n; j++) {
            dw[i] += Minv[i * n + j] * P[j];
        }
    }

    // forces
    double xi_force[REF_OUT_MAX], g[REF_OUT_MAX];
    memcpy(xi_force, xi, (size_t)n_q * sizeof *xi);
    for (int i = 0; i < n; i++) {
        const double v = scale_q(model, i) * dw[i];
        xi_force[n_q + i] = (v - model->input_mean[n + i]) / model->input_std[n + i];
    }
    for (int i = 0; i < nu; i++) {
        xi_force[n_q + n + i] = (u[i] - model->input_mean[nz + i]) / model->input_std[nz + i];
    }
    network(model, theta, 2, g, NULL, xi_force, NULL);
    for (int i = 0; i < n; i++) {
        const double unit = 1.0 / (scale_q(model, i) * m0);
        dw[n + i] = unit * (model->rate_std[n + i] * g[i] + model->rate_mean[n + i]);
    }

    // -dH/dQ, one position at a time
    for (int k = 0; k < n_q; k++) {
        const int at = model->input_at[k];
        double dxi[REF_OUT_MAX] = {0}, V, dV;
        dxi[k] = scale_q(model, at) / model->input_std[at];
        network(model, theta, 0, &V, &dV, xi, dxi);
        inverse_mass(model, theta, Minv, dMinv, xi, dxi);
        double dH = dV / m0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                dH += 0.5 * P[i] * dMinv[i * n + j] * P[j];
            }
        }
        dw[n + at] -= dH;
    }
}

// Solves A x = b by elimination with pivots; A (n, n) and b are overwritten, x in b.
static void eliminate(double *A, double *b, int n) {
    for (int k = 0; k < n; k++) {
        int pivot = k;
        for (int i = k; i < n; i++) {
            pivot = fabs(A[i * n + k]) > fabs(A[pivot * n + k]) ? i : pivot;
        }
        for (int j = 0; j < n; j++) {
            const double swap = A[k * n + j];
            A[k * n + j] = A[pivot * n + j];
            A[pivot * n + j] = swap;
        }
        const double swap = b[k];
        b[k] = b[pivot];
        b[pivot] = swap;
        for (int i = 0; i < n; i++) {
            const double factor = i == k ? 0.0 : A[i * n + k] / A[k * n + k];
            for (int j = 0; j < n; j++) {
                A[i * n + j] -= factor * A[k * n + j];
            }
            b[i] -= factor * b[k];
        }
    }
    for (int k = 0; k < n; k++) {
        b[k] /= A[k * n + k];
    }
}

static void encode_hnn(const tz_learned *model, const double *theta, double *w, const double *z) {
    const int n = model->model.nq;
    double xi[REF_OUT_MAX], Minv[REF_OUT_MAX];
    for (int i = 0; i < n; i++) {
        w[i] = (z[i] - model->input_mean[i]) / scale_q(model, i);
        w[n + i] = z[n + i] / scale_q(model, i);
    }
    positions(model, xi, w);
    inverse_mass(model, theta, Minv, NULL, xi, NULL);
    eliminate(Minv, w + n, n);
}

static void decode_hnn(const tz_learned *model, const double *theta, double *z, const double *w) {
    const int n = model->model.nq;
    double xi[REF_OUT_MAX], Minv[REF_OUT_MAX];
    positions(model, xi, w);
    inverse_mass(model, theta, Minv, NULL, xi, NULL);
    for (int i = 0; i < n; i++) {
        z[i] = model->input_mean[i] + scale_q(model, i) * w[i];
        z[n + i] = 0.0;
        for (int j = 0; j < n; j++) {
            z[n + i] += scale_q(model, i) * Minv[i * n + j] * w[n + j];
        }
    }
}

// ---- common

static int is_hnn(const tz_learned *model) {
    return strcmp(model->model.ops->kind, "hnn") == 0;
}

void ref_field(const tz_learned *model, const double *theta, double *dw, const double *w,
               const double *u) {
    (is_hnn(model) ? field_hnn : field_node)(model, theta, dw, w, u);
}

void ref_rollout(const tz_learned *model, const double *theta, double *z, const double *z0,
                 const double *u, int T) {
    const int nz = tz_model_nz(&model->model);
    const double h = model->model.dt_s / model->substeps;
    double w[2 * REF_N_MAX], dw[2 * REF_N_MAX];
    memcpy(z, z0, (size_t)nz * sizeof *z);
    memcpy(w, z0, (size_t)nz * sizeof *w);
    if (is_hnn(model)) {
        encode_hnn(model, theta, w, z0);
    }
    for (int t = 0; t < T; t++) {
        for (int s = 0; s < model->substeps; s++) {
            ref_field(model, theta, dw, w, u + t * model->model.nu);
            for (int i = 0; i < nz; i++) {
                w[i] += h * dw[i];
            }
        }
        memcpy(z + (t + 1) * nz, w, (size_t)nz * sizeof *z);
        if (is_hnn(model)) {
            decode_hnn(model, theta, z + (t + 1) * nz, w);
        }
    }
}
