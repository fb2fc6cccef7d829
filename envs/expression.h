// Arithmetic of a few names, for the reward and the end rule of an environment made from an MJCF
// file (docs/environments.md):
//
//     or      = and {"or" and}                     comparisons, and, or, not give 1 or 0
//     and     = not {"and" not}
//     not     = "not" not | sum [("<" | "<=" | ">" | ">=") sum]
//     sum     = product {("+" | "-") product}
//     product = unary {("*" | "/") unary}
//     unary   = "-" unary | power
//     power   = primary ["^" unary]
//     primary = number | "(" or ")" | function "(" or {"," or} ")" | name ["[" index "]"]
//
// A name is a sensor, q.<coordinate>, v.<coordinate>, u.<actuator>, dt (the control period, s) or
// control (the sum of the squared controls). Values are those after the step; before(x) is x before
// it. Functions: abs, sqrt, exp, sin, cos, min, max, before.
#ifndef TRAPEZE_ENVS_EXPRESSION_H
#define TRAPEZE_ENVS_EXPRESSION_H

#include "envs/mujoco_env.h"

enum { TZ_EXPRESSION_OPS_MAX = 256, TZ_EXPRESSION_STACK_MAX = 32 };

typedef struct tz_expression {
    int n; // operations, in the order in which they are done on a stack
    struct {
        int code;
        bool before;     // a value of before the step
        int index;       // of a value
        double constant; // of a number
    } op[TZ_EXPRESSION_OPS_MAX];
    bool uses_past; // the state before the step or the control: no end rule may
    bool uses_sensors;
} tz_expression;

// Parses `text`, which is the `what` of `path` in sentences. Names are looked up in the task and
// the model. TZ_ERR_FORMAT.
TZ_API tz_status tz_expression_parse(tz_expression *e, const char *text, const char *what,
                                     const char *path, const tz_task *task, const mjModel *model,
                                     tz_error *error);

// The value at the transition before --u--> after, whose m are the model's sensor values. Pure.
TZ_API double tz_expression_value(const tz_expression *e, const tz_task *task, tz_moment before,
                                  const double *u, tz_moment after);

#endif
