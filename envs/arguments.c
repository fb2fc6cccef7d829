#include "envs/arguments.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/nearest.h"
#include "envs/env.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ARGUMENTS_MAX = 16 };

static unsigned set_of(int version) {
    return version == 4 ? TZ_V4 : version == 5 ? TZ_V5 : 0;
}

bool tz_argument_is_of(const tz_argument *argument, int version) {
    return (argument->of & set_of(version)) != 0;
}

bool tz_argument_is_idle(const tz_argument *argument, int version) {
    return (argument->idle_in & set_of(version)) != 0;
}

static int n_values(const tz_argument *argument) {
    return argument->kind == TZ_ARGUMENT_RANGE ? 2 : 1;
}

bool tz_argument_get(const tz_argument *argument, const tz_task *task, double value[2]) {
    const double *held = (const double *)((const char *)&task->argument + argument->offset);
    bool changed = false;
    for (int i = 0; i < n_values(argument); i++) {
        value[i] = argument->kind == TZ_ARGUMENT_FLAG ? task->ends_early : held[i];
        changed = changed || value[i] != argument->value[i];
    }
    return changed;
}

static void set(const tz_argument *argument, tz_task *task, const double value[2]) {
    if (argument->kind == TZ_ARGUMENT_FLAG) {
        task->ends_early = task->ends_early && value[0] != 0.0;
        return;
    }
    memcpy((char *)&task->argument + argument->offset, value,
           (size_t)n_values(argument) * sizeof *value);
}

void tz_argument_text(const tz_argument *argument, const double value[2],
                      char text[TZ_ARGUMENT_TEXT_MAX]) {
    char low[TZ_DECIMALS_MAX], high[TZ_DECIMALS_MAX];
    tz_decimals(low, value[0]);
    if (argument->kind == TZ_ARGUMENT_FLAG) {
        snprintf(text, TZ_ARGUMENT_TEXT_MAX, "%s", value[0] != 0.0 ? "true" : "false");
    } else if (argument->kind == TZ_ARGUMENT_RANGE) {
        tz_decimals(high, value[1]);
        snprintf(text, TZ_ARGUMENT_TEXT_MAX, "%s:%s", low, high);
    } else {
        snprintf(text, TZ_ARGUMENT_TEXT_MAX, "%s", low);
    }
}

// ---- reading text -----------------------------------------------------------------------------

// A number that ends at the character `end`.
static bool read_number(double *value, const char *text, char end, const char **rest) {
    char *stop;
    *value = strtod(text, &stop);
    *rest = stop + 1;
    return stop != text && *stop == end && !isnan(*value);
}

static bool read_value(const tz_argument *argument, const char *text, double value[2]) {
    const char *rest;
    switch (argument->kind) {
    case TZ_ARGUMENT_NUMBER:
        return read_number(value, text, '\0', &rest) && isfinite(value[0]);
    case TZ_ARGUMENT_SCALE:
        return read_number(value, text, '\0', &rest) && isfinite(value[0]) && value[0] >= 0.0;
    case TZ_ARGUMENT_RANGE:
        return read_number(&value[0], text, ':', &rest) &&
               read_number(&value[1], rest, '\0', &rest) && value[0] <= value[1] &&
               value[0] < INFINITY && value[1] > -INFINITY;
    case TZ_ARGUMENT_FLAG: // Python writes True and False
        value[0] = strcasecmp(text, "true") == 0;
        return value[0] != 0.0 || strcasecmp(text, "false") == 0;
    }
    return false;
}

static const char *expectation(tz_argument_kind kind) {
    switch (kind) {
    case TZ_ARGUMENT_NUMBER:
        return "a finite number";
    case TZ_ARGUMENT_SCALE:
        return "a finite number of at least 0";
    case TZ_ARGUMENT_RANGE:
        return "LOW:HIGH with LOW not above HIGH (-inf and inf where there is no end)";
    case TZ_ARGUMENT_FLAG:
        return "true or false";
    }
    return "";
}

// "ctrl_cost_weight, reset_noise_scale"; the names of the task's version also as words (n).
static int list_known(char *text, size_t size, const char *words[ARGUMENTS_MAX],
                      const tz_task *task, const tz_argument *known, int n) {
    int n_words = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (tz_argument_is_of(&known[i], task->version)) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", n_words > 0 ? ", " : "",
                                     known[i].name);
            TZ_ASSERT(used < size);
            words[n_words++] = known[i].name;
        }
    }
    return n_words;
}

static tz_status fail_unknown(const tz_task *task, const tz_argument *known, int n,
                              const char *name, tz_error *error) {
    char names[512];
    const char *words[ARGUMENTS_MAX];
    const int n_words = list_known(names, sizeof names, words, task, known, n);
    if (n_words == 0) {
        return tz_fail(error, TZ_ERR_ARGUMENT, "%s has no arguments, but \"%.64s\" is given",
                       task->name, name);
    }
    const char *nearest = tz_nearest_word(name, words, (size_t)n_words);
    if (nearest != NULL) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%s has no argument \"%.64s\" (did you mean %s?); expected one of %s",
                       task->name, name, nearest, names);
    }
    return tz_fail(error, TZ_ERR_ARGUMENT, "%s has no argument \"%.64s\"; expected one of %s",
                   task->name, name, names);
}

// One NAME=VALUE, which `given` (n) tells of afterwards.
static tz_status apply_word(tz_task *task, const tz_argument *known, int n, bool *given, char *word,
                            tz_error *error) {
    char *equals = strchr(word, '=');
    if (equals == NULL) {
        return tz_fail(
            error, TZ_ERR_ARGUMENT,
            "%s: \"%.64s\" is no argument; expected NAME=VALUE, a range as NAME=LOW:HIGH",
            task->name, word);
    }
    *equals = '\0';
    for (int i = 0; i < n; i++) {
        if (strcmp(known[i].name, word) != 0 || !tz_argument_is_of(&known[i], task->version)) {
            continue;
        }
        double value[2];
        if (given[i]) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: %s is given twice", task->name, word);
        }
        if (!read_value(&known[i], equals + 1, value)) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: %s is \"%.64s\"; expected %s", task->name,
                           word, equals + 1, expectation(known[i].kind));
        }
        given[i] = true;
        set(&known[i], task, value);
        return TZ_OK;
    }
    return fail_unknown(task, known, n, word, error);
}

// Writes what is not the default into task->env_arguments, in the order of the table: equal tasks
// have equal texts. ends_early has a place of its own.
static void write_text(tz_task *task, const tz_argument *known, int n) {
    size_t used = 0;
    task->env_arguments[0] = '\0';
    for (int i = 0; i < n; i++) {
        double value[2];
        if (known[i].kind != TZ_ARGUMENT_FLAG && tz_argument_get(&known[i], task, value)) {
            char text[TZ_ARGUMENT_TEXT_MAX];
            tz_argument_text(&known[i], value, text);
            used += (size_t)snprintf(task->env_arguments + used, sizeof task->env_arguments - used,
                                     "%s%s=%s", used > 0 ? "," : "", known[i].name, text);
            TZ_ASSERT(used < sizeof task->env_arguments);
        }
    }
}

tz_status tz_arguments_apply(tz_task *task, const tz_argument *known, int n, const char *text,
                             tz_error *error) {
    bool given[ARGUMENTS_MAX] = {false};
    TZ_ASSERT(n <= ARGUMENTS_MAX);
    for (int i = 0; i < n; i++) {
        set(&known[i], task, known[i].value);
    }
    while (text != NULL && *text != '\0') {
        char word[TZ_ENV_ARGUMENTS_MAX];
        const size_t length = strcspn(text, ",");
        if (length >= sizeof word) {
            return tz_fail(error, TZ_ERR_ARGUMENT,
                           "%s: an argument of %zu characters; expected at most %zu", task->name,
                           length, sizeof word - 1);
        }
        memcpy(word, text, length);
        word[length] = '\0';
        TZ_CHECK(apply_word(task, known, n, given, word, error));
        text += length + (text[length] == ',');
    }
    write_text(task, known, n);
    return TZ_OK;
}

// ---- weights of the reward's terms ------------------------------------------------------------

int tz_task_weights(const tz_argument *weight[TZ_WEIGHTS_MAX], const tz_task *task) {
    const tz_env_info *info = tz_env_info_find(task->name);
    int n = 0;
    for (int i = 0; info != NULL && i < info->n_arguments; i++) {
        const tz_argument *argument = &info->arguments[i];
        if (argument->kind == TZ_ARGUMENT_NUMBER && tz_argument_is_of(argument, task->version) &&
            !tz_argument_is_idle(argument, task->version)) {
            TZ_ASSERT(n < TZ_WEIGHTS_MAX);
            weight[n++] = argument;
        }
    }
    return n;
}

void tz_term_name(char text[TZ_TERM_NAME_MAX], const tz_argument *weight) {
    size_t used = 0;
    text[0] = '\0';
    for (const char *word = weight->name; *word != '\0'; word += word[0] == '_') {
        const size_t n = strcspn(word, "_");
        if (n != 6 || (strncmp(word, "reward", n) != 0 && strncmp(word, "weight", n) != 0)) {
            used += (size_t)snprintf(text + used, TZ_TERM_NAME_MAX - used, "%s%.*s",
                                     used > 0 ? " " : "", (int)n, word);
            TZ_ASSERT(used < TZ_TERM_NAME_MAX);
        }
        word += n;
    }
}

static tz_status fail_no_weight(const tz_task *task, const tz_argument *const *known, int n,
                                const char *name, tz_error *error) {
    char names[256] = "none: its reward has no weights";
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                 known[i]->name);
        TZ_ASSERT(used < sizeof names);
    }
    return tz_fail(error, TZ_ERR_ARGUMENT, "%s has no weight \"%.64s\"; expected %s%s", task->name,
                   name, n > 0 ? "one of " : "", names);
}

tz_status tz_task_weigh(tz_task *own, const char *weight, double value, tz_error *error) {
    const tz_argument *known[TZ_WEIGHTS_MAX];
    const int n = tz_task_weights(known, own);
    for (int i = 0; i < n; i++) {
        if (strcmp(known[i]->name, weight) != 0) {
            continue;
        }
        if (!isfinite(value)) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: %s is %g; expected %s", own->name, weight,
                           value, expectation(known[i]->kind));
        }
        set(known[i], own, (const double[2]){value});
        const tz_env_info *info = tz_env_info_find(own->name);
        write_text(own, info->arguments, info->n_arguments);
        return TZ_OK;
    }
    return fail_no_weight(own, known, n, weight, error);
}
