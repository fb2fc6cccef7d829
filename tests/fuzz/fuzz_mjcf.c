// libFuzzer target: any bytes as an MJCF file pass the check that comes before MuJoCo's parser or
// are refused with a sentence, and any text as a reward is parsed and evaluated or refused.
#include "envs/expression.h"
#include "envs/mjcf_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tz_status refuse_file(void *context, const tz_mjcf_reference *reference, tz_error *error) {
    (void)context;
    return tz_fail(error, TZ_ERR_IO, "%.100s: not here", reference->file);
}

// The sum of squares is the library's; the target does without the rest of it.
double tz_control_cost(const double *u, int nu) {
    double sum = 0.0;
    for (int i = 0; i < nu; i++) {
        sum += u[i] * u[i];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    tz_error error = {0};
    if (tz_mjcf_check_text(text, size, "input", 1.0, &(double){0.0}, refuse_file, NULL, &error) !=
            TZ_OK &&
        error.text[0] == '\0') {
        abort();
    }

    // one coordinate "x", one velocity, one actuator, no sensors
    static mjModel *model;
    static tz_task task = {
        .nq = 1, .nv = 1, .nu = 1, .dt_s = 0.01, .coordinate_name = {"x"}, .velocity_name = {"x"}};
    if (model == NULL) {
        char complaint[256];
        char slide[] = "/tmp/trapeze-fuzz-XXXXXX.xml";
        const int fd = mkstemps(slide, 4);
        FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (file == NULL) {
            abort();
        }
        fputs("<mujoco><worldbody><body><joint name='x' type='slide'/><geom size='1'/></body>"
              "</worldbody><actuator><motor name='m' joint='x'/></actuator><sensor>"
              "<jointpos name='s' joint='x'/></sensor></mujoco>",
              file);
        fclose(file);
        model = mj_loadXML(slide, NULL, complaint, sizeof complaint);
        unlink(slide);
        if (model == NULL) {
            abort();
        }
    }
    static tz_expression e;
    error.text[0] = '\0';
    if (tz_expression_parse(&e, text, "trapeze_reward", "input", &task, model, &error) == TZ_OK) {
        const double z[2] = {0.5, -0.5}, m[1] = {0.25}, u[1] = {2.0};
        volatile double value =
            tz_expression_value(&e, &task, (tz_moment){z, m}, u, (tz_moment){z, m});
        (void)value;
    } else if (error.text[0] == '\0') {
        abort();
    }
    free(text);
    return 0;
}
