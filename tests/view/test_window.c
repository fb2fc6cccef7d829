// A real window on an X server (with_display.sh starts one), driven by real key events.
#include "base/clock.h"
#include "base/file.h"
#include "failing_renderer.h"
#include "folder.h"
#include "plan/planner_kind.h"
#include "plan/sim_model.h"
#include "view/window.h"

#include <math.h>
#include <mujoco/mujoco.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NZ_MAX = 64 };

static tz_env *create_cheetah(void) {
    tz_env *env = NULL;
    tz_env_def def = tz_env_def_default();
    def.name = "half_cheetah";
    assert_int_equal(tz_env_create(&env, &def, NULL), TZ_OK);
    return env;
}

// What a person does at the test's window, in xdotool's words.
static void act(const char *actions) {
    char command[256];
    snprintf(command, sizeof command,
             "xdotool search --sync --onlyvisible --name '^trapeze test$' windowfocus --sync %s && "
             "sleep 0.3",
             actions);
    assert_int_equal(system(command), 0);
}

static void test_window_shows_and_obeys(void **state) {
    (void)state;
    assert_true(tz_window_is_possible());
    tz_error error = {0};
    tz_env *env = create_cheetah();

    tz_window_def def = tz_window_def_default();
    def.title = "trapeze test";
    def.screenshot_folder = test_folder;
    def.width = 320;
    def.height = 240;
    tz_window *window = NULL;
    if (tz_window_create(&window, &def, env, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    const tz_observer observer = tz_window_observer(window);
    double z[NZ_MAX], z_next[NZ_MAX];
    const double u[6] = {0};
    tz_env_reset(env, z, 0, 0);
    assert_int_equal(observer.episode_begin(observer.context, env, 0, z), TZ_LOOP_CONTINUE);

    // ten steps of 50 ms take half a second of real time
    const double start_s = tz_now_s();
    for (int t = 0; t < 10; t++) {
        tz_loop_step step = {.t = t, .z = z, .z_next = z_next, .u = (float[6]){0}};
        assert_int_equal(observer.planned(observer.context, env, NULL), TZ_LOOP_CONTINUE);
        tz_env_step(env, &step.step, z_next, u);
        assert_int_equal(observer.stepped(observer.context, env, &step), TZ_LOOP_CONTINUE);
        memcpy(z, z_next, sizeof z);
    }
    assert_true(tz_now_s() - start_s >= 0.45);

    // P saves a picture, R asks for a new start, Q ends
    tz_loop_step step = {.t = 10, .z = z, .z_next = z_next, .u = (float[6]){0}};
    act("key p");
    tz_env_step(env, &step.step, z_next, u);
    assert_int_equal(observer.stepped(observer.context, env, &step), TZ_LOOP_CONTINUE);
    assert_true(tz_file_exists("screenshot-000.png"));
    act("key r");
    assert_int_equal(observer.stepped(observer.context, env, &step), TZ_LOOP_RESTART);
    act("key q");
    assert_int_equal(observer.stepped(observer.context, env, &step), TZ_LOOP_STOP);

    tz_window_destroy(window);
    remove("screenshot-000.png");
    tz_env_destroy(env);
}

// The test's window on an episode of env that begins at z (nz).
static tz_observer open_window(tz_window **window, tz_env *env, double *z, int width, int height,
                               bool is_recorded) {
    tz_error error;
    tz_window_def def = tz_window_def_default();
    def.title = "trapeze test";
    def.width = width;
    def.height = height;
    def.is_recorded = is_recorded;
    assert_int_equal(tz_window_create(window, &def, env, &error), TZ_OK);
    const tz_observer observer = tz_window_observer(*window);
    tz_env_reset(env, z, 0, 0);
    observer.episode_begin(observer.context, env, 0, z);
    return observer;
}

// Draws a picture and hears then what was done: a step hears it as well, but a window that is late
// does not draw one in every step.
static void look(const tz_observer *observer, tz_env *env, const double *z) {
    assert_int_equal(observer->episode_begin(observer->context, env, 0, z), TZ_LOOP_CONTINUE);
}

// One control step without controls; the force of the mouse that acts on body `body` in it.
static double step_with_force(const tz_observer *observer, tz_env *env, double *z, int body) {
    double z_next[NZ_MAX];
    const double u[6] = {0};
    tz_loop_step step = {.z = z, .z_next = z_next, .u = (float[6]){0}};
    assert_int_equal(observer->planned(observer->context, env, NULL), TZ_LOOP_CONTINUE);
    const mjData *data = tz_env_mj_data(env);
    const double force = data->xfrc_applied[6 * body];
    tz_env_step(env, &step.step, z_next, u);
    assert_int_equal(observer->stepped(observer->context, env, &step), TZ_LOOP_CONTINUE);
    memcpy(z, z_next, sizeof z_next);
    return force;
}

// With Ctrl the left button grasps the torso above the middle of the picture and pulls it to the
// right, until it lets go; never in a window whose episodes are stored. The robot lies still
// before, so that it is there in every picture, however many the machine draws on the way.
static void test_mouse_pulls(void **state) {
    (void)state;
    enum { TORSO = 1, STEPS_TO_REST = 20, STEPS = 12 };
    tz_env *env = create_cheetah();
    for (int recorded = 0; recorded < 2; recorded++) {
        tz_window *window = NULL;
        double z[NZ_MAX];
        const tz_observer observer = open_window(&window, env, z, 320, 240, recorded == 1);
        for (int t = 0; t < STEPS_TO_REST; t++) {
            assert_true(step_with_force(&observer, env, z, TORSO) == 0.0);
        }
        const double x_before = z[0];

        act("mousemove --window %1 160 110");
        look(&observer, env, z);
        act("keydown ctrl mousedown 1");
        look(&observer, env, z);
        act("mousemove --window %1 260 110");
        look(&observer, env, z);
        double force = 0.0;
        for (int t = 0; t < STEPS; t++) {
            force = fmax(force, step_with_force(&observer, env, z, TORSO));
        }
        if (recorded == 1) {
            assert_true(force == 0.0);
        } else {
            assert_true(force > 10.0); // N
            assert_true(z[0] - x_before > 0.1);
        }
        act("mouseup 1 keyup ctrl");
        step_with_force(&observer, env, z, TORSO);
        assert_true(step_with_force(&observer, env, z, TORSO) == 0.0);
        tz_window_destroy(window);
    }
    tz_env_destroy(env);
}

// A planner of HalfCheetah through MuJoCo, and the window that shows it.
typedef struct rig {
    tz_env *env;
    tz_model *model;
    tz_team *team;
    tz_planner *planner;
    tz_window *window;
    tz_observer observer;
    double z[NZ_MAX];
} rig;

static void open_rig(rig *r, const tz_planner_def *def, bool is_recorded) {
    *r = (rig){.env = create_cheetah()};
    assert_int_equal(tz_sim_model_create(&r->model, r->env, NULL), TZ_OK);
    assert_int_equal(tz_team_create(&r->team, 1, NULL), TZ_OK);
    assert_int_equal(
        tz_planner_create(&r->planner, def, tz_env_task(r->env), r->model, r->team, NULL), TZ_OK);
    r->observer = open_window(&r->window, r->env, r->z, 640, 480, is_recorded);
}

static void close_rig(rig *r) {
    tz_window_destroy(r->window);
    tz_planner_destroy(r->planner);
    tz_team_destroy(r->team);
    tz_model_destroy(r->model);
    tz_env_destroy(r->env);
}

// What a person does at the rig's window, and a step that hears it.
static void act_and_look(rig *r, const char *what) {
    act(what);
    look(&r->observer, r->env, r->z);
}

// The planner's settings, after the window has been asked.
static tz_planner_def ask_settings(rig *r) {
    r->observer.planning(r->observer.context, r->planner);
    return tz_planner_settings(r->planner);
}

// Drags from one place of the window to another.
static void drag(rig *r, const char *from, const char *to) {
    char words[128];
    snprintf(words, sizeof words, "mousemove --window %%1 %s", from);
    act_and_look(r, words);
    snprintf(words, sizeof words, "mousedown 1 mousemove --window %%1 %s", to);
    act_and_look(r, words);
    act_and_look(r, "mouseup 1");
}

// Tab opens the sliders in the upper right corner: the one of the horizon is dragged from a half to
// three quarters; the button "Reset" below them brings the first settings back; never in a window
// whose episodes are stored.
static void test_sliders_set_the_planner(void **state) {
    (void)state;
    tz_planner_def def = tz_planner_def_default();
    def.horizon = 50;
    def.samples = 20;
    for (int recorded = 0; recorded < 2; recorded++) {
        rig r;
        open_rig(&r, &def, recorded == 1);
        assert_int_equal(ask_settings(&r).horizon, 50);

        act_and_look(&r, "key Tab");
        drag(&r, "557 50", "585 50");
        const tz_planner_def settings = ask_settings(&r);
        if (recorded == 1) {
            assert_int_equal(settings.horizon, 50);
        } else {
            assert_in_range(settings.horizon, 70, 80);
        }
        assert_int_equal(settings.samples, 20);
        assert_int_equal(ask_settings(&r).horizon, settings.horizon);

        act_and_look(&r, "mousemove --window %1 440 231 click 1");
        assert_int_equal(ask_settings(&r).horizon, 50);
        assert_int_equal(ask_settings(&r).samples, 20);
        close_rig(&r);
    }
}

// More samples than a policy can have candidates are no reason to refuse the others.
static void test_a_policy_keeps_to_its_most_candidates(void **state) {
    (void)state;
    rig r;
    tz_policy *policy = NULL;
    tz_env *env = create_cheetah();
    assert_int_equal(tz_policy_create(&policy, "half_cheetah-expert", tz_env_task(env), NULL),
                     TZ_OK);
    tz_planner_def def = tz_planner_def_default();
    def.policy = policy;
    def.policy_samples = TZ_POLICY_SAMPLES_MAX;
    open_rig(&r, &def, false);
    assert_int_equal(ask_settings(&r).samples, 100);
    act_and_look(&r, "key Tab");
    drag(&r, "557 77", "585 77");
    const tz_planner_def settings = ask_settings(&r);
    assert_in_range(settings.samples, 150, 1000);
    assert_int_equal(settings.policy_samples, TZ_POLICY_SAMPLES_MAX);
    close_rig(&r);
    tz_policy_destroy(policy);
    tz_env_destroy(env);
}

// In the place of the share of the elites MPPI has its temperature: the slider is dragged from a
// half to three quarters, and the elites stay as they are.
static void test_mppi_has_a_temperature(void **state) {
    (void)state;
    tz_planner_def def = tz_planner_def_default();
    def.kind = TZ_PLANNER_MPPI;
    def.samples = 20;
    def.temperature = 2.0; // of 4
    rig r;
    open_rig(&r, &def, false);
    assert_true(ask_settings(&r).temperature == 2.0);
    act_and_look(&r, "key Tab");
    drag(&r, "557 130", "585 130");
    const tz_planner_def settings = ask_settings(&r);
    assert_true(settings.temperature > 2.7 && settings.temperature < 3.3);
    assert_int_equal(settings.elites, def.elites);
    assert_int_equal(settings.horizon, def.horizon);
    close_rig(&r);
}

// The weight of the forward reward that the planner seeks, after the window has been asked.
static double ask_forward(rig *r) {
    r->observer.planning(r->observer.context, r->planner);
    const tz_task *sought = r->planner->candidates.sought;
    assert_true(sought->argument.ctrl_cost_weight == 0.1);
    return sought->argument.forward_reward_weight;
}

// Below the planner's sliders are those of the weights: that of the forward reward is dragged from
// a quarter, 1, to three quarters; planning goes on with it, and the settings stay. The environment
// pays as before. "Reset" below brings 1 back; never in a window whose episodes are stored.
static void test_sliders_weigh_the_reward(void **state) {
    (void)state;
    const tz_planner_def def = tz_planner_def_default();
    for (int recorded = 0; recorded < 2; recorded++) {
        rig r;
        open_rig(&r, &def, recorded == 1);
        assert_true(ask_forward(&r) == 1.0);

        act_and_look(&r, "key Tab");
        drag(&r, "530 299", "585 299");
        const double weight = ask_forward(&r);
        assert_true(recorded == 1 ? weight == 1.0 : weight > 2.7 && weight < 3.3);
        assert_true(tz_env_task(r.env)->argument.forward_reward_weight == 1.0);
        assert_int_equal(ask_settings(&r).horizon, def.horizon);
        assert_int_equal(ask_settings(&r).samples, def.samples);

        act_and_look(&r, "mousemove --window %1 440 359 click 1");
        assert_true(ask_forward(&r) == 1.0);
        close_rig(&r);
    }
}

// What the window says is off, after a key and a step that hears it.
static tz_loop_off off_after(const tz_observer *observer, tz_env *env, double *z, const char *key) {
    act(key);
    step_with_force(observer, env, z, 1);
    return observer->off(observer->context);
}

// Enter turns the planner off and on, where one drives, U the controls; never in a window whose
// episodes are stored. Both stay as they are when an episode begins.
static void test_keys_turn_planner_and_controls_off(void **state) {
    (void)state;
    tz_error error = {0};
    tz_env *env = create_cheetah();
    tz_model *model = NULL;
    tz_team *team = NULL;
    tz_planner *planner = NULL;
    tz_planner_def planner_def = tz_planner_def_default();
    assert_int_equal(tz_sim_model_create(&model, env, &error), TZ_OK);
    assert_int_equal(tz_team_create(&team, 1, &error), TZ_OK);
    assert_int_equal(
        tz_planner_create(&planner, &planner_def, tz_env_task(env), model, team, &error), TZ_OK);
    for (int recorded = 0; recorded < 2; recorded++) {
        tz_window *window = NULL;
        double z[NZ_MAX];
        const tz_observer observer = open_window(&window, env, z, 320, 240, recorded == 1);
        assert_false(observer.off(observer.context).planner);
        assert_false(observer.off(observer.context).controls);

        // a policy acts
        assert_false(off_after(&observer, env, z, "key Return").planner);
        tz_loop_off off = off_after(&observer, env, z, "key u");
        assert_true(off.controls == (recorded == 0) && !off.planner);

        observer.planning(observer.context, planner);
        off = off_after(&observer, env, z, "key Return");
        assert_true(off.planner == (recorded == 0) && off.controls == off.planner);
        observer.episode_begin(observer.context, env, 1, z);
        assert_true(observer.off(observer.context).planner == (recorded == 0));
        off = off_after(&observer, env, z, "key u key KP_Enter");
        assert_false(off.planner || off.controls);
        tz_window_destroy(window);
    }
    tz_planner_destroy(planner);
    tz_team_destroy(team);
    tz_model_destroy(model);
    tz_env_destroy(env);
}

// A renderer that fails ends the loop with a sentence, in a picture as in a screenshot.
static void test_renderer_that_fails_is_a_sentence(void **state) {
    (void)state;
    tz_env *env = create_cheetah();
    tz_error error;
    double z[NZ_MAX];
    for (int by_key = 0; by_key < 2; by_key++) {
        tz_window *window = NULL;
        const tz_observer observer = open_window(&window, env, z, 320, 240, false);
        assert_int_equal(tz_window_trouble(window, &error), TZ_OK);
        if (by_key) {
            act("key p");
        }
        renderer_pictures_left = by_key; // the screenshot comes after the picture
        assert_int_equal(observer.episode_begin(observer.context, env, 0, z), TZ_LOOP_STOP);
        renderer_pictures_left = -1;
        assert_int_equal(observer.planned(observer.context, env, NULL), TZ_LOOP_STOP);
        assert_int_equal(tz_window_trouble(window, &error), TZ_ERR_UNSUPPORTED);
        if (strstr(error.text, "half_cheetah cannot be drawn: MuJoCo says: ") == NULL ||
            strstr(error.text, "the driver gave up") == NULL) {
            fail_msg("%s", error.text);
        }
        assert_false(tz_file_exists("./screenshot-000.png"));
        tz_window_destroy(window);
    }
    tz_env_destroy(env);
}

// The time of the first picture of a window tells nothing of what pictures take: it is drawn again.
static void test_first_picture_is_drawn_twice(void **state) {
    (void)state;
    tz_env *env = create_cheetah();
    tz_window *window = NULL;
    double z[NZ_MAX];
    renderer_pictures_left = 4;
    const tz_observer observer = open_window(&window, env, z, 320, 240, false);
    assert_int_equal(renderer_pictures_left, 2);
    look(&observer, env, z);
    assert_int_equal(renderer_pictures_left, 1);
    renderer_pictures_left = -1;
    tz_window_destroy(window);
    tz_env_destroy(env);
}

static void test_without_display_one_sentence(void **state) {
    (void)state;
    tz_error error = {0};
    tz_env *env = create_cheetah();
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    assert_false(tz_window_is_possible());
    const tz_window_def def = tz_window_def_default(), nothing = {.width = 1, .height = 1};
    tz_window *window = NULL;
    assert_int_equal(tz_window_create(&window, &nothing, env, &error), TZ_ERR_ARGUMENT);
    tz_window_def still = def, flat = def;
    still.speed = NAN;
    flat.height = 0;
    assert_int_equal(tz_window_create(&window, &still, env, &error), TZ_ERR_ARGUMENT);
    assert_int_equal(tz_window_create(&window, &flat, env, &error), TZ_ERR_ARGUMENT);
    assert_int_equal(tz_window_create(&window, &def, env, &error), TZ_ERR_DEVICE);
    assert_non_null(strstr(error.text, "display"));
    tz_env_destroy(env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_shows_and_obeys),
        cmocka_unit_test(test_mouse_pulls),
        cmocka_unit_test(test_sliders_set_the_planner),
        cmocka_unit_test(test_a_policy_keeps_to_its_most_candidates),
        cmocka_unit_test(test_mppi_has_a_temperature),
        cmocka_unit_test(test_sliders_weigh_the_reward),
        cmocka_unit_test(test_keys_turn_planner_and_controls_off),
        cmocka_unit_test(test_renderer_that_fails_is_a_sentence),
        cmocka_unit_test(test_first_picture_is_drawn_twice),
        cmocka_unit_test(test_without_display_one_sentence),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
