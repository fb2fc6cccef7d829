// The picture follows the simulation: the robot moves between frames, paths lie where the
// prediction projects, and the film holds the frames of the simulated time.
#include "base/assert.h"
#include "base/file.h"
#include "failing_renderer.h"
#include "folder.h"
#include "view/offscreen.h"
#include "view/recorder.h"
#include "view/stage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 320, HEIGHT = 240, NZ_MAX = 64 };
static const mjrRect viewport = {0, 0, WIDTH, HEIGHT};

static tz_env *make_env(const char *name) {
    tz_env *env = NULL;
    tz_error error;
    tz_env_def def = tz_env_def_default();
    def.name = name;
    if (tz_env_create(&env, &def, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    return env;
}

static void open_stage(tz_offscreen **offscreen, tz_stage **stage, const tz_env *env) {
    tz_error error = {0};
    if (tz_offscreen_create(offscreen, &error) != TZ_OK ||
        tz_offscreen_enter(*offscreen, &error) != TZ_OK ||
        tz_stage_create(stage, env, "test", true, WIDTH, HEIGHT, TZ_QUALITY_LOW, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
}

static void draw(tz_stage *stage, double alpha) {
    tz_error error;
    if (tz_stage_draw(stage, viewport, alpha, NULL, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
}

static void read_picture(const tz_stage *stage, unsigned char *rgb) {
    tz_error error;
    if (tz_scene_read_rgb(stage->scene, viewport, rgb, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
}

// Share of pixels that differ by more than 10 in a channel.
static double difference(const unsigned char *a, const unsigned char *b) {
    int n = 0;
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        for (int c = 0; c < 3; c++) {
            if (abs(a[3 * i + c] - b[3 * i + c]) > 10) {
                n++;
                break;
            }
        }
    }
    return (double)n / (WIDTH * HEIGHT);
}

// What MuJoCo cannot make a picture of is a sentence.
static void test_fatal_error_is_a_sentence(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_scene *scene = NULL;
    tz_error error = {0};
    assert_int_equal(tz_offscreen_create(&offscreen, &error), TZ_OK);
    assert_int_equal(tz_offscreen_enter(offscreen, &error), TZ_OK);
    assert_int_equal(tz_scene_create(&scene, env, true, 1 << 30, 1 << 30, TZ_QUALITY_LOW, &error),
                     TZ_ERR_UNSUPPORTED);
    assert_null(scene);
    if (strstr(error.text, "half_cheetah cannot be drawn") == NULL) {
        fail_msg("%s", error.text);
    }
    tz_offscreen_leave(offscreen);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// Contexts come and go on their own: the end of one leaves the others as they are.
static void test_contexts_end_alone(void **state) {
    (void)state;
    tz_offscreen *first = NULL, *second = NULL;
    tz_error error = {0};
    assert_int_equal(tz_offscreen_create(&first, &error), TZ_OK);
    assert_int_equal(tz_offscreen_create(&second, &error), TZ_OK);
    tz_offscreen_destroy(first);
    if (tz_offscreen_enter(second, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    assert_true(strlen(tz_gl_renderer()) > 0);
    tz_offscreen_leave(second);
    tz_offscreen_destroy(second);
}

// Each physical system is drawn, moves, and its last body is where its coordinates say.
static void test_systems_are_drawn(void **state) {
    (void)state;
    if (!TZ_HAS_SYSTEMS) {
        skip();
    }
    static const char *const names[] = {"chain-3",   "chain-5", "spring-2", "spring-5",
                                        "gyroscope", "rotor",   "magnet",   "coupled"};
    static unsigned char first[3 * WIDTH * HEIGHT], second[3 * WIDTH * HEIGHT];
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        tz_env *env = make_env(names[i]);
        tz_offscreen *offscreen = NULL;
        tz_stage *stage = NULL;
        double z[NZ_MAX], pixel[2];
        tz_step step;
        open_stage(&offscreen, &stage, env);
        stage->shows_paths = stage->shows_text = false;
        tz_env_reset(env, z, 3, 0);
        tz_stage_begin(stage, z);
        draw(stage, 0.0);
        read_picture(stage, first);

        // its last body is in the picture
        assert_true(tz_scene_project(stage->scene, viewport, pixel, stage->scene->tracked));
        assert_true(pixel[0] > 0 && pixel[0] < WIDTH && pixel[1] > 0 && pixel[1] < HEIGHT);

        for (int t = 0; t < 10; t++) {
            tz_env_step(env, &step, z, NULL);
        }
        tz_scene_pose(stage->scene, z);
        tz_scene_render(stage->scene, viewport, NULL, 0);
        read_picture(stage, second);
        const double moved = difference(first, second);
        assert_true(moved > 0.0005 && moved < 0.5);
        tz_stage_destroy(stage);
        tz_offscreen_leave(offscreen);
        tz_offscreen_destroy(offscreen);
        tz_env_destroy(env);
    }
}

static void test_robot_moves_between_frames(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char first[3 * WIDTH * HEIGHT], second[3 * WIDTH * HEIGHT];
    double z[NZ_MAX], z_next[NZ_MAX], u[6] = {1.0, -1.0, 1.0, -1.0, 1.0, -1.0};
    open_stage(&offscreen, &stage, env);

    // bare pictures, without paths and text
    stage->shows_paths = stage->shows_text = false;
    tz_env_reset(env, z, 0, 0);
    tz_stage_begin(stage, z);
    draw(stage, 0.0);
    read_picture(stage, first);
    draw(stage, 0.0);
    read_picture(stage, second);
    assert_true(difference(first, second) == 0.0);

    // four steps later the robot stands elsewhere
    for (int t = 0; t < 4; t++) {
        tz_loop_step step = {.t = t, .z = z, .z_next = z_next, .u = (float[6]){0}};
        tz_env_step(env, &step.step, z_next, u);
        tz_stage_stepped(stage, &step);
        memcpy(z, z_next, sizeof z);
    }
    draw(stage, 1.0);
    read_picture(stage, second);
    const double moved = difference(first, second);
    assert_true(moved > 0.002);

    // half way between the last two states is another picture than either end
    draw(stage, 0.5);
    read_picture(stage, first);
    assert_true(difference(first, second) > 0.0);

    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// Reward, its terms and controls of a policy's steps, the time of a plan beside them where plans
// are made: each is another picture, and the last is followed by the first.
static void test_curves_take_turns(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char picture[TZ_N_PLOTS + 1][3 * WIDTH * HEIGHT];
    double z[NZ_MAX], z_next[NZ_MAX], u[6] = {1.0, -1.0, 0.5, -0.5, 0.2, 0.0};
    const float u_f32[6] = {1.0f, -1.0f, 0.5f, -0.5f, 0.2f, 0.0f};
    float states[2 * NZ_MAX] = {0};
    open_stage(&offscreen, &stage, env);
    for (int planned = 0; planned < 2; planned++) {
        tz_env_reset(env, z, 0, 0);
        tz_stage_begin(stage, z);
        for (int t = 0; t < 5; t++) {
            tz_loop_step step = {.t = t, .z = z, .z_next = z_next, .u = u_f32};
            const tz_plan plan = {.horizon = 1, .z = states, .plan_s = 0.004 * (t + 1)};
            if (planned) {
                tz_stage_planned(stage, &plan);
            }
            tz_env_step(env, &step.step, z_next, u);
            tz_stage_stepped(stage, &step);
            tz_stage_judged(stage, env);
            memcpy(z, z_next, sizeof z);
        }
        const mjvFigure *figure = stage->figure;
        const mjvFigure *terms = &figure[TZ_PLOT_TERMS];
        const float *sum = terms->linedata[0], *forward = terms->linedata[1],
                    *cost = terms->linedata[2];
        assert_string_equal(terms->linename[1], "forward");
        assert_string_equal(terms->linename[2], "ctrl cost");
        assert_int_equal(terms->linepnt[2], 5);
        assert_int_equal(terms->linepnt[3], 0);
        assert_true(fabsf(cost[2 * 4 + 1] + 0.254f) < 1e-5f); // 0.1 |u|^2
        assert_true(fabsf(forward[2 * 4 + 1] + cost[2 * 4 + 1] - sum[2 * 4 + 1]) < 1e-5f);
        assert_int_equal(figure[TZ_PLOT_CONTROLS].linepnt[5], 5);
        assert_true(figure[TZ_PLOT_CONTROLS].linedata[2][2 * 4 + 1] == 0.5f);
        assert_int_equal(figure[TZ_PLOT_PLAN_TIME].linepnt[0], planned ? 5 : 0);
        assert_true(!planned || figure[TZ_PLOT_PLAN_TIME].linedata[0][2 * 4 + 1] == 20.0f);

        const int n = planned ? TZ_N_PLOTS : TZ_N_PLOTS - 1;
        for (int i = 0; i <= n; i++) {
            draw(stage, 1.0);
            read_picture(stage, picture[i]);
            tz_stage_next_plot(stage);
        }
        for (int i = 1; i <= n; i++) {
            const double apart = difference(picture[0], picture[i]);
            assert_true(i < n ? apart > 0.001 : apart == 0.0);
        }
        stage->plot = TZ_PLOT_REWARD;
    }
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// The reward curve shows the last 200 steps under their own numbers.
static void test_reward_axis_follows_the_steps(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    double z[NZ_MAX];
    open_stage(&offscreen, &stage, env);
    tz_env_reset(env, z, 0, 0);
    tz_stage_begin(stage, z);
    for (int t = 0; t < 300; t++) {
        const tz_loop_step step = {.t = t, .z = z, .z_next = z, .u = (float[6]){0}};
        tz_stage_stepped(stage, &step);
        const float *axis = stage->figure->range[0];
        assert_true(axis[0] == (t < 200 ? 0.0f : (float)(t - 199)));
        assert_true(axis[1] == (t == 0 ? 1.0f : (float)t));
    }
    tz_stage_next_plot(stage); // nobody told the terms
    assert_int_equal(stage->plot, TZ_PLOT_CONTROLS);
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// Far from the start the robot still has ground below it, and the same one: pictures 800 m apart
// are equal, and pictures half a tile apart are not.
static void test_floor_has_no_end(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char here[3 * WIDTH * HEIGHT], there[3 * WIDTH * HEIGHT];
    double z[NZ_MAX] = {0};
    open_stage(&offscreen, &stage, env);
    stage->shows_paths = stage->shows_text = false;
    const double x[] = {0.0, 800.0, 0.5};
    const double lowest[] = {0.0, 0.0, 0.05}, highest[] = {0.0, 0.01, 1.0};
    for (int i = 0; i < 3; i++) {
        z[0] = x[i];
        tz_stage_begin(stage, z);
        draw(stage, 0.0);
        read_picture(stage, i == 0 ? here : there);
        const double share = i == 0 ? 0.0 : difference(here, there);
        assert_true(share >= lowest[i] && share <= highest[i]);
    }
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// A robot at x = 5.2 on a floor, with a wall, a slope, a table and a plane without an end.
static void test_only_floors_go_along(void **state) {
    (void)state;
    static const char text[] =
        "<mujoco><worldbody>"
        "<geom name='floor' type='plane' size='20 20 1' pos='0.5 0 0'/>"
        "<geom name='wall' type='plane' size='20 20 1' pos='9 0 0' euler='0 -90 0'/>"
        "<geom name='slope' type='plane' size='20 20 1' euler='0 10 0'/>"
        "<geom name='table' type='plane' size='1 1 1' pos='0 0.5 0.3'/>"
        "<geom name='endless' type='plane' size='0 0 1' pos='0 0 -1'/>"
        "<body name='robot'><joint name='x' type='slide' axis='1 0 0'/>"
        "<geom size='0.1' contype='0' conaffinity='0'/></body></worldbody></mujoco>";
    static const struct {
        const char *name;
        double x, y;
    } planes[] = {{"floor", 4.5, 0.0},
                  {"wall", 9.0, 0.0},
                  {"slope", 0.0, 0.0},
                  {"table", 0.0, 0.5},
                  {"endless", 0.0, 0.0}};
    tz_error error;
    assert_int_equal(tz_file_write("planes.xml", text, strlen(text), &error), TZ_OK);
    tz_env *env = make_env("planes.xml");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    open_stage(&offscreen, &stage, env);
    tz_scene_pose(stage->scene, (const double[]){5.2, 0.0});
    for (size_t i = 0; i < TZ_COUNTOF(planes); i++) {
        const int geom = mj_name2id(stage->scene->model, mjOBJ_GEOM, planes[i].name);
        const double *at = stage->scene->data->geom_xpos + 3 * geom;
        assert_true(fabs(at[0] - planes[i].x) < 1e-12 && fabs(at[1] - planes[i].y) < 1e-12);
    }
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

static void test_path_lies_where_the_prediction_projects(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char without[3 * WIDTH * HEIGHT], with[3 * WIDTH * HEIGHT];
    double z[NZ_MAX];
    open_stage(&offscreen, &stage, env);
    const int nz = tz_task_nz(tz_env_task(env));
    tz_env_reset(env, z, 0, 0);
    tz_stage_begin(stage, z);

    // a predicted path that rises in front of the sky: root x and z move, all else stays
    enum { N = 9 };
    float plan_z[N * NZ_MAX];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < nz; j++) {
            plan_z[i * nz + j] = (float)z[j];
        }
        plan_z[i * nz + 0] += 0.08f * (float)i;
        plan_z[i * nz + 1] += 0.5f + 0.02f * (float)i;
    }
    const tz_plan plan = {.horizon = N - 1, .z = plan_z};
    tz_stage_planned(stage, &plan);
    assert_int_equal(stage->n_plan, N);

    stage->shows_text = stage->shows_paths = false;
    draw(stage, 0.0);
    read_picture(stage, without);
    stage->shows_paths = true;
    draw(stage, 0.0);
    read_picture(stage, with);

    // every point of the path changed the picture where it projects
    for (int i = 0; i < N; i++) {
        double pixel[2];
        assert_true(tz_scene_project(stage->scene, viewport, pixel, stage->plan + 3 * i));
        const int x = (int)pixel[0], y = (int)pixel[1];
        assert_in_range(x, 1, WIDTH - 2);
        assert_in_range(y, 1, HEIGHT - 2);
        int changed = 0;
        for (int dy = -1; dy <= 1; dy++) {
            for (int dx = -1; dx <= 1; dx++) {
                const int k = 3 * ((y + dy) * WIDTH + x + dx);
                changed += memcmp(with + k, without + k, 3) != 0;
            }
        }
        assert_true(changed > 0);
    }

    // and nothing changed far away from it
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            const int k = 3 * (y * WIDTH + x);
            if (memcmp(with + k, without + k, 3) == 0) {
                continue;
            }
            double nearest = INFINITY;
            for (int i = 0; i < N; i++) {
                double pixel[2];
                tz_scene_project(stage->scene, viewport, pixel, stage->plan + 3 * i);
                nearest = fmin(nearest, hypot(pixel[0] - x, pixel[1] - y));
            }
            assert_true(nearest < 12.0);
        }
    }
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// Number of frames and size of a film, as ffprobe counts them.
static int count_frames(const char *path) {
    char command[TZ_PATH_MAX + 128];
    snprintf(command, sizeof command,
             "ffprobe -v error -count_frames -select_streams v:0 -show_entries "
             "stream=nb_read_frames -of csv=p=0 '%s'",
             path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    int n = -1;
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

static void test_film_has_the_frames_of_the_simulated_time(void **state) {
    (void)state;
    tz_env *env = make_env("hopper");
    tz_error error = {0};
    double z[NZ_MAX], z_next[NZ_MAX];
    const double u[3] = {0.2, 0.1, 0.0};
    const char path[] = "films/new/film.mp4"; // in folders that are made

    tz_recorder_def def = tz_recorder_def_default();
    def.path = path;
    def.width = WIDTH;
    def.height = HEIGHT;
    def.fps = 25.0;
    tz_recorder *recorder = NULL;
    if (tz_recorder_create(&recorder, &def, env, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
    const tz_observer observer = tz_recorder_observer(recorder);

    // 100 steps of 8 ms: 0.8 s, 20 frames after the first
    tz_env_reset(env, z, 0, 0);
    assert_int_equal(observer.episode_begin(observer.context, env, 0, z), TZ_LOOP_CONTINUE);
    for (int t = 0; t < 100; t++) {
        tz_loop_step step = {.t = t, .z = z, .z_next = z_next, .u = (float[3]){0.2f, 0.1f, 0.0f}};
        tz_env_step(env, &step.step, z_next, u);
        assert_int_equal(observer.stepped(observer.context, env, &step), TZ_LOOP_CONTINUE);
        memcpy(z, z_next, sizeof z);
    }
    // a step that cuts the episode has none
    const tz_loop_step cut = {.t = 100,
                              .z = z,
                              .z_next = z_next,
                              .u = (float[3]){0},
                              .step = {.outcome = TZ_STEP_UNSTABLE}};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(observer.stepped(observer.context, env, &cut), TZ_LOOP_CONTINUE);
    }
    assert_int_equal(tz_recorder_finish(recorder, &error), TZ_OK);
    tz_recorder_destroy(recorder);
    assert_int_equal(count_frames(path), 21);
    tz_env_destroy(env);
}

// A renderer that fails while a film is made: the loop is stopped, there is no film, and a
// sentence.
static void test_renderer_that_fails_is_a_sentence(void **state) {
    (void)state;
    tz_env *env = make_env("hopper");
    tz_error error = {0};
    tz_recorder_def def = tz_recorder_def_default();
    def.path = "failing.mp4";
    def.width = WIDTH;
    def.height = HEIGHT;
    tz_recorder *recorder = NULL;
    assert_int_equal(tz_recorder_create(&recorder, &def, env, &error), TZ_OK);
    const tz_observer observer = tz_recorder_observer(recorder);
    double z[NZ_MAX];
    tz_env_reset(env, z, 0, 0);
    renderer_pictures_left = 1;
    assert_int_equal(observer.episode_begin(observer.context, env, 0, z), TZ_LOOP_CONTINUE);
    const tz_loop_step step = {.t = 9, .z = z, .z_next = z, .u = (float[3]){0}};
    assert_int_equal(observer.stepped(observer.context, env, &step), TZ_LOOP_STOP);
    renderer_pictures_left = -1;
    assert_int_equal(tz_recorder_finish(recorder, &error), TZ_ERR_UNSUPPORTED);
    if (strstr(error.text, "failing.mp4: the film cannot be made: hopper cannot be drawn: MuJoCo "
                           "says: ") == NULL ||
        strstr(error.text, "the driver gave up") == NULL) {
        fail_msg("%s", error.text);
    }
    assert_false(tz_file_exists(def.path));
    tz_recorder_destroy(recorder);
    tz_env_destroy(env);
}

// Pixels that are brighter, or darker, than both neighbours in their row by a quarter of the range.
static int count_speckles(const unsigned char *rgb) {
    int n = 0;
    for (int i = 1; i + 1 < WIDTH * HEIGHT; i++) {
        const int left = rgb[3 * i] - rgb[3 * (i - 1)], right = rgb[3 * i] - rgb[3 * (i + 1)];
        n += (left > 64 && right > 64) || (left < -64 && right < -64);
    }
    return n;
}

// Where Ant's legs of two colours meet, the outer one covers the inner one, seen from all sides. As
// the robot is defined both are as thick, and speckle.
static void test_joints_have_one_colour(void **state) {
    (void)state;
    tz_env *env = make_env("ant");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char picture[3 * WIDTH * HEIGHT];
    double z[NZ_MAX];
    open_stage(&offscreen, &stage, env);
    stage->shows_paths = stage->shows_text = false;
    const mjModel *own = tz_env_mj_model(env);
    mjModel *drawn = stage->scene->model;
    const int foot = mj_name2id(own, mjOBJ_GEOM, "front_left_foot");
    const int leg = mj_name2id(own, mjOBJ_GEOM, "front_left_leg");
    assert_true(drawn->geom_size[3 * foot] == 1.01 * own->geom_size[3 * foot]);
    assert_true(drawn->geom_size[3 * leg] == own->geom_size[3 * leg]); // of the hip's colour

    int n[2] = {0}; // as it is drawn, as it is defined
    for (int defined = 0; defined < 2; defined++) {
        for (int side = 0; side < 8; side++) {
            tz_env_reset(env, z, (uint64_t)side, 0);
            z[8] = z[14] = 1.0; // the ankles are bent (rad)
            z[10] = z[12] = -1.0;
            tz_stage_begin(stage, z);
            stage->scene->camera.azimuth = 45.0 * side;
            stage->scene->camera.distance = 2.0;
            draw(stage, 0.0);
            read_picture(stage, picture);
            n[defined] += count_speckles(picture);
        }
        memcpy(drawn->geom_size, own->geom_size, 3 * (size_t)own->ngeom * sizeof *own->geom_size);
    }
    if (n[1] < 20 || 4 * n[0] > n[1]) {
        fail_msg("%d speckles as it is drawn, %d as it is defined", n[0], n[1]);
    }
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// Text is half as large in a small viewport; help stands in place of all other text; the curve
// makes way for a note that would lie below it, and only then.
static void test_text_fits(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char curve[3 * WIDTH * HEIGHT], with_note[3 * WIDTH * HEIGHT];
    double z[NZ_MAX];
    tz_error error;
    open_stage(&offscreen, &stage, env);
    tz_scene_fit_text(stage->scene, (mjrRect){0, 0, 640, 480});
    assert_int_equal(stage->scene->context.fontScale, 100);
    stage->scene->text_scale = 2.0; // a display of twice the pixels
    tz_scene_fit_text(stage->scene, (mjrRect){0, 0, 1280, 960});
    assert_int_equal(stage->scene->context.fontScale, 200);
    stage->scene->text_scale = 1.0;

    tz_env_reset(env, z, 0, 0);
    tz_stage_begin(stage, z);
    const tz_loop_step step = {.z = z, .z_next = z, .u = (float[6]){0}};
    tz_stage_stepped(stage, &step);
    draw(stage, 1.0);
    assert_int_equal(stage->scene->context.fontScale, 50);
    read_picture(stage, curve);

    // the strip below the raised curve, right of the note
    const char *const notes[] = {"note", "a note that reaches far into the half of the picture"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tz_stage_draw(stage, viewport, 1.0, notes[i], &error), TZ_OK);
        read_picture(stage, with_note);
        int changed = 0;
        for (int y = HEIGHT - 14; y < HEIGHT; y++) {
            const int k = 3 * (y * WIDTH + WIDTH - 30);
            changed += memcmp(curve + k, with_note + k, 3 * 30) != 0;
        }
        assert_true(i == 0 ? changed == 0 : changed > 3);
    }

    // without the curve the picture below is that without any text
    stage->help[0] = "key";
    stage->help[1] = "meaning";
    draw(stage, 1.0);
    read_picture(stage, with_note);
    stage->help[0] = NULL;
    stage->shows_text = false;
    draw(stage, 1.0);
    read_picture(stage, curve);
    const size_t half = sizeof curve / 2;
    assert_memory_equal(curve + half, with_note + half, half);
    assert_true(difference(curve, with_note) > 0.001);
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

// What is off stands in the text.
static void test_text_says_what_is_off(void **state) {
    (void)state;
    tz_env *env = make_env("half_cheetah");
    tz_offscreen *offscreen = NULL;
    tz_stage *stage = NULL;
    static unsigned char on[3 * WIDTH * HEIGHT], off[2][3 * WIDTH * HEIGHT];
    double z[NZ_MAX];
    open_stage(&offscreen, &stage, env);
    tz_env_reset(env, z, 0, 0);
    tz_stage_begin(stage, z);
    draw(stage, 1.0);
    read_picture(stage, on);
    for (int i = 0; i < 2; i++) {
        stage->off = (tz_loop_off){.planner = i == 0, .controls = i == 1};
        draw(stage, 1.0);
        read_picture(stage, off[i]);
        assert_true(difference(on, off[i]) > 0.0005);
    }
    assert_true(difference(off[0], off[1]) > 0.0001);
    tz_stage_destroy(stage);
    tz_offscreen_destroy(offscreen);
    tz_env_destroy(env);
}

static void test_trouble_is_told(void **state) {
    (void)state;
    tz_env *env = make_env("hopper");
    tz_error error = {0};
    tz_recorder *recorder = NULL;
    tz_recorder_def def = tz_recorder_def_default();

    def.path = "/proc/no-such-folder/film.mp4";
    assert_int_not_equal(tz_recorder_create(&recorder, &def, env, &error), TZ_OK);
    assert_non_null(strstr(error.text, "no-such-folder"));
    def.path = "odd.mp4";
    def.width = 321;
    assert_int_equal(tz_recorder_create(&recorder, &def, env, &error), TZ_ERR_ARGUMENT);
    assert_null(recorder);
    def.width = 320;
    const double rates[] = {0.0, -30.0, NAN, INFINITY};
    for (size_t i = 0; i < TZ_COUNTOF(rates); i++) {
        def.fps = rates[i];
        assert_int_equal(tz_recorder_create(&recorder, &def, env, &error), TZ_ERR_ARGUMENT);
        assert_non_null(strstr(error.text, "frames per second"));
    }
    def.fps = 30.0;
    def.cookie = 0;
    assert_int_equal(tz_recorder_create(&recorder, &def, env, &error), TZ_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "tz_recorder_def_default"));
    assert_false(tz_file_exists(def.path));
    tz_env_destroy(env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fatal_error_is_a_sentence),
        cmocka_unit_test(test_contexts_end_alone),
        cmocka_unit_test(test_systems_are_drawn),
        cmocka_unit_test(test_robot_moves_between_frames),
        cmocka_unit_test(test_curves_take_turns),
        cmocka_unit_test(test_reward_axis_follows_the_steps),
        cmocka_unit_test(test_floor_has_no_end),
        cmocka_unit_test(test_only_floors_go_along),
        cmocka_unit_test(test_path_lies_where_the_prediction_projects),
        cmocka_unit_test(test_film_has_the_frames_of_the_simulated_time),
        cmocka_unit_test(test_renderer_that_fails_is_a_sentence),
        cmocka_unit_test(test_joints_have_one_colour),
        cmocka_unit_test(test_text_fits),
        cmocka_unit_test(test_text_says_what_is_off),
        cmocka_unit_test(test_trouble_is_told),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
