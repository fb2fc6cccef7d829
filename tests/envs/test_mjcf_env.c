// Environments from MJCF files: what works, what is refused and how, and files made to do harm.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "envs/env.h"
#include "envs/env_match.h"
#include "envs/mujoco_compat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- small models -----------------------------------------------------------------------------

// What every model has in common around its own parts.
static tz_status make(tz_env **env, const char *inside, tz_error *error) {
    char text[20000];
    snprintf(text, sizeof text,
             "<mujoco><compiler autolimits='true'/><option timestep='0.005'/>%s</mujoco>", inside);
    assert_int_equal(tz_file_write("robot.xml", text, strlen(text), error), TZ_OK);
    tz_env_def def = tz_env_def_default();
    def.name = "robot.xml";
    return tz_env_create(env, &def, error);
}

#define ARM                                                                                        \
    "<worldbody><body><joint name='hinge' axis='0 1 0'/><geom size='0.1' pos='0.3 0 0'/>"          \
    "<site name='tip' pos='0.5 0 0'/></body></worldbody>"                                          \
    "<actuator><motor name='motor' joint='hinge' ctrlrange='-1 1'/></actuator>"

#define SPRING(yield)                                                                              \
    "<worldbody><body><joint name='hinge' axis='0 1 0' stiffness='5' " yield                       \
    "/><geom size='0.1' pos='0.3 0 0'/></body></worldbody>"
#define PID(inputs)                                                                                \
    "<worldbody><body><joint name='hinge' axis='0 1 0'/><geom size='0.1' pos='0.3 0 0'/></body>"   \
    "</worldbody><actuator><pid name='pid' joint='hinge' kp='1' kv='1' " inputs                    \
    "/><motor name='motor' joint='hinge' ctrlrange='-2 2'/></actuator>"
#define TWO_INPUTS "input='pos vel' ctrlrange='-1 1' velrange='-3 3'"

static const struct works {
    const char *what, *inside;
    int nq, nv, nu;
} works[] = {
    {"hinge", ARM, 1, 1, 1},
    {"free joint", "<worldbody><body pos='0 0 1'><freejoint/><geom size='0.1'/></body></worldbody>",
     7, 6, 0},
    {"ball joint",
     "<worldbody><body><joint name='b' type='ball'/><geom size='0.1' pos='0.2 0 0'/></body>"
     "</worldbody><actuator><motor joint='b' gear='0 1 0' ctrlrange='-1 1'/></actuator>",
     4, 3, 1},
    {"mocap body, welded to a free one",
     "<worldbody><body name='hand' mocap='true' pos='0 0 1'><geom size='0.05' contype='0' "
     "conaffinity='0'/></body><body name='held' pos='0 0 1'><freejoint/><geom size='0.1'/></body>"
     "</worldbody><equality><weld body1='hand' body2='held'/></equality>",
     7, 6, 0},
    {"spatial and fixed tendons",
     "<worldbody><site name='hook' pos='0 0 1'/><body><joint name='x' type='slide' axis='1 0 0'/>"
     "<geom size='0.1'/><site name='end'/></body></worldbody><tendon><spatial name='rope' "
     "stiffness='10'><site site='hook'/><site site='end'/></spatial><fixed name='f'><joint "
     "joint='x' coef='2'/></fixed></tendon><actuator><motor tendon='f' ctrlrange='-1 "
     "1'/></actuator>",
     1, 1, 1},
    {"equality of joints",
     "<worldbody><body><joint name='a' type='slide'/><geom size='0.1'/></body><body pos='1 0 0'>"
     "<joint name='b' type='slide'/><geom size='0.1'/></body></worldbody><equality><joint "
     "joint1='a' joint2='b'/></equality>",
     2, 2, 0},
    {"mesh",
     "<asset><mesh name='t' vertex='0 0 0 1 0 0 0 1 0 0 0 1'/></asset><worldbody><body><freejoint/>"
     "<geom type='mesh' mesh='t'/></body></worldbody>",
     7, 6, 0},
    {"spring", SPRING(""), 1, 1, 0},
#ifdef mjMINAWAKE
    {"body that would sleep if the flag were enabled",
     ARM "<worldbody><body sleep='init'><freejoint/><geom size='0.1'/></body></worldbody>", 8, 7,
     1},
#endif
#if mjVERSION_HEADER >= 4000000
    {"actuator of two controls", PID(TWO_INPUTS), 1, 1, 3},
#endif
};

static void test_works(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(works); i++) {
        tz_env *env;
        tz_error error = {.text = ""};
        if (make(&env, works[i].inside, &error) != TZ_OK) {
            fail_msg("%s: %s", works[i].what, error.text);
        }
        const tz_task *task = tz_env_task(env);
        assert_true(task->nq == works[i].nq && task->nv == works[i].nv && task->nu == works[i].nu);
        assert_string_equal(task->name, "robot.xml");
        assert_true(task->version == 0 && task->is_exact && task->n_gym_observation == 0);
        assert_int_equal(task->max_episode_steps, 1000);

        // it moves, finitely, and from a state alone as from the whole
        double z[32], z_next[32], again[32], u[4] = {0.5, 0.5, 0.5, 0.5};
        tz_step step;
        tz_env_reset(env, z, 1, 0);
        for (int t = 0; t < 50; t++) {
            tz_env_step(env, &step, z_next, u);
            assert_int_equal(step.outcome, TZ_STEP_OK);
            assert_true(step.reward == 0.0 && !step.terminated);
        }
        assert_memory_not_equal(z, z_next, (size_t)tz_task_nz(task) * sizeof *z);
        tz_env_set_z(env, z);
        for (int t = 0; t < 50; t++) {
            tz_env_step(env, &step, again, u);
        }
        assert_memory_equal(again, z_next, (size_t)tz_task_nz(task) * sizeof *z);
        tz_env_destroy(env);
    }
}

// A mesh from a file beside the model.
static void test_mesh_file(void **state) {
    (void)state;
    const char obj[] = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n";
    tz_env *env;
    tz_error error = {.text = ""};
    assert_int_equal(tz_make_folders("meshes", &error), TZ_OK);
    assert_int_equal(tz_file_write("meshes/t.obj", obj, strlen(obj), &error), TZ_OK);
    if (make(&env,
             "<compiler meshdir='meshes'/><asset><mesh name='t' file='t.obj'/></asset><worldbody>"
             "<body><freejoint/><geom type='mesh' mesh='t'/></body></worldbody>",
             &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    tz_env_destroy(env);
}

static const struct refused {
    const char *inside, *words; // in the sentence
} refused[] = {
    {"<worldbody/>", "no joints"},
    {"<worldbody><body><joint name='j' axis='0 1 0'/><geom size='0.1'/></body></worldbody>"
     "<actuator><muscle joint='j' ctrlrange='0 1' lengthrange='0 1'/></actuator>",
     "activation"},
    {"<worldbody><body><joint name='j' axis='0 1 0'/><geom size='0.1'/></body></worldbody>"
     "<actuator><motor name='m' joint='j'/></actuator>",
     "ctrlrange"},
    {ARM "<custom><numeric name='trapeze_frame_skip' data='0'/></custom>", "trapeze_frame_skip"},
    {ARM "<custom><numeric name='trapeze_frame_skip' data='1.5'/></custom>", "whole"},
    {ARM "<custom><numeric name='trapeze_frameskip' data='2'/></custom>", "trapeze_frameskip"},
    {ARM "<custom><text name='trapeze_reward' data='speed'/></custom>", "speed"},
    {ARM "<custom><text name='trapeze_end' data='u.motor > 1'/></custom>", "trapeze_end"},
    {ARM "<custom><text name='trapeze_end' data='before(q.hinge) > 1'/></custom>", "before"},
    {ARM "<custom><text name='trapeze_cyclic' data='hinge'/></custom>", "linear"},
    {ARM "<sensor><touch name='t' site='tip'/></sensor>"
         "<custom><text name='trapeze_reward' data='t'/></custom>",
     "forces"},
    {ARM "<sensor><framepos name='p' objtype='site' objname='tip'/></sensor>"
         "<custom><text name='trapeze_reward' data='p'/></custom>",
     "p[0] to p[2]"},
    {ARM "<visual><quality shadowsize='65536'/></visual>", "shadowsize is 65536"},
    {ARM "<visual><quality shadowsize='-1'/></visual>", "shadowsize"},
    {ARM "<visual><quality numslices='30000'/></visual>", "numslices"},
    {ARM "<visual><quality numstacks='30000'/></visual>", "numstacks"},
    {ARM "<visual><quality numquads='2000000000'/></visual>", "numquads"},
    {ARM "<visual><global offwidth='2000000000'/></visual>", "offwidth"},
    {ARM "<visual><global offheight='2000000000'/></visual>", "offheight"},
    {ARM "<visual><map znear='-5'/></visual>", "znear"},
    {ARM "<visual><map znear='2' zfar='1'/></visual>", "zfar"},
    {ARM "<statistic extent='1e-30'/>", "extent"},
    {ARM "<option><flag sensornoise='enable'/></option>", "sensornoise"},
#ifdef mjMINAWAKE
    {ARM "<option><flag sleep='enable'/></option>", "asleep"},
#endif
    {"<worldbody><body><joint name='hinge'/><geom size='0.1'/></body></worldbody><actuator><motor "
     "name='strong' joint='hinge' ctrlrange='-1e11 1e11'/></actuator>",
     "actuator 0 (strong) has no ctrlrange that MuJoCo can simulate"},
#if mjVERSION_HEADER >= 4000000
    {SPRING("springyield='0.1'"), "a state of their own"},
    {ARM "<tendon><fixed stiffness='5' springyield='0.1'><joint joint='hinge' coef='1'/></fixed>"
         "</tendon>",
     "a state of their own"},
    {ARM "<actuator><motor joint='hinge' ctrlrange='-1 1' delay='0.02' nsample='5'/></actuator>",
     "a state of their own"},
    {ARM "<sensor><jointpos joint='hinge' delay='0.02' nsample='5'/></sensor>",
     "a state of their own"},
    {PID("input='pos vel' ctrlrange='-1 1'"), "each of its controls"},
    {PID(TWO_INPUTS) "<custom><text name='trapeze_reward' data='u.pid'/></custom>",
     "u.pid[0] to u.pid[1]"},
#endif
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < TZ_COUNTOF(refused); i++) {
        tz_env *env;
        tz_error error = {.text = ""};
        const size_t live = tz_alloc_live();
        assert_int_not_equal(make(&env, refused[i].inside, &error), TZ_OK);
        assert_null(env);
        assert_int_equal(tz_alloc_live(), live);
        if (!strstr(error.text, refused[i].words) || !strstr(error.text, "robot.xml")) {
            fail_msg("%s: %s", refused[i].inside, error.text);
        }
    }
    // one actuator too many
    char text[12000] = ARM "<actuator>";
    for (int i = 0; i < TZ_NU_MAX; i++) {
        strcat(text, "<motor joint='hinge' ctrlrange='-1 1'/>");
    }
    strcat(text, "</actuator>");
    tz_env *env;
    tz_error error;
    assert_int_equal(make(&env, text, &error), TZ_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "it has 65 actuators (expected at most 64)"));

    tz_env_def def = tz_env_def_default();
    def.name = "nowhere.xml";
    assert_int_equal(tz_env_create(&env, &def, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "nowhere.xml"));
}

// ---- what is to be done -----------------------------------------------------------------------

static void test_task(void **state) {
    (void)state;
    tz_env *env;
    tz_error error = {.text = ""};
    if (make(&env,
             "<custom><numeric name='trapeze_frame_skip' data='3'/>"
             "<numeric name='trapeze_episode_steps' data='7'/>"
             "<numeric name='trapeze_reset_noise' data='0.2 0.1'/>"
             "<text name='trapeze_reward' data='tip[2] - before(tip[2]) + spin - 0.1 * u.motor^2'/>"
             "<text name='trapeze_end' data='tip[0] &lt; 0.45'/></custom>"
             "<sensor><framepos name='tip' objtype='site' objname='tip'/>"
             "<jointvel name='spin' joint='hinge'/></sensor>" ARM,
             &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    const tz_task *task = tz_env_task(env);
    assert_true(task->frame_skip == 3 && task->dt_s == 0.015 && task->max_episode_steps == 7);
    assert_true(task->is_exact && task->terminated);

    // the tip of an arm of 0.5 m, at the angle after the step to the last bits
    double largest = 0.0, z[2], z_next[2], u[1] = {0.7};
    for (uint64_t episode = 0; episode < 20; episode++) {
        tz_env_reset(env, z, 3, episode);
        largest = fmax(largest, fabs(z[0]));
        assert_true(fabs(z[0]) <= 0.2 && fabs(z[1]) <= 0.1);
        for (int t = 1; t <= 7; t++) {
            tz_step step;
            tz_env_step(env, &step, z_next, u);
            const double expected =
                -0.5 * sin(z_next[0]) + 0.5 * sin(z[0]) + z_next[1] - 0.1 * u[0] * u[0];
            assert_true(fabs(step.reward - expected) < 1e-14);
            assert_true(step.reward == task->reward(task, z, u, z_next));
            assert_int_equal(step.terminated, 0.5 * cos(z_next[0]) < 0.45);
            assert_int_equal(step.truncated, t == 7);
            memcpy(z, z_next, sizeof z);
        }
    }
    assert_true(largest > 0.1);

    // measuring for a step allocates nothing
    const size_t n = tz_alloc_count();
    tz_step step;
    tz_env_step(env, &step, z_next, u);
    assert_int_equal(tz_alloc_count(), n);

    // a clone shares the task; the first may go
    tz_env *clone;
    assert_int_equal(tz_env_clone(&clone, env, &error), TZ_OK);
    tz_env_destroy(env);
    tz_env_reset(clone, z, 3, 1);
    tz_env_step(clone, &step, z_next, u);
    assert_int_equal(step.outcome, TZ_STEP_OK);
    tz_env_destroy(clone);
}

// Actuators of several controls come before others, whose controls then are not at their number.
#if mjVERSION_HEADER >= 4000000
static void test_controls_of_an_actuator(void **state) {
    (void)state;
    tz_env *env;
    tz_error error = {.text = ""};
    if (make(&env,
             PID(TWO_INPUTS) "<custom><text name='trapeze_reward' "
                             "data='100 * u.pid[0] + 10 * u.pid[1] + u.motor'/></custom>",
             &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    const tz_task *task = tz_env_task(env);
    assert_true(task->control_high[0] == 1.0 && task->control_high[1] == 3.0 &&
                task->control_high[2] == 2.0);
    double z[2];
    tz_step step;
    tz_env_reset(env, z, 1, 0);
    tz_env_step(env, &step, z, (const double[]){0.25, 2.0, -1.5});
    assert_true(step.reward == 25.0 + 20.0 - 1.5);
    tz_env_destroy(env);
}
#endif

// Value `index` ("[2]", or "" for 0) of a sensor as mj_forward computes it at z.
static double sensed(tz_env *env, const char *name, const char *index, const double *z) {
    const mjModel *model = tz_env_mj_model(env);
    tz_env_set_z(env, z);
    const int id = mj_name2id(model, mjOBJ_SENSOR, name);
    return ((const mjData *)tz_env_mj_data(env))
        ->sensordata[model->sensor_adr[id] + (index[0] ? index[1] - '0' : 0)];
}

// A rule's sensors are those of the state alone, whatever was measured before it: also sensors that
// MuJoCo derives when it first needs them, and those that know of limits. In single calls, on a
// scratch and in steps they are what mj_forward gives, while the arm touches the ground.
static void test_rule_is_pure(void **state) {
    (void)state;
    static const char limit[] = "<jointlimitpos name='beyond' joint='hinge'/>";
    static const struct {
        const char *sensor, *index, *limit;
    } rules[] = {{"com", "[0]", ""},   {"momentum", "[1]", ""}, {"speed", "[2]", ""},
                 {"tip", "[0]", ""},   {"spin", "", ""},        {"com", "[0]", limit},
                 {"beyond", "", limit}};
    static const double z[3][2] = {{0.3, -2.0}, {1.2, 0.7}, {-0.4, 3.0}}, u[1] = {0.0};
    for (size_t k = 0; k < TZ_COUNTOF(rules); k++) {
        const char *sensor = rules[k].sensor, *index = rules[k].index;
        char inside[2000];
        snprintf(inside, sizeof inside,
                 "<custom><text name='trapeze_reward' data='%s%s - 2 * before(%s%s)'/>"
                 "<text name='trapeze_end' data='%s%s &gt; 0.1'/></custom>"
                 "<sensor><subtreecom name='com' body='arm'/><subtreeangmom name='momentum' "
                 "body='arm'/><subtreelinvel name='speed' body='arm'/><framepos name='tip' "
                 "objtype='site' objname='tip'/><jointvel name='spin' joint='hinge'/>%s</sensor>"
                 "<worldbody><geom type='plane' size='1 1 1' pos='0 0 -0.1'/><body name='arm'>"
                 "<joint name='hinge' axis='0 1 0' range='-60 60'/><geom size='0.1' pos='0.3 0 0'/>"
                 "<geom size='0.05' pos='0.2 0.1 0'/><site name='tip' pos='0.5 0 0'/></body>"
                 "</worldbody><actuator><motor joint='hinge' ctrlrange='-1 1'/></actuator>",
                 sensor, index, sensor, index, sensor, index, rules[k].limit);
        tz_env *env;
        tz_error error;
        tz_task_scratch *scratch;
        assert_int_equal(make(&env, inside, &error), TZ_OK);
        const tz_task *task = tz_env_task(env);
        assert_int_equal(tz_task_scratch_create(&scratch, task, &error), TZ_OK);
        assert_non_null(scratch);
        assert_true(sensed(env, sensor, index, z[1]) != 0.0);
        assert_true(((const mjData *)tz_env_mj_data(env))->ncon > 0);
        for (int i = 0; i < 9; i++) {
            const double *from = z[i / 3], *to = z[i % 3];
            const double s = sensed(env, sensor, index, from),
                         s_next = sensed(env, sensor, index, to);
            assert_true(task->reward(task, from, u, to) == s_next - 2.0 * s);
            assert_true(tz_task_reward(task, scratch, from, u, to) == s_next - 2.0 * s);
            assert_int_equal(task->terminated(task, to), s_next > 0.1);
            assert_int_equal(tz_task_terminated(task, scratch, to), s_next > 0.1);

            double z_next[2];
            tz_step step;
            tz_env_set_z(env, from);
            tz_env_step(env, &step, z_next, u);
            assert_true(step.reward == sensed(env, sensor, index, z_next) - 2.0 * s);
        }
        tz_task_scratch_destroy(scratch);
        tz_env_destroy(env);
    }
}

// A reset leaves quaternions of unit length.
static void test_reset_quaternion(void **state) {
    (void)state;
    tz_env *env;
    tz_error error;
    assert_int_equal(make(&env,
                          "<custom><numeric name='trapeze_reset_noise' data='0.3'/></custom>"
                          "<worldbody><body><freejoint/><geom size='0.1'/></body></worldbody>",
                          &error),
                     TZ_OK);
    double z[13];
    tz_env_reset(env, z, 1, 0);
    assert_true(fabs(mju_norm(z + 3, 4) - 1.0) < 1e-15);
    assert_true(fabs(z[3] - 1.0) > 1e-6);
    tz_env_destroy(env);
}

// Coordinates of free joints with names as long as the longest environment's are told apart.
static void test_long_joint_names(void **state) {
    (void)state;
    char bodies[800], name[2][112];
    int n = snprintf(bodies, sizeof bodies, "<worldbody>");
    for (int i = 0; i < 2; i++) {
        memset(name[i], 'j', sizeof name[i]);
        snprintf(name[i] + 110, 2, "%d", i);
        n += snprintf(bodies + n, sizeof bodies - (size_t)n,
                      "<body pos='0 0 %d'><freejoint name='%s'/><geom size='0.1'/></body>", i,
                      name[i]);
    }
    snprintf(bodies + n, sizeof bodies - (size_t)n, "</worldbody>");
    tz_env *env;
    tz_error error;
    assert_int_equal(make(&env, bodies, &error), TZ_OK);
    const tz_task *task = tz_env_task(env);
    for (int i = 0; i < 2; i++) {
        char expected[2 * TZ_NAME_MAX];
        snprintf(expected, sizeof expected, "%s_qz", name[i]);
        assert_string_equal(task->coordinate_name[7 * i + 6], expected);
        snprintf(expected, sizeof expected, "%s_x", name[i]);
        assert_string_equal(task->velocity_name[6 * i], expected);
    }
    tz_env_destroy(env);
}

// A path is an environment up to 120 letters, to those who ask as to those who create.
static void test_length_of_path(void **state) {
    (void)state;
    tz_env *env;
    tz_error error;
    assert_int_equal(make(&env, ARM, &error), TZ_OK);
    tz_env_destroy(env);
    for (int letters = 120; letters <= 121; letters++) {
        char path[122];
        memset(path, 'p', sizeof path);
        snprintf(path + letters - 4, 5, ".xml");
        assert_int_equal(symlink("robot.xml", path), 0);
        tz_env_def def = tz_env_def_default();
        def.name = path;
        const tz_status status = tz_env_create(&env, &def, &error);
        assert_int_equal(status, letters == 120 ? TZ_OK : TZ_ERR_ARGUMENT);
        assert_int_equal(tz_env_exists(path), status == TZ_OK);
        tz_env_destroy(env);
    }
}

// Room for less than four contacts of two boxes; before 2.3 it is counted in contacts.
#if mjVERSION_HEADER < 230
#define LITTLE_MEMORY "nconmax='4'"
#else
#define LITTLE_MEMORY "memory='60K'"
#endif

// Contacts that find no memory are left out, and a body falls through the floor: that is no data.
static void test_contacts_without_memory(void **state) {
    (void)state;
    char inside[12000];
    int n = snprintf(inside, sizeof inside,
                     "<size " LITTLE_MEMORY "/><worldbody><geom type='plane' "
                     "size='9 9 1'/>");
    for (int i = 0; i < 16; i++) {
        n += snprintf(inside + n, sizeof inside - (size_t)n,
                      "<body pos='0 0 %g'><freejoint/><geom type='box' size='1 1 0.1'/></body>",
                      0.1 + 0.19 * i);
    }
    snprintf(inside + n, sizeof inside - (size_t)n, "</worldbody>");
    tz_env *env;
    tz_error error;
    assert_int_equal(make(&env, inside, &error), TZ_OK);
    double z[TZ_NZ_MAX];
    tz_step step = {0};
    tz_env_reset(env, z, 1, 0);
    for (int t = 0; t < 20 && step.outcome == TZ_STEP_OK; t++) {
        tz_env_step(env, &step, z, z); // no controls
    }
    assert_int_equal(step.outcome, TZ_STEP_UNSTABLE);
    tz_env_destroy(env);
}

// A reward that is not finite is no fault of the simulation.
static void test_bad_reward(void **state) {
    (void)state;
    tz_env *env;
    tz_error error;
    assert_int_equal(
        make(&env, "<custom><text name='trapeze_reward' data='1 / u.motor'/></custom>" ARM, &error),
        TZ_OK);
    double z[2];
    tz_step step;
    tz_env_reset(env, z, 1, 0);
    tz_env_step(env, &step, z, (const double[]){0.5});
    assert_true(step.outcome == TZ_STEP_OK && step.reward == 2.0);
    tz_env_step(env, &step, z, (const double[]){0.0});
    assert_int_equal(step.outcome, TZ_STEP_BAD_REWARD);
    tz_env_set_z(env, (const double[]){0.0, 1e12});
    tz_env_step(env, &step, z, (const double[]){0.0});
    assert_int_equal(step.outcome, TZ_STEP_UNSTABLE);
    assert_string_equal(tz_step_trouble(TZ_STEP_OK), "");
    assert_non_null(strstr(tz_step_trouble(TZ_STEP_UNSTABLE), "unstable"));
    tz_env_destroy(env);
}

static void test_example(void **state) {
    (void)state;
    tz_env_def def = tz_env_def_default();
    tz_env *env;
    tz_error error = {.text = ""};
    assert_int_equal(symlink(TZ_SOURCE_DIR "/assets/examples", "examples"), 0);
    def.name = "examples/balancer.xml";
    if (tz_env_create(&env, &def, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    const tz_task *task = tz_env_task(env);
    assert_true(task->nq == 9 && task->nv == 8 && task->nu == 2 && task->dt_s == 0.02);
    assert_true(task->cyclic[0] && task->cyclic[1] && !task->cyclic[2]);
    assert_true(tz_env_exists(def.name) && !tz_env_info_find(def.name));

    // left alone it falls, and its speed of zero earns nothing
    double z[17], u[2] = {0};
    tz_step step = {0};
    int t = 0;
    for (tz_env_reset(env, z, 1, 0); !step.terminated && t < 200; t++) {
        tz_env_step(env, &step, z, u);
        assert_int_equal(step.outcome, TZ_STEP_OK);
    }
    assert_true(step.terminated && t > 10 && t < 200);
    tz_env_destroy(env);
}

// ---- files made to do harm --------------------------------------------------------------------

static void expect_refusal(const char *text, size_t size, const char *words) {
    tz_error error = {.text = ""};
    tz_env *env;
    assert_int_equal(tz_file_write("bad.xml", text, size, &error), TZ_OK);
    tz_env_def def = tz_env_def_default();
    def.name = "bad.xml";
    const size_t live = tz_alloc_live();
    assert_int_not_equal(tz_env_create(&env, &def, &error), TZ_OK);
    assert_null(env);
    assert_int_equal(tz_alloc_live(), live);
    if (!strstr(error.text, words)) {
        fail_msg("%.100s: %s", text, error.text);
    }
}

static void test_hostile(void **state) {
    (void)state;
    const struct {
        const char *text, *words;
    } cases[] = {
        {"", "not an XML"},
        {"hello", "not an XML"},
        {"<mujoco><worldbody><body", "ends inside a tag"},
        {"<mujoco a=\"", "ends inside a tag"},
        {"<mujoco><!-- ", "ends inside a tag"},
        {"<mujoco><worldbody>", "MuJoCo refused"},
        {"<mujoco><include file='/etc/passwd'/></mujoco>", "outside the folder"},
        {"<mujoco><include file='../secret.xml'/></mujoco>", "outside the folder"},
        {"<mujoco><include file='a/../../secret.xml'/></mujoco>", "outside the folder"},
        {"<mujoco><include file='&#46;./secret.xml'/></mujoco>", "outside the folder"},
        {"<mujoco><include file = \"../x.xml\"/></mujoco>", "outside the folder"},
        {"<mujoco><compiler meshdir='/'/></mujoco>", "outside the folder"},
        {"<mujoco><asset><texture fileright='../a.png'/></asset></mujoco>", "outside the folder"},
        {"<mujoco><include file='bad.xml'/></mujoco>", "included"},
        {"<mujoco><Include file='bad.xml'/></mujoco>", "included"},
        {"<mujoco><include file='none.xml'/></mujoco>", "none.xml"},
        {"<mujoco><asset><texture type='2d' builtin='flat' width='1000000' "
         "height='1000000'/></asset></mujoco>",
         "too large"},
        {"<mujoco><asset><texture type='cube' builtin='flat' width='8000'/></asset></mujoco>",
         "more than 1 GB"},
        {"<mujoco><custom><numeric name='n' size='501'/></custom></mujoco>", "at most 500"},
        {"<mujoco><custom><numeric name='n' data='1&#32;2'/></custom></mujoco>", "plain digits"},
        {"<mujoco><worldbody><flexcomp name='f' type='mesh' file='f.obj'/></worldbody></mujoco>",
         "<flexcomp> of a file"},
        {"<mujoco><worldbody><flexcomp name='f' type='direct' "
         "point='0&#32;0'/></worldbody></mujoco>",
         "point of <flexcomp>"},
        {"<mujoco><worldbody><composite count='3 3 1'><skin subgrid='4000'/></composite>"
         "</worldbody></mujoco>",
         "too large"},
        {"<mujoco><include file='sub\\evil.xml'/></mujoco>", "a backslash"},
        {"<mujoco><include file='e\rvil.xml'/></mujoco>", "a control character"},
        {"<mujoco><size memory='900G'/></mujoco>", "too large"},
        {"<mujoco><size njmax='2000000000'/></mujoco>", "too large"},
        {"<mujoco><option solver='PGS' iterations='2000000000' tolerance='0'/></mujoco>",
         "too large"},
        {"<mujoco><sensor><jointpos joint='j' nsample='16000000' delay='1'/></sensor></mujoco>",
         "too large"},
        {"<mujoco><compiler><lengthrange inttotal='1e9'/></compiler></mujoco>",
         "inttotal of <lengthrange>"},
        {"<mujoco><worldbody><replicate count='1000000000'/></worldbody></mujoco>", "too large"},
        {"<mujoco><worldbody><replicate count='1000'><replicate count='1000'/></replicate>"
         "</worldbody></mujoco>",
         "1e+06 copies"},
        {"<mujoco><worldbody><flexcomp name='f' type='grid' count='100 100 100'/></worldbody>"
         "</mujoco>",
         "1e+06 copies"},
        {"<mujoco><worldbody><flexcomp name='f' type='grid' count='40 40 40'/></worldbody>"
         "</mujoco>",
         "64000 copies"},
        {"<mujoco><worldbody><replicate count='1000'><replicate count='40'><body><geom/></body>"
         "<body><geom/></body></replicate></replicate></worldbody></mujoco>",
         "more than 100000 elements with their copies"},
        {"<mujoco><worldbody><flexcomp name='f' type='grid' count='4 4 4' cellcount='40 40 40'/>"
         "</worldbody></mujoco>",
         "too large"},
        {"<mujoco><sensor><contact num='20000000'/></sensor></mujoco>", "too large"},
        {"<mujoco><asset><mesh name='m' builtin='supersphere' params='100000 1 1'/></asset>"
         "</mujoco>",
         "too large"},
        {"<mujoco><worldbody><camera resolution='100000 100000'/></worldbody></mujoco>",
         "too large"},
        {"<mujoco><sensor><user name='s' dim='2000000000'/></sensor></mujoco>", "too large"},
        {"<mujoco><asset><texture width='&#50;0000'/></asset></mujoco>", "plain digits"},
        {"<mujoco><asset><texture width='1 x 20000'/></asset></mujoco>", "plain digits"},
        {"<mujoco><![CDATA[ > <!-- ]]><include file='../x.xml'/><!-- --></mujoco>", "CDATA"},
        {"<mujoco><? > <!-- ?><include file='../x.xml'/><!-- --></mujoco>", "outside the folder"},
        {"<mujoco><!--> <a b=\" --> <include file='../x.xml'/> <!-- \"/> --></mujoco>",
         "outside the folder"},
        {"<mujoco><!---> <a b=\" --> <include file='../x.xml'/> <!-- \"/> --></mujoco>",
         "outside the folder"},
        {"<mujoco><?> <a b=\" ?> <include file='../x.xml'/> <!-- \"/> --></mujoco>",
         "outside the folder"},
        {"<mujoco><!-->", "ends inside a tag"},
        {"<?>", "ends inside a tag"},
        {"<mujoco><a></a b=\"><!--\"><include file='../x.xml'/><!-- --></mujoco>", "end tag"},
        {"<mujoco><a>< /a b=\"><!--\"><include file='../x.xml'/><!-- --></mujoco>", "name behind"},
        {"<mujoco>< include file='../x.xml'/></mujoco>", "name behind"},
        {"<mujoco><a / b='><!--'><include file='../x.xml'/><!-- --></mujoco>", "found '/ b="},
        {"<mujoco><a b=c'><!--'/><include file='../x.xml'/><!-- --></mujoco>", "in quotes"},
        {"<mujoco><a 'b'='1'/></mujoco>", "found ''b'"},
        {"<mujoco><a b c='1'/></mujoco>", "attribute b of <a> has no value"},
        {"<mujoco><a <b='1'/></mujoco>", "found '<b="},
        {"<!DOCTYPE m [<!ENTITY f '>'>]><mujoco/>", "document types"},
        {"\xef\xbb\xbf<mujoco><include file='../x.xml'/></mujoco>", "outside the folder"},
        {"\xff\xfe<mujoco><x:include file='../x.xml'/></mujoco>", "outside the folder"},
        {"<mujoco>text > ' \" & <include file='../x.xml'/></mujoco>", "outside the folder"},
        {"<mujoco><a b='<!--'/><include file='../x.xml'/><!-- --></mujoco>", "outside the folder"},
        {"<mujoco><include\ffile\v=\r'../x.xml'/></mujoco>", "outside the folder"},
        {"<mujoco><asset><model file='bad.xml'/></asset></mujoco>", "included"},
        {"<mujoco><asset><model file='../x.xml'/></asset></mujoco>", "outside the folder"},
        {"<mujoco><worldbody><body><geom size='nan'/></body></worldbody></mujoco>", "bad.xml"},
        {"<mujoco><compiler autolimits='true'/><option timestep='-1'/>" ARM "</mujoco>",
         "timestep"},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        expect_refusal(cases[i].text, strlen(cases[i].text), cases[i].words);
    }
    expect_refusal("<mujoco>\0</mujoco>", 18, "zero byte");
    expect_refusal("\xff\xfe<\0m\0", 6, "zero byte");

    // a model that an included file names, which MuJoCo looks for elsewhere
    const char part[] = "<mujoco><asset><model name='m' file='m5.xml'/></asset></mujoco>";
    assert_int_equal(tz_file_write("part.xml", part, sizeof part - 1, NULL), TZ_OK);
    const char around[] = "<mujoco><include file='part.xml'/></mujoco>";
    expect_refusal(around, sizeof around - 1, "expected it in the main file");

    // more numbers than MuJoCo 2 has room for
    static char numbers[1200] = "<mujoco><custom><numeric name='n' data='";
    for (int i = 0; i < 501; i++) {
        strcat(numbers, "1 ");
    }
    strcat(numbers, "'/></custom></mujoco>");
    expect_refusal(numbers, strlen(numbers), "data of <numeric> has more than 500 numbers");

    // an amount behind more blanks than are looked at
    static char far[1000];
    snprintf(far, sizeof far, "<mujoco><asset><texture width='%600s'/></asset></mujoco>", "20000");
    expect_refusal(far, strlen(far), "600 letters");

    // models that attach models that attach models, ten times each
    for (int depth = 0; depth < 5; depth++) {
        char name[16], text[2000];
        size_t n = (size_t)snprintf(text, sizeof text,
                                    "<mujoco><asset><model name='m' "
                                    "file='m%d.xml'/></asset><worldbody>",
                                    depth + 1);
        for (int i = 0; i < 10; i++) {
            n += (size_t)snprintf(text + n, sizeof text - n,
                                  "<body><attach model='m' body='b' prefix='p%d'/></body>", i);
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "</worldbody></mujoco>");
        snprintf(name, sizeof name, "m%d.xml", depth);
        assert_int_equal(tz_file_write(name, text, n, NULL), TZ_OK);
    }
    const char leaf[] =
        "<mujoco><worldbody><body name='b'><geom size='1'/></body></worldbody></mujoco>";
    assert_int_equal(tz_file_write("m5.xml", leaf, sizeof leaf - 1, NULL), TZ_OK);
    const char chain[] = "<mujoco><asset><model name='m' file='m0.xml'/></asset><worldbody><body>"
                         "<attach model='m' body='b' prefix='p'/></body></worldbody></mujoco>";
    expect_refusal(chain, sizeof chain - 1, "more than 100000 elements with their copies");

    // files of 40,200 elements each, the first two of which include the next: too many together
    static const char *const rest[] = {"<include file='e1.xml'/>", "<include file='e2.xml'/>", ""};
    for (int i = 0; i < 3; i++) {
        char name[16], text[200];
        const int n = snprintf(text, sizeof text,
                               "<mujoco>%s<worldbody><replicate count='200'><replicate count='100'>"
                               "<site/></replicate></replicate></worldbody></mujoco>",
                               rest[i]);
        snprintf(name, sizeof name, "e%d.xml", i);
        assert_int_equal(tz_file_write(name, text, (size_t)n, NULL), TZ_OK);
    }
    const char parents[] = "<mujoco><include file='e0.xml'/></mujoco>";
    expect_refusal(parents, sizeof parents - 1, "more than 100000 elements with their copies");

    // deeper than any robot
    static char deep[100000];
    strcpy(deep, "<mujoco><worldbody>");
    while (strlen(deep) < sizeof deep - 100) {
        strcat(deep, "<body>");
    }
    expect_refusal(deep, strlen(deep), "deep");

    // every truncation of a good file is refused or is a good file itself; none ends the program
    const char good[] = "<mujoco><compiler autolimits='true'/>" ARM "</mujoco>";
    for (size_t n = 0; n < strlen(good); n += 7) {
        expect_refusal(good, n, "bad.xml");
    }
}

// A fatal error of MuJoCo's comes back as a sentence.
static void raise(void *context) {
    (void)context;
    mju_error("the end of the world");
}

static void test_fatal_error(void **state) {
    (void)state;
    char complaint[64] = "";
    assert_false(tz_mujoco_try(raise, NULL, complaint, sizeof complaint));
    assert_non_null(strstr(complaint, "the end of the world"));
    assert_false(tz_mujoco_try(raise, NULL, complaint, sizeof complaint));
}

static void test_digest(void **state) {
    (void)state;
    const char *const name = "a/robot.xml", *const moved = "/b/arm.xml";
    const struct {
        const char *name, *digest, *other_name, *other_digest;
        tz_env_match expected;
    } cases[] = {
        {"hopper", "", "hopper", "", TZ_ENV_SAME},
        {"hopper", "", "hopper-v4", "", TZ_ENV_OTHER},
        {"hopper", "", name, "3.1.6:1", TZ_ENV_OTHER},
        {name, "3.1.6:1", moved, "3.1.6:1", TZ_ENV_SAME},
        {name, "3.1.6:1", moved, "3.1.6:2", TZ_ENV_OTHER},
        {name, "3.1.6:1", "robot.xml", "3.1.6:2", TZ_ENV_CHANGED},
        // nothing to compare but the name
        {name, "3.1.6:1", "robot.xml", "3.1.7:2", TZ_ENV_SAME},
        {name, "3.1.6:1", moved, "3.1.7:1", TZ_ENV_OTHER},
        {name, "", "/b/robot.xml", "3.1.6:1", TZ_ENV_SAME},
        {name, "", moved, "", TZ_ENV_OTHER},
    };
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        assert_int_equal(tz_env_compare(cases[i].name, cases[i].digest, cases[i].other_name,
                                        cases[i].other_digest),
                         cases[i].expected);
        assert_int_equal(tz_env_compare(cases[i].other_name, cases[i].other_digest, cases[i].name,
                                        cases[i].digest),
                         cases[i].expected);
    }

    // a digest is of the content, not of the place; the registry's environments have none
    char digest[2][TZ_DIGEST_MAX];
    static const char *const places[] = {"robot.xml", "./robot.xml"};
    for (int i = 0; i < 2; i++) {
        tz_env *env;
        assert_int_equal(make(&env, ARM, NULL), TZ_OK);
        tz_env_destroy(env);
        tz_env_def def = tz_env_def_default();
        def.name = places[i];
        assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
        snprintf(digest[i], TZ_DIGEST_MAX, "%s", tz_env_task(env)->digest);
        tz_env_destroy(env);
    }
    assert_string_equal(digest[0], digest[1]);
    assert_int_equal(strlen(strchr(digest[0], ':')), 65);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_works),
        cmocka_unit_test(test_mesh_file),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_task),
        cmocka_unit_test(test_digest),

        cmocka_unit_test(test_rule_is_pure),
        cmocka_unit_test(test_reset_quaternion),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_fatal_error),
        cmocka_unit_test(test_contacts_without_memory),
        cmocka_unit_test(test_bad_reward),
        cmocka_unit_test(test_long_joint_names),
        cmocka_unit_test(test_length_of_path),
#if mjVERSION_HEADER >= 4000000
        cmocka_unit_test(test_controls_of_an_actuator),
#endif
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
