// Derivation, for one row, products elementwise where no matrix stands between. With a_l the
// arguments of tanh, h_l the hidden units, l = 1 .. L, and h_0 = xi, the gradient is
//
//     d_L = (c W_{L+1}^T)(1 - h_L^2),   d_l = (d_{l+1} W_{l+1}^T)(1 - h_l^2),   gx = d_1 W_1^T
//
// Its backward for the adjoint omega of gx. The adjoints of the d_l go forward through the
// network: they are the tangents of the a_l along omega,
//
//     t_1 = omega W_1,   e_l = t_l (1 - h_l^2),   t_{l+1} = e_l W_{l+1},   c_bar = e_L W_{L+1}
//     W_1_bar = omega^T d_1,   W_{l+1}_bar = e_l^T d_{l+1},   W_{L+1}_bar = e_L^T c
//
// The factors 1 - h^2 depend on h too: with d_l = g_l (1 - h_l^2), the adjoint of h_l from there is
// -2 h_l g_l t_l, and through tanh that of a_l is -2 h_l g_l t_l (1 - h_l^2) = -2 h_l d_l t_l.
// Together with the adjoint out_bar of the outputs,
//
//     a_L_bar = (out_bar W_{L+1}^T)(1 - h_L^2) - 2 h_L d_L t_L
//     a_l_bar = (a_{l+1}_bar W_{l+1}^T)(1 - h_l^2) - 2 h_l d_l t_l,   xi_bar = a_1_bar W_1^T
//     W_l_bar += h_{l-1}^T a_l_bar,   W_{L+1}_bar += h_L^T out_bar
//     b_l_bar += a_l_bar,   b_{L+1}_bar += out_bar
//
// With W weights this costs 4W for outputs and gradient and 8W for the backward: 12W.
#include "models/mlp_gradient.h"

#include "base/vectorise.h"
#include "models/kernels.h"

#include <string.h>

size_t tz_mlp_delta_size(const tz_mlp *mlp, int B) {
    return (size_t)mlp->n_layers * tz_round_line((size_t)B * (size_t)mlp->n_hidden);
}

tz_mlp_delta tz_mlp_delta_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    tz_mlp_delta delta;
    for (int l = 0; l < mlp->n_layers; l++) {
        delta.d[l] = tz_take(cursor, (size_t)B * (size_t)mlp->n_hidden);
    }
    return delta;
}

size_t tz_mlp_tangent_size(const tz_mlp *mlp, int B) {
    return 2 * tz_mlp_delta_size(mlp, B);
}

tz_mlp_tangent tz_mlp_tangent_take(const tz_mlp *mlp, tz_real **cursor, int B) {
    const size_t n = (size_t)B * (size_t)mlp->n_hidden;
    tz_mlp_tangent tangent;
    for (int l = 0; l < mlp->n_layers; l++) {
        tangent.t[l] = tz_take(cursor, n);
        tangent.e[l] = tz_take(cursor, n);
    }
    return tangent;
}

void tz_mlp_gradient(const tz_mlp *mlp, tz_real *gx, const tz_mlp_delta *delta,
                     const tz_mlp_tape *tape, tz_real *scratch, const tz_real *c, int B) {
    const int h = mlp->n_hidden, L = mlp->n_layers, ld_in = mlp->ld_in;
    const size_t n = (size_t)B * (size_t)h;
    tz_real *h_bar = tz_take(&scratch, n); // (B, h)

    // d_L (B, h) from c (B, n_out) Wt_{L+1} (n_out, h)
    tz_gemm_nn(h_bar, c, mlp->Wt[L], B, h, mlp->n_out, mlp->ld_out, h, h, 0.0f);
    tz_tanh_backward_f32(delta->d[L - 1], h_bar, tape->h[L - 1], n);

    // d_l (B, h) from d_{l+1} (B, h) Wt_{l+1} (h, h)
    for (int l = L - 1; l >= 1; l--) {
        tz_gemm_nn(h_bar, delta->d[l], mlp->Wt[l], B, h, h, h, h, h, 0.0f);
        tz_tanh_backward_f32(delta->d[l - 1], h_bar, tape->h[l - 1], n);
    }

    // gx (B, ld_in) = d_1 (B, h) Wt_1 (h, ld_in)
    tz_gemm_nn(gx, delta->d[0], mlp->Wt[0], B, ld_in, h, h, ld_in, ld_in, 0.0f);
}

void tz_mlp_gradient_tangent(const tz_mlp *mlp, tz_real *c_bar, const tz_mlp_tangent *tangent,
                             const tz_mlp_tape *tape, const tz_real *omega, int B) {
    const int h = mlp->n_hidden, L = mlp->n_layers, ld_out = mlp->ld_out;
    const size_t n = (size_t)B * (size_t)h;

    // t_1 (B, h) = omega (B, n_in) W_1 (n_in, h)
    tz_gemm_nn(tangent->t[0], omega, mlp->W[0], B, h, mlp->n_in, mlp->ld_in, h, h, 0.0f);
    tz_tanh_backward_f32(tangent->e[0], tangent->t[0], tape->h[0], n);

    // t_{l+1} (B, h) = e_l (B, h) W_{l+1} (h, h)
    for (int l = 1; l < L; l++) {
        tz_gemm_nn(tangent->t[l], tangent->e[l - 1], mlp->W[l], B, h, h, h, h, h, 0.0f);
        tz_tanh_backward_f32(tangent->e[l], tangent->t[l], tape->h[l], n);
    }

    // c_bar (B, ld_out) = e_L (B, h) W_{L+1} (h, ld_out)
    if (c_bar != NULL) {
        tz_gemm_nn(c_bar, tangent->e[L - 1], mlp->W[L], B, ld_out, h, h, ld_out, ld_out, 0.0f);
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
    const int in = mlp->n_in, h = mlp->n_hidden, L = mlp->n_layers, out = mlp->n_out;
    const int ld_in = mlp->ld_in, ld_out = mlp->ld_out;
    const size_t n = (size_t)B * (size_t)h;
    tz_real *h_bar = tz_take(&scratch, n);          // (B, h)
    tz_real *a_bar = tz_take(&scratch, n);          // (B, h)
    tz_real *unread = tz_take(&scratch, (size_t)h); // bias gradients that nobody asked for

    // h_L_bar (B, h) = out_bar (B, n_out) Wt_{L+1} (n_out, h)
    if (out_bar != NULL) {
        tz_gemm_nn(h_bar, out_bar, mlp->Wt[L], B, h, out, ld_out, h, h, 0.0f);
    } else {
        memset(h_bar, 0, n * sizeof *h_bar);
    }
    if (grad != NULL) {
        // W_{L+1}_bar (h, n_out) += e_L^T c + h_L^T out_bar
        tz_gemm_tn(grad + mlp->W_at[L], tangent->e[L - 1], c, h, out, B, h, ld_out, out, 1.0f);
        if (out_bar != NULL) {
            tz_gemm_tn(grad + mlp->W_at[L], tape->h[L - 1], out_bar, h, out, B, h, ld_out, out,
                       1.0f);
            tz_add_column_sums(grad + mlp->b_at[L], out_bar, B, out, ld_out);
        }
    }

    for (int l = L - 1; l >= 1; l--) {
        // a_bar (B, h), W_bar (h, h) += e_below^T d + h_below^T a_bar
        backward_curved(a_bar, grad != NULL ? grad + mlp->b_at[l] : unread, h_bar, tape->h[l],
                        delta->d[l], tangent->t[l], B, h);
        if (grad != NULL) {
            tz_real *W_bar = grad + mlp->W_at[l];
            tz_gemm_tn(W_bar, tangent->e[l - 1], delta->d[l], h, h, B, h, h, h, 1.0f);
            tz_gemm_tn(W_bar, tape->h[l - 1], a_bar, h, h, B, h, h, h, 1.0f);
        }
        // h_bar (B, h) = a_bar (B, h) Wt (h, h)
        tz_gemm_nn(h_bar, a_bar, mlp->Wt[l], B, h, h, h, h, h, 0.0f);
    }

    // a_1_bar (B, h), W_1_bar (n_in, h) += omega^T d_1 + xi^T a_1_bar
    backward_curved(a_bar, grad != NULL ? grad + mlp->b_at[0] : unread, h_bar, tape->h[0],
                    delta->d[0], tangent->t[0], B, h);
    if (grad != NULL) {
        tz_real *W_bar = grad + mlp->W_at[0];
        tz_gemm_tn(W_bar, omega, delta->d[0], in, h, B, ld_in, h, h, 1.0f);
        tz_gemm_tn(W_bar, tape->xi, a_bar, in, h, B, ld_in, h, h, 1.0f);
    }

    // xi_bar (B, ld_in) = a_1_bar (B, h) Wt_1 (h, ld_in)
    tz_gemm_nn(xi_bar, a_bar, mlp->Wt[0], B, ld_in, h, h, ld_in, ld_in, 0.0f);
}
