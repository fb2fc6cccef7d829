#include "envs/expression.h"

#include "envs/mujoco_compat.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = TZ_NAME_MAX, NESTING_MAX = 32 };

// Operations, with the number of values that each takes from the stack.
#define OPERATIONS(X)                                                                              \
    X(OP_NUMBER, 0)                                                                                \
    X(OP_Z, 0)                                                                                     \
    X(OP_SENSOR, 0)                                                                                \
    X(OP_U, 0)                                                                                     \
    X(OP_CONTROL, 0)                                                                               \
    X(OP_DT, 0)                                                                                    \
    X(OP_NEGATE, 1)                                                                                \
    X(OP_NOT, 1)                                                                                   \
    X(OP_ABS, 1)                                                                                   \
    X(OP_SQRT, 1)                                                                                  \
    X(OP_EXP, 1)                                                                                   \
    X(OP_SIN, 1)                                                                                   \
    X(OP_COS, 1)                                                                                   \
    X(OP_ADD, 2)                                                                                   \
    X(OP_SUBTRACT, 2)                                                                              \
    X(OP_MULTIPLY, 2)                                                                              \
    X(OP_DIVIDE, 2)                                                                                \
    X(OP_POWER, 2)                                                                                 \
    X(OP_MIN, 2)                                                                                   \
    X(OP_MAX, 2)                                                                                   \
    X(OP_LESS, 2)                                                                                  \
    X(OP_LESS_EQUAL, 2)                                                                            \
    X(OP_GREATER, 2)                                                                               \
    X(OP_GREATER_EQUAL, 2)                                                                         \
    X(OP_AND, 2)                                                                                   \
    X(OP_OR, 2)
#define ENUMERATOR(name, n_operands) name,
typedef enum op_code { OPERATIONS(ENUMERATOR) N_OPERATIONS } op_code;
#undef ENUMERATOR
#define N_OPERANDS(name, n_operands) n_operands,
static const int n_operands[N_OPERATIONS] = {OPERATIONS(N_OPERANDS)};
#undef N_OPERANDS

static const struct {
    const char *name;
    op_code code;
} functions[] = {{"abs", OP_ABS}, {"sqrt", OP_SQRT}, {"exp", OP_EXP}, {"sin", OP_SIN},
                 {"cos", OP_COS}, {"min", OP_MIN},   {"max", OP_MAX}};

// ---- parse ------------------------------------------------------------------------------------

typedef struct parser {
    tz_expression *e;
    const char *cursor, *text, *what, *path;
    const tz_task *task;
    const mjModel *model;
    int depth;   // of the stack
    int nesting; // of the grammar
    bool before; // inside before()
    tz_error *error;
} parser;

static tz_status parse_or(parser *p);

static tz_status fail_at(const parser *p, const char *expected) {
    return tz_fail(p->error, TZ_ERR_FORMAT, "%s: %s: '%.40s' at letter %d; expected %s", p->path,
                   p->what, *p->cursor ? p->cursor : "the end", (int)(p->cursor - p->text) + 1,
                   expected);
}

static void skip_space(parser *p) {
    while (isspace((unsigned char)*p->cursor)) {
        p->cursor++;
    }
}

static bool is_word_letter(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == ':';
}

// Takes the operator or word `token` if it comes next.
static bool take(parser *p, const char *token) {
    skip_space(p);
    const size_t n = strlen(token);
    if (strncmp(p->cursor, token, n) != 0 ||
        (isalpha((unsigned char)token[0]) && is_word_letter(p->cursor[n]))) {
        return false;
    }
    p->cursor += n;
    return true;
}

static tz_status emit(parser *p, op_code code, int index, double constant) {
    p->depth += 1 - n_operands[code];
    if (p->e->n == TZ_EXPRESSION_OPS_MAX || p->depth > TZ_EXPRESSION_STACK_MAX) {
        return tz_fail(p->error, TZ_ERR_FORMAT,
                       "%s: %s is too long (at most %d operations, %d values at a time)", p->path,
                       p->what, TZ_EXPRESSION_OPS_MAX, TZ_EXPRESSION_STACK_MAX);
    }
    p->e->uses_sensors = p->e->uses_sensors || code == OP_SENSOR;
    p->e->uses_past = p->e->uses_past || code == OP_U || code == OP_CONTROL ||
                      (p->before && (code == OP_Z || code == OP_SENSOR));
    p->e->op[p->e->n].code = (int)code;
    p->e->op[p->e->n].before = p->before;
    p->e->op[p->e->n].index = index;
    p->e->op[p->e->n++].constant = constant;
    return TZ_OK;
}

// The number in "[2]" after a name; 0 when there is none, *given says so.
static tz_status parse_index(parser *p, int *index, bool *given) {
    *index = 0;
    *given = take(p, "[");
    if (!*given) {
        return TZ_OK;
    }
    skip_space(p);
    char *end;
    const long value = strtol(p->cursor, &end, 10);
    if (end == p->cursor || value < 0 || value > 1000) {
        return fail_at(p, "an index from 0 on");
    }
    *index = (int)value;
    p->cursor = end;
    return take(p, "]") ? TZ_OK : fail_at(p, "']'");
}

// Position of a name in a table of names; -1: none.
static int find_name(const char (*names)[TZ_NAME_MAX], int n, const char *name) {
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static tz_status unknown_name(const parser *p, const char *name) {
    return tz_fail(p->error, TZ_ERR_FORMAT,
                   "%s: %s: nothing is named '%s'; expected a sensor, q.<coordinate>, "
                   "v.<coordinate>, u.<actuator>, dt or control",
                   p->path, p->what, name);
}

// One of the n values of a sensor or an actuator, of which the first is at `first`: its index
// follows in brackets, where it has several.
static tz_status parse_value(parser *p, op_code code, const char *kind, const char *name, int first,
                             int n) {
    int index;
    bool given;
    TZ_CHECK(parse_index(p, &index, &given));
    if (n == 0) {
        return tz_fail(p->error, TZ_ERR_FORMAT, "%s: %s: %s '%s' has no value", p->path, p->what,
                       kind, name);
    }
    if (index >= n || (n > 1 && !given)) {
        return tz_fail(p->error, TZ_ERR_FORMAT,
                       "%s: %s: %s '%s' has %d values; expected %s[0] to %s[%d]", p->path, p->what,
                       kind, name, n, name, name, n - 1);
    }
    return emit(p, code, first + index, 0.0);
}

static tz_status parse_sensor(parser *p, const char *name) {
    const int id = mj_name2id(p->model, mjOBJ_SENSOR, name);
    if (id < 0) {
        return unknown_name(p, name);
    }
    if (p->model->sensor_needstage[id] == mjSTAGE_ACC) {
        return tz_fail(p->error, TZ_ERR_UNSUPPORTED,
                       "%s: %s: sensor '%s' measures forces or accelerations; expected one of "
                       "positions or velocities, which the state alone decides",
                       p->path, p->what, name);
    }
    if (p->model->sensor_type[id] == mjSENS_CLOCK) {
        return tz_fail(p->error, TZ_ERR_UNSUPPORTED,
                       "%s: %s: sensor '%s' tells the time, which is not part of the state",
                       p->path, p->what, name);
    }
    return parse_value(p, OP_SENSOR, "sensor", name, (int)p->model->sensor_adr[id],
                       (int)p->model->sensor_dim[id]);
}

// A control of the actuator whose name is behind "u.".
static tz_status parse_control(parser *p, const char *name) {
    const int id = mj_name2id(p->model, mjOBJ_ACTUATOR, name + 2);
    if (id < 0) {
        return unknown_name(p, name);
    }
    int first, n;
    tz_mujoco_controls_of(p->model, id, &first, &n);
    return parse_value(p, OP_U, "control", name, first, n);
}

static tz_status parse_name(parser *p, const char *name) {
    if (strcmp(name, "dt") == 0) {
        return emit(p, OP_DT, 0, 0.0);
    }
    if (strcmp(name, "control") == 0) {
        return emit(p, OP_CONTROL, 0, 0.0);
    }
    if (strncmp(name, "u.", 2) == 0) {
        return parse_control(p, name);
    }
    if (name[0] != '\0' && name[1] == '.' && strchr("qv", name[0])) {
        const tz_task *task = p->task;
        const int i = name[0] == 'q' ? find_name(task->coordinate_name, task->nq, name + 2)
                                     : find_name(task->velocity_name, task->nv, name + 2);
        if (i < 0) {
            return unknown_name(p, name);
        }
        return emit(p, OP_Z, name[0] == 'v' ? task->nq + i : i, 0.0);
    }
    return parse_sensor(p, name);
}

static tz_status parse_call(parser *p, op_code code) {
    for (int i = 0; i < n_operands[code]; i++) {
        if (i > 0 && !take(p, ",")) {
            return fail_at(p, "','");
        }
        TZ_CHECK(parse_or(p));
    }
    return take(p, ")") ? emit(p, code, 0, 0.0) : fail_at(p, "')'");
}

static tz_status parse_before(parser *p) {
    if (p->before) {
        return fail_at(p, "no before() inside before()");
    }
    p->before = true;
    TZ_CHECK(parse_or(p));
    p->before = false;
    return take(p, ")") ? TZ_OK : fail_at(p, "')'");
}

static tz_status parse_word(parser *p) {
    char word[WORD_MAX];
    size_t n = 0;
    while (is_word_letter(p->cursor[n]) && n < sizeof word - 1) {
        word[n] = p->cursor[n];
        n++;
    }
    word[n] = '\0';
    if (is_word_letter(p->cursor[n])) {
        return fail_at(p, "a shorter name");
    }
    p->cursor += n;
    if (!take(p, "(")) {
        return parse_name(p, word);
    }
    if (strcmp(word, "before") == 0) {
        return parse_before(p);
    }
    for (size_t i = 0; i < TZ_COUNTOF(functions); i++) {
        if (strcmp(word, functions[i].name) == 0) {
            return parse_call(p, functions[i].code);
        }
    }
    return tz_fail(p->error, TZ_ERR_FORMAT,
                   "%s: %s: there is no function '%s'; expected abs, sqrt, exp, sin, cos, min, max "
                   "or before",
                   p->path, p->what, word);
}

static tz_status parse_primary(parser *p) {
    skip_space(p);
    if (take(p, "(")) {
        TZ_CHECK(parse_or(p));
        return take(p, ")") ? TZ_OK : fail_at(p, "')'");
    }
    if (isdigit((unsigned char)*p->cursor) || *p->cursor == '.') {
        char *end;
        const double value = strtod(p->cursor, &end);
        if (end == p->cursor || !isfinite(value)) {
            return fail_at(p, "a finite number");
        }
        p->cursor = end;
        return emit(p, OP_NUMBER, 0, value);
    }
    return isalpha((unsigned char)*p->cursor) || *p->cursor == '_'
               ? parse_word(p)
               : fail_at(p, "a number, a name or '('");
}

static tz_status parse_unary(parser *p) {
    if (++p->nesting > NESTING_MAX) {
        return tz_fail(p->error, TZ_ERR_FORMAT, "%s: %s is nested deeper than %d", p->path, p->what,
                       NESTING_MAX);
    }
    if (take(p, "-")) {
        TZ_CHECK(parse_unary(p));
        TZ_CHECK(emit(p, OP_NEGATE, 0, 0.0));
    } else {
        TZ_CHECK(parse_primary(p));
        if (take(p, "^")) {
            TZ_CHECK(parse_unary(p));
            TZ_CHECK(emit(p, OP_POWER, 0, 0.0));
        }
    }
    p->nesting--;
    return TZ_OK;
}

static tz_status parse_product(parser *p) {
    TZ_CHECK(parse_unary(p));
    for (;;) {
        const bool times = take(p, "*");
        if (!times && !take(p, "/")) {
            return TZ_OK;
        }
        TZ_CHECK(parse_unary(p));
        TZ_CHECK(emit(p, times ? OP_MULTIPLY : OP_DIVIDE, 0, 0.0));
    }
}

static tz_status parse_sum(parser *p) {
    TZ_CHECK(parse_product(p));
    for (;;) {
        const bool plus = take(p, "+");
        if (!plus && !take(p, "-")) {
            return TZ_OK;
        }
        TZ_CHECK(parse_product(p));
        TZ_CHECK(emit(p, plus ? OP_ADD : OP_SUBTRACT, 0, 0.0));
    }
}

static tz_status parse_not(parser *p) {
    // longer signs first
    static const struct {
        const char *sign;
        op_code code;
    } comparisons[] = {
        {"<=", OP_LESS_EQUAL}, {">=", OP_GREATER_EQUAL}, {"<", OP_LESS}, {">", OP_GREATER}};
    int n_not = 0;
    while (take(p, "not")) {
        n_not++;
    }
    TZ_CHECK(parse_sum(p));
    for (size_t i = 0; i < TZ_COUNTOF(comparisons); i++) {
        if (take(p, comparisons[i].sign)) {
            TZ_CHECK(parse_sum(p));
            TZ_CHECK(emit(p, comparisons[i].code, 0, 0.0));
            break;
        }
    }
    for (; n_not > 0; n_not--) {
        TZ_CHECK(emit(p, OP_NOT, 0, 0.0));
    }
    return TZ_OK;
}

static tz_status parse_and(parser *p) {
    TZ_CHECK(parse_not(p));
    while (take(p, "and")) {
        TZ_CHECK(parse_not(p));
        TZ_CHECK(emit(p, OP_AND, 0, 0.0));
    }
    return TZ_OK;
}

static tz_status parse_or(parser *p) {
    TZ_CHECK(parse_and(p));
    while (take(p, "or")) {
        TZ_CHECK(parse_and(p));
        TZ_CHECK(emit(p, OP_OR, 0, 0.0));
    }
    return TZ_OK;
}

tz_status tz_expression_parse(tz_expression *e, const char *text, const char *what,
                              const char *path, const tz_task *task, const mjModel *model,
                              tz_error *error) {
    e->n = 0;
    e->uses_past = e->uses_sensors = false;
    parser p = {.e = e,
                .cursor = text,
                .text = text,
                .what = what,
                .path = path,
                .task = task,
                .model = model,
                .error = error};
    TZ_CHECK(parse_or(&p));
    skip_space(&p);
    return *p.cursor == '\0' ? TZ_OK : fail_at(&p, "an operator or the end");
}

// ---- value ------------------------------------------------------------------------------------

double tz_expression_value(const tz_expression *e, const tz_task *task, tz_moment before,
                           const double *u, tz_moment after) {
    double stack[TZ_EXPRESSION_STACK_MAX + 1] = {0.0};
    double *top = stack; // the value on top; stack[0] is below all
    for (int k = 0; k < e->n; k++) {
        const int i = e->op[k].index;
        const tz_moment *moment = e->op[k].before ? &before : &after;
        const op_code code = (op_code)e->op[k].code;
        const double b = *top; // second operand, or the only one
        top += 1 - n_operands[code];
        const double a = *top; // first operand of two
        switch (code) {
        case OP_NUMBER:
            *top = e->op[k].constant;
            break;
        case OP_Z:
            *top = moment->z[i];
            break;
        case OP_SENSOR:
            *top = moment->m[i];
            break;
        case OP_U:
            *top = u[i];
            break;
        case OP_CONTROL:
            *top = tz_control_cost(u, task->nu);
            break;
        case OP_DT:
            *top = task->dt_s;
            break;
        case OP_NEGATE:
            *top = -b;
            break;
        case OP_NOT:
            *top = b == 0.0;
            break;
        case OP_ABS:
            *top = fabs(b);
            break;
        case OP_SQRT:
            *top = sqrt(b);
            break;
        case OP_EXP:
            *top = exp(b);
            break;
        case OP_SIN:
            *top = sin(b);
            break;
        case OP_COS:
            *top = cos(b);
            break;
        case OP_ADD:
            *top = a + b;
            break;
        case OP_SUBTRACT:
            *top = a - b;
            break;
        case OP_MULTIPLY:
            *top = a * b;
            break;
        case OP_DIVIDE:
            *top = a / b;
            break;
        case OP_POWER:
            *top = pow(a, b);
            break;
        case OP_MIN:
            *top = a < b || isnan(a) ? a : b; // fmin would hide a NaN
            break;
        case OP_MAX:
            *top = a > b || isnan(a) ? a : b;
            break;
        case OP_LESS:
            *top = a < b;
            break;
        case OP_LESS_EQUAL:
            *top = a <= b;
            break;
        case OP_GREATER:
            *top = a > b;
            break;
        case OP_GREATER_EQUAL:
            *top = a >= b;
            break;
        case OP_AND:
            *top = a != 0.0 && b != 0.0;
            break;
        case OP_OR:
            *top = a != 0.0 || b != 0.0;
            break;
        case N_OPERATIONS:
            break;
        }
    }
    return *top;
}
