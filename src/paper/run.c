#include "paper/run.h"

#include "base/json.h"
#include "base/run_folder.h"

#include <json-c/json.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char FORMAT[] = "trapeze-study-run-1";

// ---- names

static const char *loss_name(tz_loss loss) {
    return loss == TZ_LOSS_L1 ? "l1" : "l2";
}

void tz_run_name(char name[TZ_RUN_NAME_MAX], const tz_study_run *run) {
    char weight[48] = "";
    if (run->symplectic > 0.0) {
        snprintf(weight, sizeof weight, "_w%g", run->symplectic);
    }
    snprintf(name, TZ_RUN_NAME_MAX, "%s_%s_h%d_e%d_%s_lr%g%s_n%d_s%d", run->system, run->model,
             run->n_hidden, run->epochs, loss_name(run->loss), run->lr, weight, run->n_systems,
             run->seed);
}

bool tz_run_equal(const tz_study_run *a, const tz_study_run *b) {
    return a->protocol == b->protocol && strcmp(a->system, b->system) == 0 &&
           strcmp(a->model, b->model) == 0 && a->n_hidden == b->n_hidden &&
           a->epochs == b->epochs && a->loss == b->loss && a->lr == b->lr &&
           a->symplectic == b->symplectic && a->n_systems == b->n_systems && a->seed == b->seed;
}

int tz_run_evaluations(const tz_study_run *run) {
    enum { EVALUATIONS = 20, ROBOT_EPOCHS = 8 };
    // a test on a robot costs a fifth of an epoch of training
    const int most = run->protocol == TZ_PROTOCOL_ROBOT ? run->epochs / ROBOT_EPOCHS : run->epochs;
    return most < 1 ? 1 : most < EVALUATIONS ? most : EVALUATIONS;
}

// ---- the file: one object whose numbers are these

#define NUMBER(field)                                                                              \
    { #field, offsetof(tz_study_result, field) }
static const struct {
    const char *key;
    size_t at;
} numbers[] = {
    NUMBER(train_loss),
    NUMBER(rollout_error),
    NUMBER(rollout_error_no_t0),
    NUMBER(rollout_error_code),
    NUMBER(rollout_error_stays),
    NUMBER(test_mse),
    NUMBER(test_median),
    NUMBER(energy),
    NUMBER(energy_code),
    NUMBER(symplectic_error),
    NUMBER(rollout_error_min),
    NUMBER(test_mse_min),
    NUMBER(seconds),
    NUMBER(flops),
};

static void add_curve(struct json_object *object, const char *key, const double *x) {
    struct json_object *array = json_object_new_array_ext(TZ_CURVE_TIMES);
    for (int t = 0; t < TZ_CURVE_TIMES; t++) {
        json_object_array_add(array, tz_json_real(x[t]));
    }
    json_object_object_add(object, key, array);
}

tz_status tz_result_write(const char *path, const tz_study_result *result, tz_error *error) {
    char name[TZ_RUN_NAME_MAX];
    tz_run_name(name, &result->run);
    struct json_object *object = json_object_new_object();
    tz_json_add_text(object, "format", FORMAT);
    tz_json_add_text(object, "version", tz_version());
    tz_json_add_text(object, "run", name);
    tz_json_add_bool(object, "finite", result->finite);
    tz_json_add_int(object, "parameters", result->parameters);
    tz_json_add_int(object, "diverged", result->diverged);
    tz_json_add_text(object, "source", result->source);
    for (size_t i = 0; i < TZ_COUNTOF(numbers); i++) {
        double value = 0.0;
        memcpy(&value, (const char *)result + numbers[i].at, sizeof value);
        tz_json_add_real(object, numbers[i].key, value);
    }
    add_curve(object, "curve_mean", result->curve_mean);
    add_curve(object, "curve_std", result->curve_std);
    const tz_status status = tz_json_write(path, object, error);
    json_object_put(object);
    return status;
}

// The member of this type, NULL when there is none.
static struct json_object *member(struct json_object *object, const char *key,
                                  enum json_type type) {
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type)
               ? value
               : NULL;
}

static bool read_curve(struct json_object *object, const char *key, double *x) {
    struct json_object *array = member(object, key, json_type_array);
    if (array == NULL || json_object_array_length(array) != TZ_CURVE_TIMES) {
        return false;
    }
    bool good = true;
    for (size_t t = 0; t < TZ_CURVE_TIMES; t++) {
        struct json_object *value = json_object_array_get_idx(array, t);
        good = good && json_object_is_type(value, json_type_double);
        x[t] = json_object_get_double(value);
    }
    return good;
}

static bool read_values(struct json_object *object, tz_study_result *result) {
    struct json_object *finite = member(object, "finite", json_type_boolean);
    struct json_object *parameters = member(object, "parameters", json_type_int);
    struct json_object *diverged = member(object, "diverged", json_type_int);
    struct json_object *source = member(object, "source", json_type_string);
    bool good = finite != NULL && parameters != NULL && diverged != NULL && source != NULL;
    if (good) {
        result->finite = json_object_get_boolean(finite);
        result->parameters = json_object_get_int(parameters);
        result->diverged = json_object_get_int(diverged);
        snprintf(result->source, sizeof result->source, "%s", json_object_get_string(source));
    }
    for (size_t i = 0; i < TZ_COUNTOF(numbers); i++) {
        struct json_object *value = member(object, numbers[i].key, json_type_double);
        const double number = value != NULL ? json_object_get_double(value) : NAN;
        memcpy((char *)result + numbers[i].at, &number, sizeof number);
        good = good && value != NULL;
    }
    return good && read_curve(object, "curve_mean", result->curve_mean) &&
           read_curve(object, "curve_std", result->curve_std);
}

// The text of a member, "" when there is none.
static const char *text_of(struct json_object *object, const char *key) {
    struct json_object *value = member(object, key, json_type_string);
    return value != NULL ? json_object_get_string(value) : "";
}

static tz_status read_object(const char *path, struct json_object *object, tz_study_result *result,
                             tz_error *error) {
    char name[TZ_RUN_NAME_MAX];
    tz_run_name(name, &result->run);
    if (!json_object_is_type(object, json_type_object) ||
        strcmp(text_of(object, "format"), FORMAT) != 0) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: not the result of a run of the study", path);
    }
    if (strcmp(text_of(object, "version"), tz_version()) != 0) {
        return tz_fail(error, TZ_ERR_MISMATCH,
                       "%s: a run of %.64s, but this is %s: name another --out", path,
                       text_of(object, "version"), tz_version());
    }
    if (strcmp(text_of(object, "run"), name) != 0) {
        return tz_fail(error, TZ_ERR_MISMATCH, "%s: the run %.200s, expected %s", path,
                       text_of(object, "run"), name);
    }
    return read_values(object, result)
               ? TZ_OK
               : tz_fail(error, TZ_ERR_FORMAT, "%s: some of its values are missing", path);
}

tz_status tz_result_read(const char *path, tz_study_result *result, const tz_study_run *expected,
                         tz_error *error) {
    *result = (tz_study_result){.run = *expected};
    struct json_object *object = NULL;
    TZ_CHECK(tz_json_read(path, &object, error));
    const tz_status status = read_object(path, object, result, error);
    json_object_put(object);
    return status;
}
