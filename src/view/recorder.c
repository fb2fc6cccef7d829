#include "view/recorder.h"

#include "base/child.h"
#include "base/file.h"
#include "base/memory.h"
#include "view/offscreen.h"
#include "view/stage.h"

#include <stdio.h>

struct tz_recorder {
    tz_offscreen *offscreen;
    tz_stage *stage;
    mjrRect viewport;
    double fps;
    char path[TZ_PATH_MAX], temporary[TZ_PATH_MAX];
    tz_child *ffmpeg;
    unsigned char *rgb; // one frame                    (height, width, 3)
    int next_frame;     // of the episode; frame k shows the time k / fps
    tz_error error;     // first trouble inside a callback
};

enum { COOKIE = 0x72656364, FPS_MAX = 1000 };

tz_recorder_def tz_recorder_def_default(void) {
    return (tz_recorder_def){.cookie = COOKIE,
                             .title = "trapeze",
                             .width = 640,
                             .height = 480,
                             .fps = 30.0,
                             .quality = TZ_QUALITY_AUTO};
}

// ---- frames

// Draws the state at alpha between the last two and hands the frame to ffmpeg.
static tz_status record_frame(tz_recorder *recorder, double alpha) {
    tz_error *error = &recorder->error;
    TZ_CHECK(tz_stage_draw(recorder->stage, recorder->viewport, alpha, NULL, error));
    TZ_CHECK(tz_scene_read_rgb(recorder->stage->scene, recorder->viewport, recorder->rgb, error));
    const size_t size = 3 * (size_t)recorder->viewport.width * (size_t)recorder->viewport.height;
    return tz_child_write(recorder->ffmpeg, recorder->rgb, size, error);
}

// What a callback answers: on while all is well.
static tz_loop_request answer(const tz_recorder *recorder) {
    return recorder->error.status == TZ_OK ? TZ_LOOP_CONTINUE : TZ_LOOP_STOP;
}

static tz_loop_request on_episode_begin(void *context, tz_env *env, int episode, const double *z) {
    (void)env;
    (void)episode;
    tz_recorder *recorder = context;
    if (tz_offscreen_enter(recorder->offscreen, &recorder->error) == TZ_OK) {
        tz_stage_begin(recorder->stage, z);
        record_frame(recorder, 0.0);
        recorder->next_frame = 1;
        tz_offscreen_leave(recorder->offscreen);
    }
    return answer(recorder);
}

static tz_loop_request on_planned(void *context, tz_env *env, const tz_plan *plan) {
    (void)env;
    tz_recorder *recorder = context;
    if (plan != NULL) {
        tz_stage_planned(recorder->stage, plan);
    }
    return answer(recorder);
}

static tz_loop_request on_stepped(void *context, tz_env *env, const tz_loop_step *step) {
    (void)env;
    tz_recorder *recorder = context;
    // a step that cut the episode is in no dataset and on no film
    if (step->step.outcome != TZ_STEP_OK ||
        tz_offscreen_enter(recorder->offscreen, &recorder->error) != TZ_OK) {
        return answer(recorder);
    }
    tz_stage_stepped(recorder->stage, step);

    // all frames whose time lies in (t, t + 1] control periods
    const double period_per_frame = 1.0 / (recorder->fps * recorder->stage->scene->task->dt_s);
    tz_status status = TZ_OK;
    while (status == TZ_OK) {
        const double alpha = recorder->next_frame * period_per_frame - step->t;
        if (alpha > 1.0 + 1e-9) {
            break;
        }
        status = record_frame(recorder, alpha);
        recorder->next_frame++;
    }
    tz_offscreen_leave(recorder->offscreen);
    return answer(recorder);
}

tz_observer tz_recorder_observer(tz_recorder *recorder) {
    return (tz_observer){.context = recorder,
                         .episode_begin = on_episode_begin,
                         .planned = on_planned,
                         .stepped = on_stepped};
}

// ---- lifetime

// Raw frames in, H.264 in yuv420p out, which every player shows; the index goes to the front.
static tz_status start_ffmpeg(tz_recorder *recorder, tz_error *error) {
    char folder[TZ_PATH_MAX];
    tz_path_split(recorder->path, folder);
    TZ_CHECK(tz_make_folders(folder, error));
    TZ_CHECK(tz_file_begin(recorder->path, recorder->temporary, error));
    char size[32], rate[32], file[sizeof "file:" + TZ_PATH_MAX];
    snprintf(size, sizeof size, "%dx%d", recorder->viewport.width, recorder->viewport.height);
    snprintf(rate, sizeof rate, "%.6g", recorder->fps);
    // a name alone could be taken for an option or a protocol
    snprintf(file, sizeof file, "file:%s", recorder->temporary);
    // -xerror: without it a full disk is no failure
    // clang-format off
    const char *const argv[] = {
        "ffmpeg", "-loglevel", "error", "-xerror", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "-", "-an",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p",
        "-movflags", "+faststart", "-f", "mp4", file, NULL};
    // clang-format on
    return tz_child_start(&recorder->ffmpeg, argv, error);
}

static tz_status open_stage(tz_recorder *recorder, const tz_recorder_def *def, const tz_env *env,
                            tz_error *error) {
    TZ_CHECK(tz_offscreen_create(&recorder->offscreen, error));
    TZ_CHECK(tz_offscreen_enter(recorder->offscreen, error));
    TZ_CHECK(tz_stage_create(&recorder->stage, env, def->title, true, def->width, def->height,
                             def->quality, error));
    tz_offscreen_leave(recorder->offscreen);
    return start_ffmpeg(recorder, error);
}

tz_status tz_recorder_create(tz_recorder **recorder_out, const tz_recorder_def *def,
                             const tz_env *env, tz_error *error) {
    *recorder_out = NULL;
    if (def->cookie != COOKIE) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "the recorder's definition was not made by tz_recorder_def_default");
    }
    if (def->width < 16 || def->height < 16 || def->width % 2 != 0 || def->height % 2 != 0) {
        return tz_fail(
            error, TZ_ERR_ARGUMENT,
            "a video of %d x %d pixels cannot be made: both must be even and at least 16",
            def->width, def->height);
    }
    if (!(def->fps > 0.0 && def->fps <= FPS_MAX)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "a video of %g frames per second cannot be made: expected more than 0 and "
                       "at most %d",
                       def->fps, FPS_MAX);
    }
    tz_recorder *recorder = tz_alloc(1, sizeof *recorder);
    unsigned char *rgb = tz_alloc(3 * (size_t)def->width, (size_t)def->height);
    if (recorder == NULL || rgb == NULL) {
        tz_free(recorder);
        tz_free(rgb);
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for a recorder");
    }
    recorder->rgb = rgb;
    recorder->viewport = (mjrRect){0, 0, def->width, def->height};
    recorder->fps = def->fps;
    snprintf(recorder->path, sizeof recorder->path, "%s", def->path);
    const tz_status status = open_stage(recorder, def, env, error);
    if (status != TZ_OK) {
        tz_recorder_destroy(recorder);
        return status;
    }
    *recorder_out = recorder;
    return TZ_OK;
}

tz_status tz_recorder_finish(tz_recorder *recorder, tz_error *error) {
    // ffmpeg's own sentence says more than a broken pipe
    tz_error reason;
    tz_status status = tz_child_finish(recorder->ffmpeg, &reason);
    recorder->ffmpeg = NULL;
    if (status == TZ_OK && recorder->error.status != TZ_OK) {
        reason = recorder->error;
        status = reason.status;
    }
    if (status == TZ_OK) {
        status = tz_file_commit(recorder->temporary, recorder->path, error);
    } else {
        tz_fail(error, status, "%s: the film cannot be made: %.800s", recorder->path, reason.text);
        tz_file_abandon(recorder->temporary);
    }
    recorder->temporary[0] = '\0';
    return status;
}

void tz_recorder_destroy(tz_recorder *recorder) {
    if (recorder == NULL) {
        return;
    }
    tz_child_abandon(recorder->ffmpeg);
    if (recorder->temporary[0] != '\0') {
        tz_file_abandon(recorder->temporary);
    }
    if (recorder->offscreen != NULL && tz_offscreen_enter(recorder->offscreen, NULL) == TZ_OK) {
        tz_stage_destroy(recorder->stage);
    }
    tz_offscreen_destroy(recorder->offscreen);
    tz_free(recorder->rgb);
    tz_free(recorder);
}
