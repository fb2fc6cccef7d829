#include "paper/metrics.h"

#include "base/memory.h"
#include "train/evaluation.h"

#include <math.h>
#include <string.h>

static const double SMALLEST = 1e-7; // of a relative error

void tz_code_offsets(double *offset, const tz_test_rollouts *rollouts) {
    const tz_test_rollouts *r = rollouts;
    const size_t n = (size_t)r->n, nq = (size_t)r->nq, nz = 2 * nq;
    memset(offset, 0, n * nq * sizeof *offset);
    for (size_t k = 1; k < n; k++) {
        const float *last = r->z + ((size_t)(r->T - 1) * n + k - 1) * nz; // (nz)
        const float *first = r->z + k * nz;                               // (nz)
        for (size_t i = 0; i < nq; i++) {
            if (r->angular[i]) {
                const double jump = first[i] - (last[i] + offset[(k - 1) * nq + i]);
                offset[k * nq + i] = -2.0 * M_PI * round(jump / (2.0 * M_PI));
            }
        }
    }
}

// |a - b| / (|a| + |b|) of two numbers or norms, bounded below; 1 when it is not a number.
static double log_relative(double difference, double sum) {
    if (!isfinite(difference) || !isfinite(sum)) {
        return 0.0;
    }
    return log(fmax(sum > 0.0 ? difference / sum : 0.0, SMALLEST));
}

// log max(r, 1e-7) of a state, both states moved by `offset` (nq; Nullable).
static double log_error(const float *zhat, const float *z, const double *offset, int nq) {
    double d2 = 0.0, zhat2 = 0.0, z2 = 0.0;
    for (int i = 0; i < 2 * nq; i++) {
        const double shift = offset != NULL && i < nq ? offset[i] : 0.0;
        const double a = zhat[i] + shift, b = z[i] + shift;
        d2 += (a - b) * (a - b);
        zhat2 += a * a;
        z2 += b * b;
    }
    return log_relative(sqrt(d2), sqrt(zhat2) + sqrt(z2));
}

// log max(h, 1e-7) of a state.
static double log_violation(double (*energy)(const void *system, const double *z),
                            const void *system, const double *zhat, const double *z) {
    const double Hhat = energy(system, zhat), H = energy(system, z);
    return log_relative(fabs(Hhat - H), fabs(Hhat) + fabs(H));
}

// Squared error of a rollout, summed over times and components; false when it diverged.
static bool squared_error(double *sum, const tz_test_rollouts *r, size_t k) {
    const size_t n = (size_t)r->n, nz = 2 * (size_t)r->nq;
    *sum = 0.0;
    for (size_t t = 0; t < (size_t)r->T; t++) {
        const float *zhat = r->zhat + (t * n + k) * nz, *z = r->z + (t * n + k) * nz;
        for (size_t i = 0; i < nz; i++) {
            const double e = (double)zhat[i] - z[i];
            if (!isfinite(e) || fabs(e) > TZ_DIVERGED_SIGMAS * r->z_std[i]) {
                return false;
            }
            *sum += e * e;
        }
    }
    return true;
}

static void widen(double *z, const float *narrow, int nz) {
    for (int i = 0; i < nz; i++) {
        z[i] = narrow[i];
    }
}

// Sums of a time over the rollouts.
typedef struct time_sums {
    double error, error_code, energy, energy_code;
    double curve, curve2; // of log h over the curve's rollouts, and of its square
} time_sums;

static time_sums measure_time(const tz_test_rollouts *r, const double *offset, double *work,
                              size_t t) {
    const size_t n = (size_t)r->n, nq = (size_t)r->nq, nz = 2 * nq;
    double *zhat_d = work, *z_d = work + nz; // (nz)
    time_sums sums = {0};
    for (size_t k = 0; k < n; k++) {
        const float *zhat = r->zhat + (t * n + k) * nz, *z = r->z + (t * n + k) * nz;
        sums.error += log_error(zhat, z, NULL, r->nq);
        sums.error_code += log_error(zhat, z, offset + k * nq, r->nq);
        widen(zhat_d, zhat, 2 * r->nq);
        widen(z_d, z, 2 * r->nq);
        const double log_h = log_violation(r->energy, r->system, zhat_d, z_d);
        sums.energy += log_h;
        if (r->energy_code != NULL) {
            sums.energy_code += log_violation(r->energy_code, r->system, zhat_d, z_d);
        }
        if (k < TZ_CURVE_ROLLOUTS) {
            sums.curve += log_h;
            sums.curve2 += log_h * log_h;
        }
    }
    return sums;
}

tz_status tz_measure_rollouts(tz_rollout_metrics *metrics, const tz_test_rollouts *rollouts,
                              double *curve_mean, double *curve_std, tz_error *error) {
    const tz_test_rollouts *r = rollouts;
    const size_t n = (size_t)r->n, nq = (size_t)r->nq;
    double *offset = tz_alloc(n * nq + 4 * nq, sizeof *offset); // (n, nq), then two states
    if (offset == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: measuring %d rollouts", r->n);
    }
    tz_code_offsets(offset, r);

    // errors and energies, a time after the other
    time_sums all = {0};
    double error_t0 = 0.0;
    const double n_curve = r->n < TZ_CURVE_ROLLOUTS ? r->n : TZ_CURVE_ROLLOUTS;
    for (int t = 0; t < r->T; t++) {
        const time_sums now = measure_time(r, offset, offset + n * nq, (size_t)t);
        error_t0 = t == 0 ? now.error : error_t0;
        all.error += now.error;
        all.error_code += now.error_code;
        all.energy += now.energy;
        all.energy_code += now.energy_code;
        if (curve_mean != NULL && curve_std != NULL) {
            curve_mean[t] = now.curve / n_curve;
            curve_std[t] = sqrt(fmax(now.curve2 / n_curve - curve_mean[t] * curve_mean[t], 0.0));
        }
    }
    tz_free(offset);
    const double count = (double)r->n * r->T;
    *metrics = (tz_rollout_metrics){
        .rollout_error = exp(all.error / count),
        .rollout_error_no_t0 = exp((all.error - error_t0) / (count - r->n)),
        .rollout_error_code = exp(all.error_code / count),
        .energy = exp(all.energy / count),
        .energy_code = r->energy_code != NULL ? exp(all.energy_code / count) : NAN,
    };

    // squared errors, a rollout after the other
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        double of_rollout = 0.0;
        if (squared_error(&of_rollout, r, k)) {
            sum += of_rollout;
        } else {
            metrics->n_diverged++;
        }
    }
    const int n_good = r->n - metrics->n_diverged;
    metrics->mse = n_good > 0 ? sum / ((double)n_good * r->T * 2 * r->nq) : NAN;
    return TZ_OK;
}
