#include "envs/mujoco_scratch.h"

#include "base/memory.h"
#include "envs/mujoco_compat.h"

#include <math.h>
#include <string.h>

// A state that was measured, or that MuJoCo could not measure.
typedef struct known_state {
    bool is_used, is_measured;
    double *z;                 // (nz)
    double m[TZ_MEASURED_MAX]; // (n_measured)
} known_state;

typedef struct mujoco_scratch {
    tz_task_scratch scratch; // first
    const tz_task *task;     // borrowed, as are the next two
    const tz_mujoco_env_type *type;
    const mjModel *model;
    mjModel free_model; // the model's arrays, without constraints where no sensor sees them
    mjData *data;       // owned
    double *z;          // owned, of both states            (2, nz)
    known_state known[2];
    int newest; // of them: the one that was asked for last
} mujoco_scratch;

// ---- measuring --------------------------------------------------------------------------------

// Sensors that follow from where bodies are and how they move, whatever touches them. An actuator's
// may belong to an adhesion, a range finder's ray may meet soft bodies.
static const mjtSensor free_sensors[] = {
    mjSENS_VELOCIMETER, mjSENS_GYRO,          mjSENS_MAGNETOMETER,  mjSENS_JOINTPOS,
    mjSENS_JOINTVEL,    mjSENS_TENDONPOS,     mjSENS_TENDONVEL,     mjSENS_BALLQUAT,
    mjSENS_BALLANGVEL,  mjSENS_FRAMEPOS,      mjSENS_FRAMEQUAT,     mjSENS_FRAMEXAXIS,
    mjSENS_FRAMEYAXIS,  mjSENS_FRAMEZAXIS,    mjSENS_FRAMELINVEL,   mjSENS_FRAMEANGVEL,
    mjSENS_SUBTREECOM,  mjSENS_SUBTREELINVEL, mjSENS_SUBTREEANGMOM,
};

// Whether a sensor that is measured may change with contacts, limits or equalities. Those of forces
// and accelerations are not measured: no rule may ask for them.
static bool sees_constraints(const mjModel *model) {
    for (int i = 0; i < (int)model->nsensor; i++) {
        bool is_free = model->sensor_needstage[i] == mjSTAGE_ACC;
        for (size_t k = 0; k < TZ_COUNTOF(free_sensors) && !is_free; k++) {
            is_free = (int)model->sensor_type[i] == (int)free_sensors[k];
        }
        if (!is_free) {
            return true;
        }
    }
    return false;
}

// Gymnasium's robots need where the bodies are, sensors of a file also what is derived of it and of
// v.
static void measure_newest(void *context) {
    mujoco_scratch *self = context;
    const mjModel *model = &self->free_model;
    mjData *data = self->data;
    known_state *state = &self->known[self->newest];
    memcpy(data->qpos, state->z, (size_t)model->nq * sizeof *state->z);
    if (tz_mujoco_is_of_file(self->type)) {
        memcpy(data->qvel, state->z + model->nq, (size_t)model->nv * sizeof *state->z);
        mj_fwdPosition(model, data);
        mj_sensorPos(model, data);
        mj_fwdVelocity(model, data);
        mj_sensorVel(model, data);
    } else {
        mj_kinematics(model, data);
    }
    self->type->measure(self->task, model, data, state->m);
}

// The state z (nz), measured unless it is one of the last two. Takes the place of the one that was
// asked for longer ago.
static const known_state *know(mujoco_scratch *self, const double *z) {
    const size_t size = (size_t)tz_task_nz(self->task) * sizeof *z;
    for (int i = 0; i < 2; i++) {
        if (self->known[i].is_used && memcmp(self->known[i].z, z, size) == 0) {
            self->newest = i;
            return &self->known[i];
        }
    }
    char complaint[64];
    self->newest = 1 - self->newest;
    known_state *state = &self->known[self->newest];
    memcpy(state->z, z, size);
    state->is_used = true;
    state->is_measured = tz_mujoco_try(measure_newest, self, complaint, sizeof complaint);
    if (!state->is_measured) {
        mj_resetData(self->model, self->data);
    }
    return state;
}

static double reward(tz_task_scratch *scratch, const tz_task *task, const double *z,
                     const double *u, const double *z_next) {
    mujoco_scratch *self = (mujoco_scratch *)scratch;
    const known_state *before = know(self, z), *after = know(self, z_next);
    if (!before->is_measured || !after->is_measured) {
        return NAN;
    }
    return self->type->measured_reward(task, (tz_moment){z, before->m}, u,
                                       (tz_moment){z_next, after->m});
}

static bool terminated(tz_task_scratch *scratch, const double *z_next) {
    mujoco_scratch *self = (mujoco_scratch *)scratch;
    const known_state *after = know(self, z_next);
    return !after->is_measured ||
           self->type->measured_end(self->task, (tz_moment){z_next, after->m});
}

// ---- making -----------------------------------------------------------------------------------

static void destroy(tz_task_scratch *scratch) {
    mujoco_scratch *self = (mujoco_scratch *)scratch;
    mj_deleteData(self->data);
    tz_free(self->z);
    tz_free(self);
}

static void start(void *context) {
    mujoco_scratch *self = context;
    self->data = mj_makeData(self->model);
}

tz_status tz_mujoco_scratch_create(tz_task_scratch **scratch, const tz_task *task,
                                   const tz_mujoco_env_type *type, const mjModel *model,
                                   tz_error *error) {
    *scratch = NULL;
    const size_t nz = (size_t)tz_task_nz(task);
    char complaint[256] = "no memory";
    mujoco_scratch *self = tz_alloc(1, sizeof *self);
    if (!self) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to measure states", task->name);
    }
    self->scratch =
        (tz_task_scratch){.reward = reward, .terminated = terminated, .destroy = destroy};
    self->task = task;
    self->type = type;
    self->model = model;
    self->free_model = *model;
    if (!sees_constraints(model)) {
        self->free_model.opt.disableflags |= mjDSBL_CONSTRAINT;
    }
    self->z = tz_alloc(2 * nz, sizeof *self->z);
    if (!self->z || !tz_mujoco_try(start, self, complaint, sizeof complaint) || !self->data) {
        destroy(&self->scratch);
        return tz_fail(error, TZ_ERR_MEMORY, "%s: states cannot be measured: %s", task->name,
                       complaint);
    }
    self->known[0].z = self->z;
    self->known[1].z = self->z + nz;
    *scratch = &self->scratch;
    return TZ_OK;
}
