#include "train/optimiser.h"

#include "base/denormals.h"
#include "base/memory.h"
#include "base/vectorise.h"

#include <math.h>

tz_status tz_adam_create(tz_adam *adam, size_t n, tz_error *error) {
    *adam = (tz_adam){.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .n = n};
    adam->m = tz_alloc(n, sizeof *adam->m);
    adam->v = tz_alloc(n, sizeof *adam->v);
    if (adam->m == NULL || adam->v == NULL) {
        tz_adam_destroy(adam);
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: moments of %zu parameters", n);
    }
    return TZ_OK;
}

void tz_adam_destroy(tz_adam *adam) {
    tz_free(adam->m);
    tz_free(adam->v);
    *adam = (tz_adam){0};
}

TZ_VECTORISED static void update(float *restrict theta, float *restrict m, float *restrict v,
                                 const float *restrict grad, size_t n, tz_adam_step f) {
    for (size_t i = 0; i < n; i++) {
        const float g = f.grad_scale * grad[i] + f.weight_decay * theta[i];
        m[i] = f.beta1 * m[i] + f.one_minus_beta1 * g;
        v[i] = f.beta2 * v[i] + f.one_minus_beta2 * g * g;
        theta[i] = f.keep * theta[i] - f.step * m[i] / (sqrtf(v[i]) / f.sqrt_v_bias + f.epsilon);
    }
}

tz_adam_step tz_adam_next(tz_adam *adam, double grad_scale, double lr) {
    adam->t++;
    const double t = (double)adam->t;
    return (tz_adam_step){
        .grad_scale = (float)grad_scale,
        .weight_decay = adam->decoupled ? 0.0f : (float)adam->weight_decay,
        .keep = adam->decoupled ? (float)(1.0 - lr * adam->weight_decay) : 1.0f,
        .beta1 = (float)adam->beta1,
        .one_minus_beta1 = (float)(1.0 - adam->beta1),
        .beta2 = (float)adam->beta2,
        .one_minus_beta2 = (float)(1.0 - adam->beta2),
        .step = (float)(lr / (1.0 - pow(adam->beta1, t))),
        .sqrt_v_bias = (float)sqrt(1.0 - pow(adam->beta2, t)),
        .epsilon = (float)adam->epsilon,
    };
}

void tz_adam_update_piece(const tz_adam *adam, float *theta, const float *grad, size_t first,
                          size_t n, const tz_adam_step *step) {
    update(theta + first, adam->m + first, adam->v + first, grad + first, n, *step);
}

void tz_adam_update(tz_adam *adam, float *theta, const float *grad, double grad_scale, double lr) {
    const tz_adam_step step = tz_adam_next(adam, grad_scale, lr);
    const unsigned mode = tz_denormals_off();
    tz_adam_update_piece(adam, theta, grad, 0, adam->n, &step);
    tz_denormals_restore(mode);
}

// Sixteen running sums, so that the sum's order is fixed and a vector register holds them.
TZ_VECTORISED static double sum_of_squares(const float *x, size_t n) {
    enum { LANES = 16 };
    double sum[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sum[lane] += (double)x[i + lane] * (double)x[i + lane];
        }
    }
    for (size_t lane = 0; i < n; i++, lane++) {
        sum[lane] += (double)x[i] * (double)x[i];
    }
    double total = 0.0;
    for (size_t lane = 0; lane < LANES; lane++) {
        total += sum[lane];
    }
    return total;
}

double tz_norm_f32(const float *x, size_t n) {
    return sqrt(sum_of_squares(x, n));
}

double tz_clip_scale(double norm, double max_norm) {
    return max_norm > 0.0 && norm > max_norm ? max_norm / norm : 1.0;
}

double tz_cosine_lr(double lr, double lr_end, int epoch, int n_epochs) {
    return lr_end + (lr - lr_end) * 0.5 * (1.0 + cos(M_PI * epoch / n_epochs));
}

double tz_cosine_floor_lr(double lr, double floor, double epoch, int n_epochs) {
    return lr * fmax(0.5 * (1.0 + cos(M_PI * epoch / n_epochs)), floor);
}
