// What the kinds of policy share inside this room: their table of verbs and their state.
#ifndef TRAPEZE_POLICIES_POLICY_OPS_H
#define TRAPEZE_POLICIES_POLICY_OPS_H

#include "policies/policy.h"
#include "policies/policy_file.h"

typedef struct tz_policy_ops {
    const char *name;
    // Allocates the workspace's arrays for max_batch rows into workspace->block.
    tz_status (*workspace_create)(tz_policy_workspace *workspace, const tz_policy *policy,
                                  tz_error *error);
    // See tz_policy_act; `source` holds what the actor's layout gathers from: rows of z, or one
    // observation of Gymnasium's.
    void (*act)(const tz_policy *policy, tz_policy_workspace *workspace, float *u,
                const double *source, tz_rng *rng, int B);
} tz_policy_ops;

struct tz_policy {
    const tz_policy_ops *ops;
    char name[TZ_NAME_MAX];
    char sha256[65];
    tz_task task; // copied at create

    // mlp only
    tz_actor actor; // its network views into block
    float *block;   // owned
};

struct tz_policy_workspace {
    int max_batch;
    float *block; // owns the arrays; NULL where a policy needs none

    // mlp only
    float *x;         // observations                                         (max_batch, D)
    float *hidden[2]; // layers in turn                               (max_batch, widest layer)
    float *head;      // mu and log sigma                                     (max_batch, 2 nu)
    float *noise, *a; // normals and squashed actions                         (max_batch, nu)
};

extern const tz_policy_ops tz_policy_random, tz_policy_zero, tz_policy_mlp;

#endif
