// Pictures of an episode: they are those of its evenly spaced states, as the stage shows them, and
// trouble leaves none.
#include "view/stills.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/png.h"
#include "command.h"
#include "failing_renderer.h"
#include "view/offscreen.h"
#include "view/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 160, HEIGHT = 120, NZ_MAX = 64, STEPS_MAX = 20, HORIZON = 2 };
static const mjrRect viewport = {0, 0, WIDTH, HEIGHT};

// A cheetah and an episode of it, with plans whose states are made up.
typedef struct episode {
    tz_env *env;
    int length;
    double z[STEPS_MAX + 1][NZ_MAX];
    float u[STEPS_MAX][6];
    float plan_z[STEPS_MAX][(HORIZON + 1) * NZ_MAX],
        sample_z[STEPS_MAX][2 * (HORIZON + 1) * NZ_MAX];
    tz_loop_step step[STEPS_MAX];
    tz_plan plan[STEPS_MAX];
} episode;

static void drive(episode *e, int length) {
    tz_env_def def = tz_env_def_default();
    def.name = "half_cheetah";
    def.max_episode_steps = STEPS_MAX;
    assert_int_equal(tz_env_create(&e->env, &def, NULL), TZ_OK);
    const int nz = tz_task_nz(tz_env_task(e->env));
    e->length = length;
    tz_env_reset(e->env, e->z[0], 0, 0);
    double sum = 0.0;
    for (int t = 0; t < length; t++) {
        double u[6];
        for (int j = 0; j < 6; j++) {
            u[j] = (t + j) % 3 - 1.0;
            e->u[t][j] = (float)u[j];
        }
        for (int i = 0; i < (HORIZON + 1) * nz; i++) {
            e->plan_z[t][i] = (float)e->z[t][i % nz] + 0.1f * (float)(i / nz);
            e->sample_z[t][i] = (float)e->z[t][i % nz] - 0.1f * (float)(i / nz);
            e->sample_z[t][(HORIZON + 1) * nz + i] = e->plan_z[t][i] + 0.05f;
        }
        e->plan[t] = (tz_plan){.horizon = HORIZON,
                               .z = e->plan_z[t],
                               .sample_z = e->sample_z[t],
                               .n_sample_z = t % 3,
                               .predicted_reward = 0.5 * t,
                               .plan_s = 0.001 * t};
        e->step[t] = (tz_loop_step){.t = t, .z = e->z[t], .u = e->u[t], .z_next = e->z[t + 1]};
        tz_env_step(e->env, &e->step[t].step, e->z[t + 1], u);
        sum += e->step[t].step.reward;
        e->step[t].return_so_far = sum;
    }
}

// The first n steps of the episode, told to the observer; the end as well where all are.
static void tell(const tz_observer *o, const episode *e, int n) {
    o->episode_begin(o->context, e->env, 0, e->z[0]);
    for (int t = 0; t < n; t++) {
        o->planned(o->context, e->env, &e->plan[t]);
        o->stepped(o->context, e->env, &e->step[t]);
    }
    if (n == e->length) {
        o->episode_end(o->context, e->env, 0, 0.0, n);
    }
}

static tz_stills *open_stills(const episode *e, const char *folder, int n) {
    tz_error error;
    tz_stills_def def = tz_stills_def_default();
    def.folder = folder;
    def.title = "test";
    def.n = n;
    def.width = WIDTH;
    def.height = HEIGHT;
    def.quality = TZ_QUALITY_LOW;
    tz_stills *stills = NULL;
    if (tz_stills_create(&stills, &def, e->env, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    return stills;
}

// The picture of state `state`, drawn as a film would.
static void draw_state(const episode *e, int state, const char *path) {
    static unsigned char rgb[3 * WIDTH * HEIGHT];
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    tz_error error;
    assert_int_equal(tz_offscreen_create(&offscreen, &error), TZ_OK);
    assert_int_equal(tz_offscreen_enter(offscreen, &error), TZ_OK);
    assert_int_equal(
        tz_stage_create(&stage, e->env, "test", true, WIDTH, HEIGHT, TZ_QUALITY_LOW, &error),
        TZ_OK);
    tz_stage_begin(stage, e->z[0]);
    for (int t = 0; t < state; t++) {
        tz_stage_planned(stage, &e->plan[t]);
        tz_stage_stepped(stage, &e->step[t]);
    }
    assert_int_equal(tz_stage_draw(stage, viewport, 1.0, NULL, &error), TZ_OK);
    assert_int_equal(tz_scene_read_rgb(stage->scene, viewport, rgb, &error), TZ_OK);
    assert_int_equal(tz_png_write(path, rgb, WIDTH, HEIGHT, &error), TZ_OK);
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
}

static void pictures_are_those_of_evenly_spaced_states(void **state) {
    (void)state;
    static episode e, other;
    drive(&e, 9);
    drive(&other, 5);
    static const struct { int n, states[4]; } cases[] = {{1, {4}}, {2, {0, 9}}, {4, {0, 3, 6, 9}}};
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_error error;
        char folder[16], path[64];
        snprintf(folder, sizeof folder, "n-%d/below", cases[i].n);
        tz_stills *stills = open_stills(&e, folder, cases[i].n);
        const tz_observer observer = tz_stills_observer(stills);
        tell(&observer, &e, 5); // the episode is begun again
        assert_int_equal(shell("test -z \"$(ls %s)\"", folder), 0);
        tell(&observer, &e, e.length);
        tell(&observer, &other, other.length); // a second one
        assert_int_equal(tz_stills_finish(stills, &error), TZ_OK);
        tz_stills_destroy(stills);

        for (int k = 0; k < cases[i].n; k++) {
            draw_state(&e, cases[i].states[k], "expected.png");
            snprintf(path, sizeof path, "%s/still-%03d.png", folder, k + 1);
            assert_same_file(path, "expected.png");
        }
        assert_int_equal(shell("test $(ls %s | wc -l) -eq %d", folder, cases[i].n), 0);
    }
    tz_env_destroy(e.env);
    tz_env_destroy(other.env);
}

static void trouble_leaves_no_pictures(void **state) {
    (void)state;
    static episode e;
    drive(&e, 6);
    tz_error error;

    // not finished; shorter than pictures were asked for; a renderer that fails at the third
    static const struct {
        int n, told, pictures_left;
        tz_status status;
        const char *text;
    } cases[] = {{3, 4, -1, TZ_OK, ""},
                 {8, 6, -1, TZ_ERR_ARGUMENT, "8 pictures cannot be made: the episode has 6 steps"},
                 {4, 6, 2, TZ_ERR_UNSUPPORTED, "half_cheetah cannot be drawn: MuJoCo says: "}};
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_stills *stills = open_stills(&e, "trouble", cases[i].n);
        const tz_observer observer = tz_stills_observer(stills);
        renderer_pictures_left = cases[i].pictures_left;
        tell(&observer, &e, cases[i].told);
        assert_int_equal(renderer_pictures_left, cases[i].pictures_left < 0 ? -1 : 0);
        renderer_pictures_left = -1;
        const tz_loop_request expected = cases[i].status == TZ_OK ? TZ_LOOP_CONTINUE : TZ_LOOP_STOP;
        assert_int_equal(observer.planned(observer.context, e.env, NULL), expected);
        error.text[0] = '\0';
        assert_int_equal(tz_stills_finish(stills, &error), cases[i].status);
        if (strstr(error.text, cases[i].text) == NULL) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(shell("test -z \"$(ls trouble)\""), 0);
        tz_stills_destroy(stills);
    }

    // no memory for the steps
    tz_stills *stills = open_stills(&e, "trouble", 2);
    const tz_observer observer = tz_stills_observer(stills);
    observer.episode_begin(observer.context, e.env, 0, e.z[0]);
    tz_alloc_fail_after(1);
    assert_int_equal(observer.stepped(observer.context, e.env, &e.step[0]), TZ_LOOP_STOP);
    tz_alloc_fail_after(0);
    assert_int_equal(tz_stills_finish(stills, &error), TZ_ERR_MEMORY);
    tz_stills_destroy(stills);

    // what can be known before
    static const struct {
        int n;
        const char *folder, *text;
        tz_status status;
    } asked[] = {{STEPS_MAX + 2, "f", "22 pictures cannot be made", TZ_ERR_ARGUMENT},
                 {0, "f", "0 pictures cannot be made", TZ_ERR_ARGUMENT},
                 {1, "/proc/no", "/proc/no", TZ_ERR_IO}};
    for (size_t i = 0; i < TZ_COUNTOF(asked); i++) {
        tz_stills_def def = tz_stills_def_default();
        def.n = asked[i].n;
        def.folder = asked[i].folder;
        assert_int_equal(tz_stills_create(&stills, &def, e.env, &error), asked[i].status);
        assert_null(stills);
        assert_non_null(strstr(error.text, asked[i].text));
        assert_false(tz_folder_exists(def.folder));
    }
    tz_env_destroy(e.env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pictures_are_those_of_evenly_spaced_states, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(trouble_leaves_no_pictures, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
