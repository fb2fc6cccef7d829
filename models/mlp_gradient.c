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
// From there on the way is that of the outputs' own backward, linear in the adjoints: the K
// weighted sums walk it as one, together with the adjoint out_bar of the outputs,
//
//     a_L_bar = (out_bar W_{L+1}^T)(1 - h_L^2) - 2 h_L sum_k d_L t_L
//     a_l_bar = (a_{l+1}_bar W_{l+1}^T)(1 - h_l^2) - 2 h_l sum_k d_l t_l,   xi_bar = a_1_bar W_1^T
//     W_l_bar += h_{l-1}^T a_l_bar,   W_{L+1}_bar += h_L^T out_bar
//     b_l_bar += a_l_bar,   b_{L+1}_bar += out_bar
//
// With W weights this costs 2W for the outputs and 2W for each gradient, 4W for the backward of
// each and 4W for that of all: 12W for one gradient.
#include "models/mlp_gradient.h"

#include "models/kernels.h"

size_t tz_mlp_delta_size(const tz_mlp *mlp, int rows) {
    return (size_t)rows * (size_t)(mlp->n_layers * mlp->ld_h);
}

tz_mlp_delta tz_mlp_delta_take(const tz_mlp *mlp, tz_real **cursor, int rows) {
    tz_mlp_delta delta;
    for (int l = 0; l < mlp->n_layers; l++) {
        delta.d[l] = tz_take(cursor, (size_t)rows * (size_t)mlp->ld_h);
    }
    return delta;
}

size_t tz_mlp_tangent_size(const tz_mlp *mlp, int rows) {
    return 2 * tz_mlp_delta_size(mlp, rows);
}

tz_mlp_tangent tz_mlp_tangent_take(const tz_mlp *mlp, tz_real **cursor, int rows) {
    const size_t n = (size_t)rows * (size_t)mlp->ld_h;
    tz_mlp_tangent tangent;
    for (int l = 0; l < mlp->n_layers; l++) {
        tangent.t[l] = tz_take(cursor, n);
        tangent.e[l] = tz_take(cursor, n);
    }
    return tangent;
}

void tz_mlp_gradient(const tz_mlp *mlp, tz_real *gx, const tz_mlp_delta *delta,
                     const tz_mlp_tape *tape, const tz_real *c, int K, int B) {
    const int h = mlp->n_hidden, L = mlp->n_layers, ld_in = mlp->ld_in, ld_h = mlp->ld_h;
    const size_t n = (size_t)B * (size_t)ld_h;
    for (size_t k = 0; k < (size_t)K; k++) {
        // d_L (B, h) from c (B, n_out) Wt_{L+1} (n_out, h)
        const tz_real *c_k = c + k * (size_t)(B * mlp->ld_out); // (B, ld_out)
        tz_layer_tanh_backward(delta->d[L - 1] + k * n, NULL, c_k, mlp->Wt[L], tape->h[L - 1], B, h,
                               mlp->n_out, mlp->ld_out, h, ld_h);

        // d_l (B, h) from d_{l+1} (B, h) Wt_{l+1} (h, h)
        for (int l = L - 1; l >= 1; l--) {
            tz_layer_tanh_backward(delta->d[l - 1] + k * n, NULL, delta->d[l] + k * n, mlp->Wt[l],
                                   tape->h[l - 1], B, h, h, ld_h, ld_h, ld_h);
        }
    }
    // gx (K B, n_in) = d_1 (K B, h) Wt_1 (h, n_in)
    tz_layer_linear(gx, delta->d[0], mlp->Wt[0], mlp->W[0], NULL, K * B, mlp->n_in, h, ld_h, ld_in,
                    ld_in);
}

void tz_mlp_gradient_tangent(const tz_mlp *mlp, tz_real *c_bar, const tz_mlp_tangent *tangent,
                             const tz_mlp_tape *tape, const tz_real *omega, int K, int B) {
    const int h = mlp->n_hidden, L = mlp->n_layers;
    const int ld_in = mlp->ld_in, ld_h = mlp->ld_h, ld_out = mlp->ld_out;
    const size_t n = (size_t)B * (size_t)ld_h;
    for (size_t k = 0; k < (size_t)K; k++) {
        // t_1 and e_1 (B, h) from omega (B, n_in) W_1 (n_in, h)
        tz_layer_tanh_tangent(tangent->t[0] + k * n, tangent->e[0] + k * n,
                              omega + k * (size_t)(B * ld_in), mlp->W[0], tape->h[0], B, h,
                              mlp->n_in, ld_in, h, ld_h);

        // t_{l+1} and e_{l+1} (B, h) from e_l (B, h) W_{l+1} (h, h)
        for (int l = 1; l < L; l++) {
            tz_layer_tanh_tangent(tangent->t[l] + k * n, tangent->e[l] + k * n,
                                  tangent->e[l - 1] + k * n, mlp->W[l], tape->h[l], B, h, h, ld_h,
                                  ld_h, ld_h);
        }
    }
    // c_bar (K B, n_out) = e_L (K B, h) W_{L+1} (h, n_out)
    if (c_bar != NULL) {
        tz_layer_linear(c_bar, tangent->e[L - 1], mlp->W[L], mlp->Wt[L], NULL, K * B, mlp->n_out, h,
                        ld_h, ld_out, ld_out);
    }
}

void tz_mlp_gradient_backward(const tz_mlp *mlp, tz_real *xi_bar, tz_real *grad,
                              const tz_mlp_tape *tape, const tz_mlp_delta *delta,
                              const tz_mlp_tangent *tangent, tz_real *scratch, const tz_real *c,
                              const tz_real *omega, const tz_real *out_bar, int K, int B) {
    const int in = mlp->n_in, h = mlp->n_hidden, L = mlp->n_layers, out = mlp->n_out, rows = K * B;
    const int ld_in = mlp->ld_in, ld_h = mlp->ld_h, ld_out = mlp->ld_out;
    const bool has_grad = grad != NULL;
    tz_real *a_bar = tz_take(&scratch, (size_t)B * (size_t)ld_h); // (B, ld_h)
    tz_real *below = tz_take(&scratch, (size_t)B * (size_t)ld_h); // of the layer below (B, ld_h)

    // a_L_bar (B, h) from out_bar (B, n_out) Wt_{L+1} (n_out, h); without out_bar a sum of no terms
    tz_layer_tanh_curved(a_bar, has_grad ? grad + mlp->b_at[L - 1] : NULL, out_bar, mlp->Wt[L],
                         tape->h[L - 1], delta->d[L - 1], tangent->t[L - 1], K, B, h,
                         out_bar != NULL ? out : 0, ld_out, h, ld_h);
    if (has_grad) {
        // W_{L+1}_bar (h, n_out) += e_L^T c + h_L^T out_bar
        const tz_mlp_outputs_bar bar = tz_mlp_outputs_bar_begin(mlp, grad, scratch);
        tz_layer_gradient(bar.W, tangent->e[L - 1], c, h, out, rows, ld_h, ld_out, bar.ld);
        if (out_bar != NULL) {
            tz_layer_gradient(bar.W, tape->h[L - 1], out_bar, h, out, B, ld_h, ld_out, bar.ld);
            tz_layer_column_sums(bar.b, out_bar, B, out, ld_out);
        }
        tz_mlp_outputs_bar_end(mlp, grad, &bar);
    }

    for (int l = L - 1; l >= 1; l--) {
        // W_bar (h, h) += e_below^T d + h_below^T a_bar
        if (has_grad) {
            tz_real *W_bar = grad + mlp->W_at[l];
            tz_layer_gradient(W_bar, tangent->e[l - 1], delta->d[l], h, h, rows, ld_h, ld_h, h);
            tz_layer_gradient(W_bar, tape->h[l - 1], a_bar, h, h, B, ld_h, ld_h, h);
        }
        // a_bar (B, h) of the layer below from a_bar (B, h) Wt (h, h)
        tz_layer_tanh_curved(below, has_grad ? grad + mlp->b_at[l - 1] : NULL, a_bar, mlp->Wt[l],
                             tape->h[l - 1], delta->d[l - 1], tangent->t[l - 1], K, B, h, h, ld_h,
                             ld_h, ld_h);
        tz_real *above = a_bar;
        a_bar = below;
        below = above;
    }

    // W_1_bar (n_in, h) += omega^T d_1 + xi^T a_1_bar
    if (has_grad) {
        tz_real *W_bar = grad + mlp->W_at[0];
        tz_layer_gradient(W_bar, omega, delta->d[0], in, h, rows, ld_in, ld_h, h);
        tz_layer_gradient(W_bar, tape->xi, a_bar, in, h, B, ld_in, ld_h, h);
    }

    // xi_bar (B, n_in) = a_1_bar (B, h) Wt_1 (h, n_in)
    tz_layer_linear(xi_bar, a_bar, mlp->Wt[0], mlp->W[0], NULL, B, in, h, ld_h, ld_in, ld_in);
}
