#include "policies/export_c.h"

#include "base/file.h"
#include "base/run_folder.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- arrays

static void print_real(FILE *out, double x) {
    if (isinf(x)) {
        fprintf(out, x < 0.0 ? "-INFINITY" : "INFINITY");
    } else {
        fprintf(out, "%.17g", x);
    }
}

static void print_reals(FILE *out, const char *name, const double *x, int n) {
    fprintf(out, "static const double %s[%d] = {", name, n);
    for (int i = 0; i < n; i++) {
        fprintf(out, i % 8 == 0 ? "\n    " : " ");
        print_real(out, x[i]);
        fprintf(out, ",");
    }
    fprintf(out, "\n};\n");
}

static void print_ints(FILE *out, const char *name, const int *x, int n) {
    fprintf(out, "static const int %s[%d] = {", name, n);
    for (int i = 0; i < n; i++) {
        fprintf(out, i % 16 == 0 ? "\n    %d," : " %d,", x[i]);
    }
    fprintf(out, "\n};\n");
}

// Nine digits give back every float; with an exponent it is a floating constant without a point
// too.
static void print_float(FILE *out, size_t i, float x) {
    fprintf(out, i % 8 == 0 ? "\n    %.8ef," : " %.8ef,", (double)x);
}

// Columns 0 .. n - 1 of a layer's weight, as (n, n_in), and bias.
static void print_layer(FILE *out, const tz_network *net, int layer, int n) {
    const int n_in = tz_network_n_in(net, layer), n_out = net->n_out[layer];
    fprintf(out, "static const float W%d[%d * %d] = {", layer, n, n_in);
    size_t k = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n_in; j++) {
            print_float(out, k++, net->W[layer][(size_t)j * (size_t)n_out + (size_t)i]);
        }
    }
    fprintf(out, "\n};\nstatic const float b%d[%d] = {", layer, n);
    for (int i = 0; i < n; i++) {
        print_float(out, (size_t)i, net->b[layer][i]);
    }
    fprintf(out, "\n};\n");
}

// ---- the parts of the file

// A name in a comment, which it neither ends nor begins again.
static void print_name(FILE *out, const char *name) {
    for (char before = ' '; *name != '\0'; before = *name++) {
        const bool marks = (before == '*' && *name == '/') || (before == '/' && *name == '*');
        fprintf(out, "%s%c", marks ? " " : "", iscntrl((unsigned char)*name) ? ' ' : *name);
    }
}

static void print_head(FILE *out, const tz_actor *actor, const tz_task *task, const char *name) {
    const bool is_state = actor->layout.source == TZ_OBSERVATION_STATE;
    fprintf(out, "/* Policy '");
    print_name(out, name);
    fprintf(out, "' of environment '");
    print_name(out, task->name);
    fprintf(out,
            "', written by %s.\n"
            " *\n"
            " *     void policy_control(double *u, const double *source);\n"
            " *\n"
            " * writes the deterministic control u (%d) at source (%d): %s.\n"
            " * C99; link with -lm. No state, no allocation: safe to call from any thread.\n"
            " */\n"
            "#include <math.h>\n\n"
            "void policy_control(double *u, const double *source);\n\n",
            tz_version(), task->nu, is_state ? tz_task_nz(task) : task->n_gym_observation,
            is_state ? "positions, then velocities, as MuJoCo's qpos and qvel"
                     : "Gymnasium's observation");
}

static void print_tables(FILE *out, const tz_actor *actor, int nu) {
    const tz_observation_layout *layout = &actor->layout;
    const tz_normaliser *normaliser = &actor->normaliser;
    const tz_network *net = &actor->net;
    fprintf(out, "/* what the policy sees of the source, and the bounds it is clipped to */\n");
    print_ints(out, "observation_index", layout->index, layout->n);
    print_reals(out, "observation_low", layout->low, layout->n);
    print_reals(out, "observation_high", layout->high, layout->n);
    if (normaliser->n > 0) {
        fprintf(out, "\n/* normaliser of the observation */\n");
        print_reals(out, "mean", normaliser->mean, normaliser->n);
        print_reals(out, "var", normaliser->var, normaliser->n);
    }
    fprintf(out, "\n/* range of the control */\n");
    print_reals(out, "control_low", actor->control_low, nu);
    print_reals(out, "control_high", actor->control_high, nu);
    fprintf(out, "\n/* layers: weights (outputs, inputs) */\n");
    for (int layer = 0; layer < net->n_layers; layer++) {
        print_layer(out, net, layer, layer == net->n_layers - 1 ? nu : net->n_out[layer]);
    }
}

static void print_functions(FILE *out, const tz_actor *actor) {
    fprintf(out, "\nstatic double clip(double x, double low, double high) {\n"
                 "    return x < low ? low : x > high ? high : x;\n"
                 "}\n\n");
    if (actor->net.n_layers > 1) {
        fprintf(out, "static double activation(double x) {\n    return %s;\n}\n\n",
                actor->net.activation == TZ_NETWORK_RELU ? "x > 0.0 ? x : 0.0" : "(float)tanh(x)");
    }
    fprintf(
        out,
        "/* y (n) = W (n, n_in) x + b, rounded to float after each term as a fused product is */\n"
        "static void layer(double *y, const float *W, const float *b, const double *x, int n, "
        "int n_in) {\n"
        "    for (int i = 0; i < n; i++) {\n"
        "        float sum = 0.0f;\n"
        "        for (int j = 0; j < n_in; j++) {\n"
        "            sum = (float)(sum + (double)W[i * n_in + j] * x[j]);\n"
        "        }\n"
        "        y[i] = sum + b[i];\n"
        "    }\n"
        "}\n\n");
}

static void print_control(FILE *out, const tz_actor *actor, int nu) {
    const tz_network *net = &actor->net;
    const int last = net->n_layers - 1;
    fprintf(out, "void policy_control(double *u, const double *source) {\n    double h0[%d];\n",
            net->n_in);
    for (int layer = 0; layer <= last; layer++) {
        fprintf(out, "    double h%d[%d];\n", layer + 1, layer == last ? nu : net->n_out[layer]);
    }
    fprintf(out,
            "    for (int i = 0; i < %d; i++) {\n"
            "        h0[i] = clip(source[observation_index[i]], observation_low[i], "
            "observation_high[i]);\n",
            net->n_in);
    if (actor->normaliser.n > 0) {
        fprintf(out, "        h0[i] = clip((h0[i] - mean[i]) / sqrt(var[i] + ");
        print_real(out, actor->normaliser.epsilon);
        fprintf(out, "), -");
        print_real(out, actor->normaliser.clip);
        fprintf(out, ", ");
        print_real(out, actor->normaliser.clip);
        fprintf(out, ");\n");
    }
    fprintf(out, "        h0[i] = (float)h0[i];\n    }\n");
    for (int layer = 0; layer <= last; layer++) {
        const int n = layer == last ? nu : net->n_out[layer];
        fprintf(out, "    layer(h%d, W%d, b%d, h%d, %d, %d);\n", layer + 1, layer, layer, layer, n,
                tz_network_n_in(net, layer));
        if (layer < last) {
            fprintf(out,
                    "    for (int i = 0; i < %d; i++) {\n        h%d[i] = activation(h%d[i]);\n"
                    "    }\n",
                    n, layer + 1, layer + 1);
        }
    }
    fprintf(out, "    for (int j = 0; j < %d; j++) {\n        const double x = ", nu);
    fprintf(out,
            actor->output == TZ_ACTOR_CLIPPED ? "h%d[j]"
                                              : "control_low[j] + 0.5 * (tanh(h%d[j]) + 1.0) "
                                                "* (control_high[j] - control_low[j])",
            last + 1);
    fprintf(out, ";\n        u[j] = clip(x, control_low[j], control_high[j]);\n    }\n}\n");
}

tz_status tz_actor_write_c(const char *path, const tz_actor *actor, const tz_task *task,
                           const char *name, tz_error *error) {
    char temporary[TZ_PATH_MAX];
    TZ_CHECK(tz_file_begin(path, temporary, error));
    FILE *out = fopen(temporary, "w");
    bool written = out != NULL;
    if (out != NULL) {
        print_head(out, actor, task, name);
        print_tables(out, actor, task->nu);
        print_functions(out, actor);
        print_control(out, actor, task->nu);
        written = !ferror(out);
        // close can be the call that finds the disk full
        written = fclose(out) == 0 && written;
    }
    if (!written) {
        const tz_status status =
            tz_fail(error, TZ_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        tz_file_abandon(temporary);
        return status;
    }
    return tz_file_commit(temporary, path, error);
}
