#include "view/window.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/png.h"
#include "envs/mujoco_compat.h"
#include "view/offscreen.h"
#include "view/pace.h"
#include "view/panel.h"
#include "view/stage.h"

#include <GLFW/glfw3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the keys and the mouse do, in two columns.
static const char *const help[] = {
    "space, right\n"
    "up, down\n"
    "R\n"
    "Enter\n"
    "U\n"
    "Tab\n"
    "T, S, I\n"
    "F\n"
    "C\n"
    "P\n"
    "H\n"
    "Q, Esc\n"
    "mouse\n"
    "Ctrl + left",
    "pause / go on; one step\n"
    "faster, slower\n"
    "restart the episode\n"
    "planner off / on (off: follow the last plan)\n"
    "controls off / on (off: zero)\n"
    "sliders: planner, weights of its reward\n"
    "paths, candidates of the plan, text\n"
    "curve: reward, terms, controls, plan time\n"
    "follow the robot / free camera\n"
    "screenshot (PNG)\n"
    "this help\n"
    "quit\n"
    "left: turn, right: move, wheel: zoom\n"
    "pull at the robot",
};

struct tz_window {
    GLFWwindow *glfw;
    tz_stage *stage;
    tz_panel *panel; // NULL until a planner is known
    const char *screenshot_folder;
    int n_screenshots;

    double speed; // simulated seconds per second
    tz_pace pace;
    bool is_paused, wants_step;
    bool is_recorded; // no pulls, sliders and switches
    bool has_pulled;  // the simulation has a force of the mouse on it
    tz_loop_request request;
    tz_error trouble;  // the first inside a callback
    char message[256]; // shown for a while: a screenshot's path, an error
    double message_until_s;
    double mouse_x, mouse_y;
};

enum { COOKIE = 0x77696e64 };

tz_window_def tz_window_def_default(void) {
    return (tz_window_def){.cookie = COOKIE,
                           .title = "trapeze",
                           .screenshot_folder = ".",
                           .width = 1000,
                           .height = 700,
                           .speed = 1.0,
                           .quality = TZ_QUALITY_AUTO};
}

bool tz_window_is_possible(void) {
    const char *x11 = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    return (x11 != NULL && x11[0] != '\0') || (wayland != NULL && wayland[0] != '\0');
}

// ---- drawing

static mjrRect viewport_of(const tz_window *window) {
    mjrRect viewport = {0, 0, 0, 0};
    glfwGetFramebufferSize(window->glfw, &viewport.width, &viewport.height);
    return viewport;
}

// Where the mouse is in the picture, whose pixels may be finer than the window's units.
static void mouse_pixel(tz_window *window, double pixel[2]) {
    int width = 0, height = 0;
    glfwGetWindowSize(window->glfw, &width, &height);
    const mjrRect viewport = viewport_of(window);
    pixel[0] = width > 0 ? window->mouse_x / width * viewport.width : 0.0;
    pixel[1] = height > 0 ? window->mouse_y / height * viewport.height : 0.0;
}

// The line at the lower left: a message that has just come, else, as a part of the text that may be
// off, how the time runs.
static const char *write_note(const tz_window *window, char *note, size_t size) {
    if (tz_now_s() < window->message_until_s) {
        return window->message;
    }
    if (!window->stage->shows_text || window->stage->help[0] != NULL) {
        return NULL;
    }
    if (window->is_paused) {
        snprintf(note, size, "paused (space: go on, right: one step, H: help)");
    } else if (tz_pace_lateness(&window->pace) > 1.1) {
        snprintf(note, size, "%s is late: %.2f x real time", tz_pace_culprit(&window->pace),
                 window->speed / tz_pace_lateness(&window->pace));
    } else {
        snprintf(note, size, "%.2g x real time (H: help)", window->speed);
    }
    return note;
}

// Hears what the person at the window does.
static void attend(tz_window *window) {
    glfwPollEvents();
    if (glfwWindowShouldClose(window->glfw)) {
        window->request = TZ_LOOP_STOP;
    }
}

// Keeps the first trouble, which ends the loop.
static void stop_on(tz_window *window, tz_status status, const tz_error *error) {
    if (status != TZ_OK && window->trouble.status == TZ_OK) {
        window->trouble = *error;
    }
    if (status != TZ_OK) {
        window->request = TZ_LOOP_STOP;
    }
}

// Runs what asks MuJoCo's renderer.
static void attempt(tz_window *window, void (*body)(void *context), void *context) {
    tz_error error;
    stop_on(window, tz_scene_try(window->stage->scene, body, context, &error), &error);
}

// The curve makes way in the next picture.
static void draw_panel(void *context) {
    tz_window *window = context;
    mjrContext *text = &window->stage->scene->context;
    window->stage->covered = tz_panel_draw(window->panel, viewport_of(window), text);
}

static void draw(tz_window *window, double alpha) {
    const double start_s = tz_now_s();
    char text[sizeof window->message];
    const char *note = write_note(window, text, sizeof text);
    const mjrRect viewport = viewport_of(window);
    if (viewport.width > 0 && viewport.height > 0) {
        tz_error error;
        stop_on(window, tz_stage_draw(window->stage, viewport, alpha, note, &error), &error);
    }
    if (window->panel != NULL && window->trouble.status == TZ_OK) {
        attempt(window, draw_panel, window);
    }
    glfwSwapBuffers(window->glfw);
    attend(window);
    if (window->stage->pull.body != 0) {
        double pixel[2];
        mouse_pixel(window, pixel);
        tz_pull_follow(&window->stage->pull, window->stage->scene, viewport, pixel);
    }
    tz_pace_drawn(&window->pace, start_s, tz_now_s());
}

static void say(tz_window *window, const char *text) {
    snprintf(window->message, sizeof window->message, "%.*s", (int)sizeof window->message - 1,
             text);
    window->message_until_s = tz_now_s() + 4.0;
}

static void take_screenshot(tz_window *window) {
    // the first free name in the folder
    char name[64], path[TZ_PATH_MAX];
    tz_error error;
    if (tz_make_folders(window->screenshot_folder, &error) != TZ_OK) {
        say(window, error.text);
        return;
    }
    do {
        snprintf(name, sizeof name, "screenshot-%03d.png", window->n_screenshots++);
        if (tz_path_join(path, window->screenshot_folder, name, &error) != TZ_OK) {
            say(window, error.text);
            return;
        }
    } while (tz_file_exists(path));

    const mjrRect viewport = viewport_of(window);
    unsigned char *rgb = tz_alloc(3 * (size_t)viewport.width, (size_t)viewport.height);
    if (rgb == NULL) {
        say(window, "no memory for a screenshot");
        return;
    }
    tz_status status = tz_stage_draw(window->stage, viewport, 1.0, NULL, &error);
    if (status == TZ_OK) {
        status = tz_scene_read_rgb(window->stage->scene, viewport, rgb, &error);
    }
    stop_on(window, status, &error);
    if (status == TZ_OK) {
        status = tz_png_write(path, rgb, viewport.width, viewport.height, &error);
    }
    tz_free(rgb);
    say(window, status == TZ_OK ? path : error.text);
}

// ---- keys and mouse

static void toggle_camera(tz_scene *scene) {
    if (scene->camera.type == mjCAMERA_TRACKING) {
        scene->camera.type = mjCAMERA_FREE;
        memcpy(scene->camera.lookat, scene->tracked, sizeof scene->tracked);
    } else if (!scene->is_system) {
        scene->camera.type = mjCAMERA_TRACKING;
        scene->camera.trackbodyid = scene->tracked_body;
    }
}

// The planner goes on with its last plan, or plans again.
static void toggle_planner(tz_window *window) {
    bool *off = &window->stage->off.planner;
    if (window->is_recorded) {
        say(window, "the planner stays on: these episodes are stored as data (leave out --out)");
    } else if (window->panel == NULL) {
        say(window, "no planner drives");
    } else {
        *off = !*off;
        say(window, *off ? "planner off: the last plan is followed (Enter: on)" : "planner on");
    }
}

static void toggle_controls(tz_window *window) {
    bool *off = &window->stage->off.controls;
    if (window->is_recorded) {
        say(window, "the controls stay on: these episodes are stored as data (leave out --out)");
    } else if (window->stage->scene->task->nu == 0) {
        say(window, "this system has no controls");
    } else {
        *off = !*off;
        say(window, *off ? "controls off: zero (U: on)" : "controls on");
    }
}

static void toggle_help(tz_stage *stage) {
    const bool shows = stage->help[0] != NULL;
    stage->help[0] = shows ? NULL : help[0];
    stage->help[1] = shows ? NULL : help[1];
}

static void toggle_panel(tz_window *window) {
    if (window->is_recorded) {
        say(window, "no sliders: these episodes are stored as data (leave out --out)");
    } else if (window->panel == NULL) {
        say(window, "no sliders: no planner drives");
    } else {
        tz_panel_toggle(window->panel);
    }
}

// A key, a button or a move, as GLFW tells it.
typedef struct input {
    tz_window *window;
    int code, action, mods; // of a key or button
    double x, y;            // of the mouse, or of its wheel
} input;

static void press_key(void *context) {
    const input *in = context;
    tz_window *window = in->window;
    switch (in->code) {
    case GLFW_KEY_SPACE:
        window->is_paused = !window->is_paused;
        break;
    case GLFW_KEY_RIGHT:
        window->wants_step = true;
        break;
    case GLFW_KEY_UP:
        window->speed = fmin(window->speed * 2.0, 64.0);
        break;
    case GLFW_KEY_DOWN:
        window->speed = fmax(window->speed / 2.0, 1.0 / 64.0);
        break;
    case GLFW_KEY_R:
        window->request = TZ_LOOP_RESTART;
        break;
    case GLFW_KEY_T:
        window->stage->shows_paths = !window->stage->shows_paths;
        break;
    case GLFW_KEY_S:
        window->stage->shows_samples = !window->stage->shows_samples;
        break;
    case GLFW_KEY_F:
        tz_stage_next_plot(window->stage);
        break;
    case GLFW_KEY_I:
        window->stage->shows_text = !window->stage->shows_text;
        break;
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER:
        toggle_planner(window);
        break;
    case GLFW_KEY_U:
        toggle_controls(window);
        break;
    case GLFW_KEY_TAB:
        toggle_panel(window);
        break;
    case GLFW_KEY_C:
        toggle_camera(window->stage->scene);
        break;
    case GLFW_KEY_P:
        take_screenshot(window);
        break;
    case GLFW_KEY_H:
        toggle_help(window->stage);
        break;
    case GLFW_KEY_Q:
    case GLFW_KEY_ESCAPE:
        window->request = TZ_LOOP_STOP;
        break;
    default: // other keys mean nothing
        break;
    }
}

// True when what the mouse does concerns the panel.
static bool is_for_panel(tz_window *window, mjtEvent event, double scroll) {
    if (window->panel == NULL) {
        return false;
    }
    double pixel[2]; // from the upper left corner
    mouse_pixel(window, pixel);
    const tz_panel_mouse mouse = {
        .event = event,
        .left_button = glfwGetMouseButton(window->glfw, GLFW_MOUSE_BUTTON_LEFT) == GLFW_PRESS,
        .x = pixel[0],
        .y = viewport_of(window).height - pixel[1],
        .scroll = scroll};
    return tz_panel_mouse_event(window->panel, &mouse, &window->stage->scene->context);
}

static void move_mouse(void *context) {
    const input *in = context;
    tz_window *window = in->window;
    GLFWwindow *glfw = window->glfw;
    const double dx = in->x - window->mouse_x, dy = in->y - window->mouse_y;
    window->mouse_x = in->x;
    window->mouse_y = in->y;
    if (is_for_panel(window, mjEVENT_MOVE, 0.0)) {
        return;
    }
    int width = 0, height = 0;
    glfwGetWindowSize(glfw, &width, &height);

    const bool pulls = glfwGetKey(glfw, GLFW_KEY_LEFT_CONTROL) == GLFW_PRESS ||
                       glfwGetKey(glfw, GLFW_KEY_RIGHT_CONTROL) == GLFW_PRESS;
    const bool left = !pulls && glfwGetMouseButton(glfw, GLFW_MOUSE_BUTTON_LEFT) == GLFW_PRESS;
    const bool right = glfwGetMouseButton(glfw, GLFW_MOUSE_BUTTON_RIGHT) == GLFW_PRESS;
    if ((left || right) && height > 0) {
        tz_scene *scene = window->stage->scene;
        tz_mujoco_move_camera(scene->model, left ? mjMOUSE_ROTATE_H : mjMOUSE_MOVE_V, dx / height,
                              dy / height, &scene->scene, &scene->camera);
    }
}

static void press_button(void *context) {
    const input *in = context;
    tz_window *window = in->window;
    const bool pulls = (in->mods & GLFW_MOD_CONTROL) != 0;
    if (in->code != GLFW_MOUSE_BUTTON_LEFT ||
        is_for_panel(window, in->action == GLFW_PRESS ? mjEVENT_PRESS : mjEVENT_RELEASE, 0.0)) {
        return;
    }
    if (in->action == GLFW_RELEASE) {
        window->stage->pull.body = 0;
    } else if (pulls && window->is_recorded) {
        say(window, "no pulling: these episodes are stored as data (leave out --out)");
    } else if (pulls) {
        double pixel[2];
        mouse_pixel(window, pixel);
        tz_pull_grasp(&window->stage->pull, window->stage->scene, viewport_of(window), pixel);
    }
}

static void turn_wheel(void *context) {
    const input *in = context;
    if (is_for_panel(in->window, mjEVENT_SCROLL, in->y)) {
        return;
    }
    tz_scene *scene = in->window->stage->scene;
    tz_mujoco_move_camera(scene->model, mjMOUSE_ZOOM, 0.0, -0.05 * in->y, &scene->scene,
                          &scene->camera);
}

static void hear(GLFWwindow *glfw, void (*obey)(void *context), input in) {
    in.window = glfwGetWindowUserPointer(glfw);
    attempt(in.window, obey, &in);
}

static void on_key(GLFWwindow *glfw, int key, int scancode, int action, int mods) {
    (void)scancode;
    // a key that is held down goes on only with what has degrees
    const bool repeats = key == GLFW_KEY_RIGHT || key == GLFW_KEY_UP || key == GLFW_KEY_DOWN;
    if (action == GLFW_PRESS || (action == GLFW_REPEAT && repeats)) {
        hear(glfw, press_key, (input){.code = key, .action = action, .mods = mods});
    }
}

static void on_mouse_move(GLFWwindow *glfw, double x, double y) {
    hear(glfw, move_mouse, (input){.x = x, .y = y});
}

static void on_mouse_button(GLFWwindow *glfw, int button, int action, int mods) {
    hear(glfw, press_button, (input){.code = button, .action = action, .mods = mods});
}

static void on_scroll(GLFWwindow *glfw, double x, double y) {
    hear(glfw, turn_wheel, (input){.x = x, .y = y});
}

// ---- observer

// A callback holds the window's context only while it runs, so that a recorder may use its own on
// the same thread.
static tz_window *enter(void *context) {
    tz_window *window = context;
    glfwMakeContextCurrent(window->glfw);
    return window;
}

static tz_loop_request leave(tz_window *window) {
    glfwMakeContextCurrent(NULL);
    const tz_loop_request request = window->request;
    window->request = TZ_LOOP_CONTINUE;
    return window->trouble.status == TZ_OK ? request : TZ_LOOP_STOP;
}

static tz_loop_request on_episode_begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env;
    (void)episode;
    tz_window *window = enter(context);
    const bool is_first = window->pace.frame_s == 0.0;
    tz_stage_begin(window->stage, z);
    draw(window, 1.0);
    if (is_first) { // the driver compiled what it needs for it, which no other picture takes
        window->pace.frame_s = 0.0;
        draw(window, 1.0);
    }
    tz_pace_begin(&window->pace, tz_now_s());
    return leave(window);
}

// Brings the mouse's force to the simulation, and away from it when the mouse lets go.
static void apply_pull(tz_window *window, tz_env *env) {
    const bool pulls = window->stage->pull.body != 0;
    if (pulls || window->has_pulled) {
        tz_pull_apply(&window->stage->pull, tz_env_mj_model(env), tz_env_mj_data(env));
        window->has_pulled = pulls;
    }
}

static tz_loop_off on_off(void *context) {
    const tz_window *window = context;
    return window->stage->off;
}

// What the weights' sliders say is sought; what is shown as earned stays the environment's reward.
static tz_status take_weights(tz_window *window, tz_planner *planner, tz_error *error) {
    const char *weight;
    double value;
    bool has_moved = false;
    while (tz_panel_take_weight(window->panel, &weight, &value)) {
        TZ_CHECK(tz_planner_weigh(planner, weight, value, error));
        has_moved = true;
    }
    bool *is_weighed = &window->stage->is_weighed;
    *is_weighed = tz_panel_is_weighed(window->panel);
    if (has_moved) {
        say(window, *is_weighed
                        ? "plans seek these weights; reward and return stay the environment's"
                        : "plans seek the environment's reward");
    }
    return TZ_OK;
}

// What the sliders say counts for the plan that is about to be made.
static void on_planning(void *context, tz_planner *planner) {
    tz_window *window = enter(context);
    tz_planner_def settings = tz_planner_settings(planner);
    tz_error error;
    tz_status status = TZ_OK;
    if (window->panel == NULL) {
        const tz_task *task = window->stage->scene->task;
        status = tz_panel_create(&window->panel, &settings, task, &error);
    } else if (tz_panel_take(window->panel, &settings)) {
        status = tz_planner_change(planner, &settings, &error);
    }
    if (status == TZ_OK) {
        status = take_weights(window, planner, &error);
    }
    if (status != TZ_OK) {
        say(window, error.text);
    }
    glfwMakeContextCurrent(NULL);
}

static tz_loop_request on_planned(void *context, tz_env *env, const tz_plan *plan) {
    tz_window *window = enter(context);
    if (plan != NULL) {
        tz_stage_planned(window->stage, plan);
    }

    // a paused loop waits here, with the plan on the screen, for one step or to go on
    while (window->is_paused && !window->wants_step && window->request == TZ_LOOP_CONTINUE &&
           !tz_interrupted()) {
        draw(window, 1.0);
        tz_pace_begin(&window->pace, tz_now_s());
    }
    window->wants_step = false;
    apply_pull(window, env);
    return leave(window);
}

static tz_loop_request on_stepped(void *context, tz_env *env, const tz_loop_step *step) {
    tz_window *window = enter(context);
    if (step->step.outcome != TZ_STEP_OK) { // it cut the episode, and is in no dataset
        attend(window);
        return leave(window);
    }
    tz_stage_stepped(window->stage, step);
    tz_stage_judged(window->stage, env);

    // the time that the step has left is filled with pictures on the way to the new state
    const double period_s = window->stage->scene->task->dt_s / window->speed;
    const double plan_s = step->plan != NULL ? step->plan->plan_s : 0.0;
    const double start_s = tz_now_s();
    if (tz_pace_step(&window->pace, start_s, period_s, plan_s)) {
        const double left_s = window->pace.due_s - start_s;
        for (double now_s = start_s;
             now_s < window->pace.due_s && window->request == TZ_LOOP_CONTINUE && !tz_interrupted();
             now_s = tz_now_s()) {
            draw(window, (now_s - start_s) / left_s);
        }
    } else if (tz_pace_shows_late(&window->pace, start_s)) {
        draw(window, 1.0);
    } else {
        attend(window);
    }
    return leave(window);
}

tz_observer tz_window_observer(tz_window *window) {
    return (tz_observer){.context = window,
                         .episode_begin = on_episode_begin,
                         .off = on_off,
                         .planning = on_planning,
                         .planned = on_planned,
                         .stepped = on_stepped};
}

tz_status tz_window_trouble(const tz_window *window, tz_error *error) {
    const tz_error *e = &window->trouble;
    return e->status == TZ_OK ? TZ_OK : tz_fail(error, e->status, "%s", e->text);
}

// ---- lifetime

static tz_status open_glfw(tz_window *window, const tz_window_def *def, tz_error *error) {
    const char *reason = NULL;
    if (!glfwInit()) {
        glfwGetError(&reason);
        return tz_fail(error, TZ_ERR_DEVICE, "no display to open a window on: %s",
                       reason != NULL ? reason : "GLFW did not start");
    }
    // only an open window tells whether its renderer is fast enough for multisampling
    bool multisampled = def->quality == TZ_QUALITY_HIGH;
    for (bool is_settled = false; !is_settled;) {
        glfwWindowHint(GLFW_SAMPLES, multisampled ? 4 : 0);
        window->glfw = glfwCreateWindow(def->width, def->height, def->title, NULL, NULL);
        if (window->glfw == NULL) {
            glfwGetError(&reason);
            return tz_fail(error, TZ_ERR_DEVICE, "cannot open a window of %d x %d: %s", def->width,
                           def->height, reason != NULL ? reason : "GLFW gave no reason");
        }
        glfwMakeContextCurrent(window->glfw);
        is_settled = multisampled || def->quality != TZ_QUALITY_AUTO || tz_gl_is_software();
        if (!is_settled) {
            glfwDestroyWindow(window->glfw);
            multisampled = true;
        }
    }
    glfwSwapInterval(1);
    return TZ_OK;
}

tz_status tz_window_create(tz_window **window_out, const tz_window_def *def, const tz_env *env,
                           tz_error *error) {
    *window_out = NULL;
    if (def->cookie != COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "the window's definition was not made by tz_window_def_default");
    }
    if (def->width < 1 || def->height < 1 || !(def->speed > 0.0 && isfinite(def->speed))) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "a window of %d x %d pixels at %g times real time cannot be made: expected "
                       "at least 1 x 1 and a speed above 0",
                       def->width, def->height, def->speed);
    }
    tz_window *window = tz_alloc(1, sizeof *window);
    if (window == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a window");
    }
    window->speed = def->speed;
    window->is_paused = def->starts_paused;
    window->is_recorded = def->is_recorded;
    window->screenshot_folder = def->screenshot_folder;
    tz_status status = open_glfw(window, def, error);
    if (status == TZ_OK) {
        status = tz_stage_create(&window->stage, env, def->title, false, def->width, def->height,
                                 def->quality, error);
    }
    if (status != TZ_OK) {
        tz_window_destroy(window);
        return status;
    }
    float across = 1.0f, down = 1.0f;
    glfwGetWindowContentScale(window->glfw, &across, &down);
    window->stage->scene->text_scale = fmax((double)down, 1.0);
    glfwSetWindowUserPointer(window->glfw, window);
    glfwSetKeyCallback(window->glfw, on_key);
    glfwSetCursorPosCallback(window->glfw, on_mouse_move);
    glfwSetMouseButtonCallback(window->glfw, on_mouse_button);
    glfwSetScrollCallback(window->glfw, on_scroll);
    glfwMakeContextCurrent(NULL);
    *window_out = window;
    return TZ_OK;
}

void tz_window_destroy(tz_window *window) {
    if (window == NULL) {
        return;
    }
    if (window->glfw != NULL) {
        glfwMakeContextCurrent(window->glfw);
        tz_panel_destroy(window->panel);
        tz_stage_destroy(window->stage);
        glfwDestroyWindow(window->glfw);
    }
    glfwTerminate();
    tz_free(window);
}
