// Derivation for one row, with y = L^T P, so that Minv P = L y + eps P and K = 1/2 y.y + eps/2 P.P:
//
//     dK/dL_ji = P_j y_i (j >= i),   dK/dA_ii = P_i y_i s_i,   dK/dA_ij = P_j y_i (j > i)
//
// where s_i = softplus'(A_ii). Backward of V = Minv P for lambda and of c = dK/dA for c_bar, with
// C_ij = c_bar_ij for j > i and C_ii = c_bar_ii s_i: y receives
//
//     y_bar_i = sum_{j >= i} (L_ji lambda_j + C_ij P_j)
//
// and then, through y = L^T P,
//
//     P_bar_j += eps lambda_j + sum_{i <= j} (L_ji y_bar_i + C_ij y_i)
//     L_bar_ji = lambda_j y_i + P_j y_bar_i                    (j >= i)
//     A_bar_ii = L_bar_ii s_i + c_bar_ii P_i y_i s_i (1 - s_i),   A_bar_ij = L_bar_ji (j > i)
//
// since softplus'' = s (1 - s). The backward of P = Minv^-1 V for P_bar is that of V for
// lambda = -Minv^-1 P_bar, as Minv dP = -dMinv P.
//
// The gradient c of lambda . V with x = L^T lambda is dL_ji: lambda_j y_i + P_j x_i, so
// c_ii = s_i (lambda_i y_i + P_i x_i), c_ij = lambda_j y_i + P_j x_i (j > i). Backward for c_bar
// and its C of above, lambda held:
//
//     y_bar_i = sum_{j >= i} C_ij lambda_j
//     x_bar_i = sum_{j >= i} C_ij P_j
//     P_bar_j += sum_{i <= j} (C_ij x_i + L_ji y_bar_i)
//     L_bar_ji = P_j y_bar_i + lambda_j x_bar_i                (j >= i)
//     A_bar_ii += L_bar_ii s_i + c_bar_ii (lambda_i y_i + P_i x_i) s_i (1 - s_i)
//     A_bar_ij += L_bar_ji                                     (j > i)
//
// In the code row i of a triangle is a pointer to its diagonal entry, so entry (i, j) is [j - i].
#include "models/mass.h"

#include "models/mlp.h"

#include <math.h>
#include <string.h>
#include <tgmath.h>

// LAPACK: solves A X = B for a symmetric positive definite A by Cholesky, column-major.
void dposv_(const char *uplo, const int *n, const int *nrhs, double *A, const int *lda, double *B,
            const int *ldb, int *info, size_t uplo_length);

size_t tz_mass_tape_size(int n, int B) {
    return tz_round_line((size_t)B * (size_t)tz_mass_size(n)) +
           3 * tz_round_line((size_t)B * (size_t)n);
}

tz_mass_tape tz_mass_tape_take(int n, tz_real **cursor, int B) {
    const size_t rows = (size_t)B * (size_t)n;
    tz_mass_tape tape;
    tape.L = tz_take(cursor, (size_t)B * (size_t)tz_mass_size(n));
    tape.slope = tz_take(cursor, rows);
    tape.P = tz_take(cursor, rows);
    tape.y = tz_take(cursor, rows);
    return tape;
}

void tz_mass_list_outputs(int *at, int n) {
    for (int i = 0; i < n; i++) {
        for (int j = i; j < n; j++) {
            *at++ = i * n + j;
        }
    }
}

void tz_mass_factor(const tz_mass_tape *tape, const tz_real *A, int ld_A, int n, int B) {
    const int m = tz_mass_size(n);
    for (int row = 0; row < B; row++) {
        tz_real *L = tape->L + row * m;
        tz_real *slope = tape->slope + row * n;
        memcpy(L, A + row * ld_A, (size_t)m * sizeof *L);
        for (int i = 0; i < n; L += n - i, i++) {
            const tz_real a = *L;
            const tz_real decay = exp(-fabs(a)); // in (0, 1]: nothing overflows
            *L = (a > 0.0f ? a : 0.0f) + log1p(decay);
            slope[i] = (a > 0.0f ? 1.0f : decay) / (1.0f + decay);
        }
    }
}

// y (n) = L^T x of one row.
static void transpose_times(tz_real *restrict y, const tz_real *restrict L,
                            const tz_real *restrict x, int n) {
    for (int i = 0; i < n; L += n - i, i++) {
        tz_real sum = 0.0f;
        for (int j = i; j < n; j++) {
            sum += L[j - i] * x[j];
        }
        y[i] = sum;
    }
}

// y (n) = C x of one row, with the weights C of the derivation.
static void weights_times(tz_real *restrict y, const tz_real *restrict c_bar,
                          const tz_real *restrict slope, const tz_real *restrict x, int n) {
    for (int i = 0; i < n; c_bar += n - i, i++) {
        tz_real sum = c_bar[0] * slope[i] * x[i];
        for (int j = i + 1; j < n; j++) {
            sum += c_bar[j - i] * x[j];
        }
        y[i] = sum;
    }
}

void tz_mass_velocity(const tz_mass_tape *tape, tz_real *V, int ld_V, const tz_real *P, int ld_P,
                      int n, int B) {
    for (int row = 0; row < B; row++, V += ld_V, P += ld_P) {
        const tz_real *L = tape->L + row * tz_mass_size(n);
        tz_real *y = tape->y + row * n;
        transpose_times(y, L, P, n);
        memcpy(tape->P + row * n, P, (size_t)n * sizeof *P);
        for (int j = 0; j < n; j++) {
            V[j] = TZ_MASS_EPS * P[j];
        }
        for (int i = 0; i < n; L += n - i, i++) {
            for (int j = i; j < n; j++) {
                V[j] += L[j - i] * y[i];
            }
        }
    }
}

// x <- (L L^T + eps E)^-1 x of one row; the matrix in work.
static void solve_row(double *x, double *work, const tz_real *L, double eps, int n) {
    memset(work, 0, (size_t)(n * n) * sizeof *work);
    for (int k = 0; k < n; L += n - k, k++) {
        work[k * n + k] += eps;
        for (int i = k; i < n; i++) {
            for (int j = k; j <= i; j++) {
                work[j * n + i] += (double)L[i - k] * L[j - k]; // column j of the lower triangle
            }
        }
    }
    const int one = 1;
    int info = 0;
    dposv_("L", &n, &one, work, &n, x, &n, &info, 1);
    for (int i = 0; info != 0 && i < n; i++) {
        x[i] = NAN;
    }
}

void tz_mass_solve(const tz_mass_tape *tape, tz_real *x, double *work, double eps, int n, int B) {
    double *solution = work + n * n; // (n)
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            solution[i] = x[row * n + i];
        }
        solve_row(solution, work, tape->L + row * tz_mass_size(n), eps, n);
        for (int i = 0; i < n; i++) {
            x[row * n + i] = (tz_real)solution[i];
        }
    }
}

void tz_mass_momentum(const tz_mass_tape *tape, tz_real *P, int ld_P, double *work,
                      const tz_real *V, int ld_V, double eps, int n, int B) {
    for (int row = 0; row < B; row++) {
        memcpy(tape->P + row * n, V + row * ld_V, (size_t)n * sizeof *V);
    }
    tz_mass_solve(tape, tape->P, work, eps, n, B);
    for (int row = 0; row < B; row++) {
        const tz_real *solution = tape->P + row * n;
        transpose_times(tape->y + row * n, tape->L + row * tz_mass_size(n), solution, n);
        memcpy(P + row * ld_P, solution, (size_t)n * sizeof *P);
    }
}

void tz_mass_kinetic_gradient(const tz_mass_tape *tape, tz_real *c, int ld_c, int n, int B) {
    for (int row = 0; row < B; row++) {
        const tz_real *P = tape->P + row * n, *y = tape->y + row * n;
        const tz_real *slope = tape->slope + row * n;
        tz_real *c_i = c + row * ld_c;
        for (int i = 0; i < n; c_i += n - i, i++) {
            for (int j = i; j < n; j++) {
                c_i[j - i] = P[j] * y[i];
            }
            c_i[0] *= slope[i];
        }
    }
}

void tz_mass_vjp(const tz_mass_tape *tape, tz_real *A_bar, int ld_A, tz_real *P_bar, int ld_P,
                 const tz_real *lambda, const tz_real *c_bar, int n, int B) {
    const int m = tz_mass_size(n);
    for (int row = 0; row < B; row++, lambda += n) {
        const tz_real *L = tape->L + row * m, *slope = tape->slope + row * n;
        const tz_real *P = tape->P + row * n, *y = tape->y + row * n;
        const tz_real *C = c_bar != NULL ? c_bar + row * ld_A : NULL;
        tz_real *restrict A = A_bar + row * ld_A;
        tz_real y_bar[TZ_MASS_N_MAX], of_weights[TZ_MASS_N_MAX], P_row[TZ_MASS_N_MAX];
        transpose_times(y_bar, L, lambda, n);
        if (C != NULL) {
            weights_times(of_weights, C, slope, P, n);
        }
        for (int i = 0; i < n; i++) {
            y_bar[i] += C != NULL ? of_weights[i] : 0.0f;
            P_row[i] = TZ_MASS_EPS * lambda[i];
        }
        for (int i = 0; i < n; L += n - i, A += n - i, i++) {
            for (int j = i; j < n; j++) {
                P_row[j] += L[j - i] * y_bar[i];
                A[j - i] = lambda[j] * y[i] + P[j] * y_bar[i];
            }
            if (C != NULL) {
                A[0] += C[0] * P[i] * y[i] * (1.0f - slope[i]);
                P_row[i] += C[0] * slope[i] * y[i];
                for (int j = i + 1; j < n; j++) {
                    P_row[j] += C[j - i] * y[i];
                }
                C += n - i;
            }
            A[0] *= slope[i];
        }
        for (int i = 0; P_bar != NULL && i < n; i++) {
            P_bar[row * ld_P + i] += P_row[i];
        }
    }
}

void tz_mass_vjp_vjp(const tz_mass_tape *tape, tz_real *A_bar, int ld_A, tz_real *P_bar, int ld_P,
                     const tz_real *lambda, const tz_real *c_bar, int n, int B) {
    const int m = tz_mass_size(n);
    for (int row = 0; row < B; row++, lambda += n, P_bar += ld_P) {
        const tz_real *L = tape->L + row * m, *slope = tape->slope + row * n;
        const tz_real *P = tape->P + row * n, *y = tape->y + row * n;
        const tz_real *C = c_bar + row * ld_A;
        tz_real *A = A_bar + row * ld_A;
        tz_real x[TZ_MASS_N_MAX], x_bar[TZ_MASS_N_MAX], y_bar[TZ_MASS_N_MAX];
        transpose_times(x, L, lambda, n);
        weights_times(x_bar, C, slope, P, n);
        weights_times(y_bar, C, slope, lambda, n);
        for (int i = 0; i < n; L += n - i, C += n - i, A += n - i, i++) {
            const tz_real bend = C[0] * (lambda[i] * y[i] + P[i] * x[i]) * (1.0f - slope[i]);
            A[0] += slope[i] * (P[i] * y_bar[i] + lambda[i] * x_bar[i] + bend);
            P_bar[i] += C[0] * slope[i] * x[i] + L[0] * y_bar[i];
            for (int j = i + 1; j < n; j++) {
                A[j - i] += P[j] * y_bar[i] + lambda[j] * x_bar[i];
                P_bar[j] += C[j - i] * x[i] + L[j - i] * y_bar[i];
            }
        }
    }
}
