// Derivation, for one row, products elementwise where no matrix stands between. With a1, a2 the
// arguments of tanh and h1, h2 the hidden units, the gradient is
//
//     d2 = (c W3^T)(1 - h2^2),   d1 = (d2 W2^T)(1 - h1^2),   gx = d1 W1^T
//
// Its backward for the adjoint omega of gx. The adjoints of d1 and d2 go forward through the
// network: they are the tangents of a1 and a2 along omega,
//
//     t1 = omega W1,   e1 = t1 (1 - h1^2),   t2 = e1 W2,   e2 = t2 (1 - h2^2),   c_bar = e2 W3
//     W1_bar = omega^T d1,   W2_bar = e1^T d2,   W3_bar = e2^T c
//
// The factors 1 - h^2 depend on h too: with d2 = g2 (1 - h2^2), the adjoint of h2 from there is
// -2 h2 g2 t2, and through tanh that of a2 is -2 h2 g2 t2 (1 - h2^2) = -2 h2 d2 t2. Together with
// the adjoint out_bar of the outputs,
//
//     a2_bar = (out_bar W3^T)(1 - h2^2) - 2 h2 d2 t2
//     a1_bar = (a2_bar W2^T)(1 - h1^2) - 2 h1 d1 t1,   xi_bar = a1_bar W1^T
//     W1_bar += xi^T a1_bar,   W2_bar += h1^T a2_bar,   W3_bar += h2^T out_bar
//     b1_bar += a1_bar,   b2_bar += a2_bar,   b3_bar += out_bar
//
// With W weights this costs 4W for outputs and gradient and 8W for the backward: 12W.
#include "models/mlp_gradient.h"

#include "base/vectorise.h"
#include "models/kernels.h"

#include <string.h>

size_t tz_mlp_delta_size(const tz_mlp *mlp, int B) {
    return 2 * tz_round_line((size_t)B * (size_t)mlp->n_hidden);
}

tz_mlp_delta tz_mlp_delta_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    const size_t n = (size_t)B * (size_t)mlp->n_hidden;
    tz_mlp_delta delta;
    delta.d1 = tz_take(cursor, n);
    delta.d2 = tz_take(cursor, n);
    return delta;
}

size_t tz_mlp_tangent_size(const tz_mlp *mlp, int B) {
    return 4 * tz_round_line((size_t)B * (size_t)mlp->n_hidden);
}

tz_mlp_tangent tz_mlp_tangent_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    const size_t n = (size_t)B * (size_t)mlp->n_hidden;
    tz_mlp_tangent tangent;
    tangent.t1 = tz_take(cursor, n);
    tangent.t2 = tz_take(cursor, n);
    tangent.e1 = tz_take(cursor, n);
    tangent.e2 = tz_take(cursor, n);
    return tangent;
}

void tz_mlp_gradient(const tz_mlp *mlp, tz_real *gx, const tz_mlp_delta *delta,
                     const tz_mlp_tape *tape, tz_real *scratch, const tz_real *c, int B) {
    const int h = mlp->n_hidden, ld_in = mlp->ld_in;
    const size_t n = (size_t)B * (size_t)h;
    tz_real *h_bar = tz_take(&scratch, n); // (B, h)

    // d2 (B, h) from c (B, n_out) W3t (n_out, h)
    tz_gemm_nn(h_bar, c, mlp->W3t, B, h, mlp->n_out, mlp->ld_out, h, h, 0.0f);
    tz_tanh_backward_f32(delta->d2, h_bar, tape->h2, n);

    // d1 (B, h) from d2 (B, h) W2t (h, h)
    tz_gemm_nn(h_bar, delta->d2, mlp->W2t, B, h, h, h, h, h, 0.0f);
    tz_tanh_backward_f32(delta->d1, h_bar, tape->h1, n);

    // gx (B, ld_in) = d1 (B, h) W1t (h, ld_in)
    tz_gemm_nn(gx, delta->d1, mlp->W1t, B, ld_in, h, h, ld_in, ld_in, 0.0f);
}

void tz_mlp_gradient_tangent(const tz_mlp *mlp, tz_real *c_bar, const tz_mlp_tangent *tangent,
                             const tz_mlp_tape *tape, const tz_real *omega, int B) {
    const int h = mlp->n_hidden, ld_out = mlp->ld_out;
    const size_t n = (size_t)B * (size_t)h;

    // t1 (B, h) = omega (B, n_in) W1 (n_in, h)
    tz_gemm_nn(tangent->t1, omega, mlp->W1, B, h, mlp->n_in, mlp->ld_in, h, h, 0.0f);
    tz_tanh_backward_f32(tangent->e1, tangent->t1, tape->h1, n);

    // t2 (B, h) = e1 (B, h) W2 (h, h)
    tz_gemm_nn(tangent->t2, tangent->e1, mlp->W2, B, h, h, h, h, h, 0.0f);
    tz_tanh_backward_f32(tangent->e2, tangent->t2, tape->h2, n);

    // c_bar (B, ld_out) = e2 (B, h) W3 (h, ld_out)
    if (c_bar != NULL) {
        tz_gemm_nn(c_bar, tangent->e2, mlp->W3, B, ld_out, h, h, ld_out, ld_out, 0.0f);
    }
}

// a_bar = h_bar (1 - h^2) - 2 h d t and b_bar (n) += its column sums; all (B, n).
TZ_VECTORISED static void backward_curved(tz_real *restrict a_bar, tz_real *restrict b_bar,
                                          const tz_real *h_bar, const tz_real *h, const tz_real *d,
                                          const tz_real *t, int B, int n) {
    for (int row = 0; row < B; row++) {
        for (int i = 0; i < n; i++) {
            const size_t at = (size_t)row * (size_t)n + (size_t)i;
            const tz_real a = h_bar[at] * (1.0f - h[at] * h[at]) - 2.0f * h[at] * d[at] * t[at];
            a_bar[at] = a;
            b_bar[i] += a;
        }
    }
}

void tz_mlp_gradient_backward(const tz_mlp *mlp, tz_real *xi_bar, tz_real *grad,
                              const tz_mlp_tape *tape, const tz_mlp_delta *delta,
                              const tz_mlp_tangent *tangent, tz_real *scratch, const tz_real *c,
                              const tz_real *omega, const tz_real *out_bar, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, out = mlp->n_out;
    const int ld_in = mlp->ld_in, ld_out = mlp->ld_out;
    const size_t n = (size_t)B * (size_t)h;
    tz_real *h_bar = tz_take(&scratch, n);          // (B, h)
    tz_real *a_bar = tz_take(&scratch, n);          // (B, h)
    tz_real *unread = tz_take(&scratch, (size_t)h); // bias gradients that nobody asked for

    // a2_bar (B, h), with h2_bar (B, h) = out_bar (B, n_out) W3t (n_out, h)
    if (out_bar != NULL) {
        tz_gemm_nn(h_bar, out_bar, mlp->W3t, B, h, out, ld_out, h, h, 0.0f);
    } else {
        memset(h_bar, 0, n * sizeof *h_bar);
    }
    backward_curved(a_bar, grad != NULL ? grad + mlp->b2_at : unread, h_bar, tape->h2, delta->d2,
                    tangent->t2, B, h);
    if (grad != NULL) {
        // W3_bar (h, n_out) += e2^T c + h2^T out_bar, W2_bar (h, h) += e1^T d2 + h1^T a2_bar
        tz_gemm_tn(grad + mlp->W3_at, tangent->e2, c, h, out, B, h, ld_out, out, 1.0f);
        if (out_bar != NULL) {
            tz_gemm_tn(grad + mlp->W3_at, tape->h2, out_bar, h, out, B, h, ld_out, out, 1.0f);
            tz_add_column_sums(grad + mlp->b3_at, out_bar, B, out, ld_out);
        }
        tz_gemm_tn(grad + mlp->W2_at, tangent->e1, delta->d2, h, h, B, h, h, h, 1.0f);
        tz_gemm_tn(grad + mlp->W2_at, tape->h1, a_bar, h, h, B, h, h, h, 1.0f);
    }

    // a1_bar (B, h), with h1_bar (B, h) = a2_bar (B, h) W2t (h, h)
    tz_gemm_nn(h_bar, a_bar, mlp->W2t, B, h, h, h, h, h, 0.0f);
    backward_curved(a_bar, grad != NULL ? grad + mlp->b1_at : unread, h_bar, tape->h1, delta->d1,
                    tangent->t1, B, h);
    if (grad != NULL) {
        // W1_bar (n_in, h) += omega^T d1 + xi^T a1_bar
        tz_gemm_tn(grad + mlp->W1_at, omega, delta->d1, in, h, B, ld_in, h, h, 1.0f);
        tz_gemm_tn(grad + mlp->W1_at, tape->xi, a_bar, in, h, B, ld_in, h, h, 1.0f);
    }

    // xi_bar (B, ld_in) = a1_bar (B, h) W1t (h, ld_in)
    tz_gemm_nn(xi_bar, a_bar, mlp->W1t, B, ld_in, h, h, ld_in, ld_in, 0.0f);
}
