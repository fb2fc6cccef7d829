// The learned inverse mass matrix of a row, from the outputs A (n, n) of a network:
//
//     Minv = L L^T + eps E,   L lower triangular,   L_ii = softplus(A_ii),   L_ij = A_ji for i > j
//
// with momenta P, velocities Minv P and kinetic energy K = 1/2 P^T Minv P. The entries of A below
// its diagonal have no effect. So of A, of its adjoints and of weights of its entries there is the
// upper triangle, row by row, which is L column by column: n (n + 1) / 2 numbers.
//
// Letters: B rows, n coordinates, m = n (n + 1) / 2 entries.
#ifndef TRAPEZE_MODELS_MASS_H
#define TRAPEZE_MODELS_MASS_H

#include "models/real.h"

#include <stddef.h>

#define TZ_MASS_EPS ((tz_real)1e-4)
enum { TZ_MASS_N_MAX = 128 }; // coordinates

// What an evaluation on B rows leaves for its backward.
typedef struct tz_mass_tape {
    tz_real *L;     // column by column                              (B, m)
    tz_real *slope; // softplus'(A_ii)                               (B, n)
    tz_real *P;     // momenta                                       (B, n)
    tz_real *y;     // L^T P                                         (B, n)
} tz_mass_tape;

// m, and the places of the entries among n * n: at (m).
static inline int tz_mass_size(int n) {
    return n * (n + 1) / 2;
}
void tz_mass_list_outputs(int *at, int n);

size_t tz_mass_tape_size(int n, int B);
tz_mass_tape tz_mass_tape_take(int n, tz_real **cursor, int B);

// L and slope of the tape from A (B, m), row stride ld_A.
void tz_mass_factor(const tz_mass_tape *tape, const tz_real *A, int ld_A, int n, int B);

// V (B, n) = Minv P; fills P and y of the tape. Row strides ld_V and ld_P.
void tz_mass_velocity(const tz_mass_tape *tape, tz_real *V, int ld_V, const tz_real *P, int ld_P,
                      int n, int B);

// P (B, n) = (L L^T + eps E)^-1 V, in double within; fills P and y of the tape. NaN where the row
// is not finite. `work` holds n * (n + 1) doubles.
void tz_mass_momentum(const tz_mass_tape *tape, tz_real *P, int ld_P, double *work,
                      const tz_real *V, int ld_V, double eps, int n, int B);

// x (B, n) <- (L L^T + eps E)^-1 x, dense. `work` as above.
void tz_mass_solve(const tz_mass_tape *tape, tz_real *x, double *work, double eps, int n, int B);

// c (B, m) = dK/dA, row stride ld_c.
void tz_mass_kinetic_gradient(const tz_mass_tape *tape, tz_real *c, int ld_c, int n, int B);

// Backward of V = Minv P and of c = dK/dA for lambda (B, n) on V, dense, and c_bar (B, m) on c,
// nullable, row stride ld_A: A_bar (B, m) overwritten, row stride ld_A; P_bar (B, n) +=, row stride
// ld_P, nullable.
void tz_mass_vjp(const tz_mass_tape *tape, tz_real *A_bar, int ld_A, tz_real *P_bar, int ld_P,
                 const tz_real *lambda, const tz_real *c_bar, int n, int B);

// Backward of c = d(lambda . Minv P)/dA, what tz_mass_vjp makes of lambda alone, with lambda (B, n)
// held: from c_bar (B, m), A_bar (B, m) += and P_bar (B, n), row stride ld_P, +=. Needs y.
void tz_mass_vjp_vjp(const tz_mass_tape *tape, tz_real *A_bar, int ld_A, tz_real *P_bar, int ld_P,
                     const tz_real *lambda, const tz_real *c_bar, int n, int B);

#endif
