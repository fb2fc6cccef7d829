// Derivation for one row, with y = L^T P, so that Minv P = L y + eps P and K = 1/2 y.y + eps/2 P.P:
//
//     dK/dL_ij = P_i y_j (i >= j),   dK/dA_ii = P_i y_i s_i,   dK/dA_ji = P_i y_j (i > j)
//
// where s_i = softplus'(A_ii). Backward of V = Minv P for lambda and of c = dK/dA for c_bar, with
// C_ij = c_bar_ji for i > j and C_ii = c_bar_ii s_i: y receives
//
//     y_bar_j = sum_{i >= j} (L_ij lambda_i + C_ij P_i)
//
// and then, through y = L^T P,
//
//     P_bar_i += eps lambda_i + sum_{j <= i} (C_ij y_j + L_ij y_bar_j)
//     L_bar_ij = lambda_i y_j + P_i y_bar_j                    (i >= j)
//     A_bar_ii = L_bar_ii s_i + c_bar_ii P_i y_i s_i (1 - s_i),   A_bar_ji = L_bar_ij (i > j)
//
// since softplus'' = s (1 - s). The backward of P = Minv^-1 V for P_bar is that of V for
// lambda = -Minv^-1 P_bar, as Minv dP = -dMinv P.
//
// The gradient c of lambda . V with x = L^T lambda is dL_ij: lambda_i y_j + P_i x_j, so
// c_ii = s_i (lambda_i y_i + P_i x_i), c_ji = lambda_i y_j + P_i x_j (i > j). Backward for c_bar
// and its C of above, lambda held:
//
//     y_bar_j = sum_{i >= j} C_ij lambda_i
//     x_bar_j = sum_{i >= j} C_ij P_i
//     P_bar_i += sum_{j <= i} (C_ij x_j + L_ij y_bar_j)
//     L_bar_ij = P_i y_bar_j + lambda_i x_bar_j                (i >= j)
//     A_bar_ii += L_bar_ii s_i + c_bar_ii (lambda_i y_i + P_i x_i) s_i (1 - s_i)
//     A_bar_ji += L_bar_ij                                     (i > j)
#include "models/mass.h"

#include "models/mlp.h"

#include <math.h>
#include <tgmath.h>

// LAPACK: solves A X = B for a symmetric positive definite A by Cholesky, column-major.
void dposv_(const char *uplo, const int *n, const int *nrhs, double *A, const int *lda, double *B,
            const int *ldb, int *info, size_t uplo_length);

size_t tz_mass_tape_size(int n, int B) {
    const size_t rows = (size_t)B * (size_t)n;
    return tz_round_line(rows * (size_t)n) + 3 * tz_round_line(rows);
}

tz_mass_tape tz_mass_tape_take(int n, tz_real **cursor, int B) {
    const size_t rows = (size_t)B * (size_t)n;
    tz_mass_tape tape;
    tape.L = tz_take(cursor, rows * (size_t)n);
    tape.slope = tz_take(cursor, rows);
    tape.P = tz_take(cursor, rows);
    tape.y = tz_take(cursor, rows);
    return tape;
}

void tz_mass_factor(const tz_mass_tape *tape, const tz_real *A, int ld_A, int n, int B) {
    for (int row = 0; row < B; row++) {
        tz_real *L = tape->L + row * n * n;
        tz_real *slope = tape->slope + row * n;
        for (int i = 0; i < n; i++) {
            const tz_real a = A[row * ld_A + i * n + i];
            const tz_real decay = exp(-fabs(a)); // in (0, 1]: nothing overflows
            L[i * n + i] = (a > 0.0f ? a : 0.0f) + log1p(decay);
            slope[i] = (a > 0.0f ? 1.0f : decay) / (1.0f + decay);
            for (int j = 0; j < i; j++) {
                L[i * n + j] = A[row * ld_A + j * n + i];
            }
        }
    }
}

// y = L^T P of one row.
static void project(tz_real *y, const tz_real *L, const tz_real *P, int n) {
    for (int j = 0; j < n; j++) {
        tz_real sum = 0.0f;
        for (int i = j; i < n; i++) {
            sum += L[i * n + j] * P[i];
        }
        y[j] = sum;
    }
}

void tz_mass_velocity(const tz_mass_tape *tape, tz_real *V, int ld_V, const tz_real *P, int ld_P,
                      int n, int B) {
    for (int row = 0; row < B; row++) {
        const tz_real *L = tape->L + row * n * n;
        tz_real *y = tape->y + row * n;
        project(y, L, P + row * ld_P, n);
        for (int i = 0; i < n; i++) {
            const tz_real P_i = P[row * ld_P + i];
            tz_real sum = TZ_MASS_EPS * P_i;
            for (int j = 0; j <= i; j++) {
                sum += L[i * n + j] * y[j];
            }
            V[row * ld_V + i] = sum;
            tape->P[row * n + i] = P_i;
        }
    }
}

// x <- (L L^T + eps E)^-1 x of one row; the matrix in work.
static void solve_row(double *x, double *work, const tz_real *L, double eps, int n) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = i == j ? eps : 0.0;
            for (int k = 0; k <= j; k++) {
                sum += (double)L[i * n + k] * L[j * n + k];
            }
            work[i * n + j] = work[j * n + i] = sum;
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
        solve_row(solution, work, tape->L + row * n * n, eps, n);
        for (int i = 0; i < n; i++) {
            x[row * n + i] = (tz_real)solution[i];
        }
    }
}

void tz_mass_momentum(const tz_mass_tape *tape, tz_real *P, int ld_P, double *work,
                      const tz_real *V, int ld_V, double eps, int n, int B) {
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            tape->P[row * n + i] = V[row * ld_V + i];
        }
    }
    tz_mass_solve(tape, tape->P, work, eps, n, B);
    for (int row = 0; row < B; row++) {
        project(tape->y + row * n, tape->L + row * n * n, tape->P + row * n, n);
        for (int i = 0; i < n; i++) {
            P[row * ld_P + i] = tape->P[row * n + i];
        }
    }
}

void tz_mass_kinetic_gradient(const tz_mass_tape *tape, tz_real *c, int ld_c, int n, int B) {
    for (int row = 0; row < B; row++) {
        const tz_real *P = tape->P + row * n, *y = tape->y + row * n;
        const tz_real *slope = tape->slope + row * n;
        for (int i = 0; i < n; i++) {
            tz_real *c_i = c + row * ld_c + i * n;
            for (int j = 0; j < i; j++) {
                c_i[j] = 0.0f;
            }
            c_i[i] = P[i] * y[i] * slope[i];
            for (int j = i + 1; j < n; j++) {
                c_i[j] = P[j] * y[i];
            }
        }
    }
}

// C_ij of the derivation.
static tz_real weight(const tz_real *c_bar, const tz_real *slope, int i, int j, int n) {
    return i == j ? c_bar[i * n + i] * slope[i] : c_bar[j * n + i];
}

// One row: y_bar (n) of the derivation.
static void adjoint_of_projection(tz_real *y_bar, const tz_real *L, const tz_real *slope,
                                  const tz_real *P, const tz_real *lambda, const tz_real *c_bar,
                                  int n) {
    for (int j = 0; j < n; j++) {
        tz_real sum = 0.0f;
        for (int i = j; i < n; i++) {
            sum += L[i * n + j] * lambda[i];
        }
        for (int i = j; c_bar != NULL && i < n; i++) {
            sum += weight(c_bar, slope, i, j, n) * P[i];
        }
        y_bar[j] = sum;
    }
}

void tz_mass_vjp(const tz_mass_tape *tape, tz_real *A_bar, int ld_A, tz_real *P_bar, int ld_P,
                 const tz_real *lambda, const tz_real *c_bar, int n, int B) {
    for (int row = 0; row < B; row++) {
        const tz_real *L = tape->L + row * n * n, *slope = tape->slope + row * n;
        const tz_real *P = tape->P + row * n, *y = tape->y + row * n;
        const tz_real *lambda_row = lambda + row * n;
        const tz_real *C = c_bar != NULL ? c_bar + row * ld_A : NULL;
        tz_real *A = A_bar + row * ld_A; // (n, n)
        tz_real y_bar[TZ_MASS_N_MAX];
        adjoint_of_projection(y_bar, L, slope, P, lambda_row, C, n);
        for (int i = 0; P_bar != NULL && i < n; i++) {
            tz_real sum = TZ_MASS_EPS * lambda_row[i];
            for (int j = 0; j <= i; j++) {
                sum += L[i * n + j] * y_bar[j];
                sum += C != NULL ? weight(C, slope, i, j, n) * y[j] : 0.0f;
            }
            P_bar[row * ld_P + i] += sum;
        }
        for (int i = 0; i < n; i++) {
            const tz_real L_bar_ii = lambda_row[i] * y[i] + P[i] * y_bar[i];
            const tz_real bend = C != NULL ? C[i * n + i] * P[i] * y[i] * (1.0f - slope[i]) : 0.0f;
            A[i * n + i] = slope[i] * (L_bar_ii + bend);
            for (int j = 0; j < i; j++) {
                A[i * n + j] = 0.0f;
                A[j * n + i] = lambda_row[i] * y[j] + P[i] * y_bar[j];
            }
        }
    }
}

// sum_{i >= j} C_ij p_i for every j, of one row.
static void transpose_times(tz_real *x, const tz_real *c_bar, const tz_real *slope,
                            const tz_real *p, int n) {
    for (int j = 0; j < n; j++) {
        x[j] = 0.0f;
        for (int i = j; i < n; i++) {
            x[j] += weight(c_bar, slope, i, j, n) * p[i];
        }
    }
}

void tz_mass_vjp_vjp(const tz_mass_tape *tape, tz_real *A_bar, int ld_A, tz_real *P_bar, int ld_P,
                     const tz_real *lambda, const tz_real *c_bar, int n, int B) {
    for (int row = 0; row < B; row++) {
        const tz_real *L = tape->L + row * n * n, *slope = tape->slope + row * n;
        const tz_real *P = tape->P + row * n, *y = tape->y + row * n;
        const tz_real *lambda_row = lambda + row * n, *C = c_bar + row * ld_A;
        tz_real *A = A_bar + row * ld_A; // (n, n)
        tz_real x[TZ_MASS_N_MAX], x_bar[TZ_MASS_N_MAX], y_bar[TZ_MASS_N_MAX];
        project(x, L, lambda_row, n);
        transpose_times(x_bar, C, slope, P, n);
        transpose_times(y_bar, C, slope, lambda_row, n);
        for (int i = 0; i < n; i++) {
            const tz_real bend =
                C[i * n + i] * (lambda_row[i] * y[i] + P[i] * x[i]) * (1.0f - slope[i]);
            A[i * n + i] += slope[i] * (P[i] * y_bar[i] + lambda_row[i] * x_bar[i] + bend);
            for (int j = 0; j <= i; j++) {
                P_bar[row * ld_P + i] += weight(C, slope, i, j, n) * x[j] + L[i * n + j] * y_bar[j];
            }
            for (int j = 0; j < i; j++) {
                A[j * n + i] += P[i] * y_bar[j] + lambda_row[i] * x_bar[j];
            }
        }
    }
}
