#include "cli/viewing.h"

#include <string.h>
#include <strings.h>

const char *const tz_quality_choices[] = {
    [TZ_QUALITY_AUTO] = "auto", [TZ_QUALITY_LOW] = "low", [TZ_QUALITY_HIGH] = "high", NULL};

static tz_status check_idle(const tz_viewing *v, const tz_option *options, size_t n,
                            tz_error *error) {
    const bool films = v->video != NULL, leaves_stills = v->stills > 0;
    const bool shows = v->view || films || leaves_stills;
    const struct {
        const void *value;
        bool is_used;
        const char *by;
    } uses[] = {{&v->paused, v->view, "--view"},
                {&v->speed, v->view, "--view"},
                {&v->fps, films, "--video"},
                {&v->screenshots, v->view || leaves_stills, "--view or --stills"},
                {&v->quality, shows, "--view, --video or --stills"},
                {&v->width, shows, "--view, --video or --stills"},
                {&v->height, shows, "--view, --video or --stills"}};
    for (size_t i = 0; i < TZ_COUNTOF(uses); i++) {
        const tz_option *option = tz_option_given(options, n, uses[i].value);
        if (option != NULL && !uses[i].is_used) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%s: it changes nothing without %s",
                           option->name, uses[i].by);
        }
    }
    return TZ_OK;
}

tz_status tz_viewing_check(const tz_viewing *viewing, const tz_option *options, size_t n,
                           tz_error *error) {
    const char *video = viewing->video;
    const size_t length = video != NULL ? strlen(video) : 0;
    if (video != NULL && (length < 4 || strcasecmp(video + length - 4, ".mp4") != 0)) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "--video %s: films are MP4, expected a name that ends in .mp4", video);
    }
    return check_idle(viewing, options, n, error);
}

tz_status tz_viewing_open(tz_viewing *viewing, const tz_env *env, const char *title,
                          const char *out, tz_observer observers[TZ_VIEWING_OBSERVERS_MAX], int *n,
                          tz_error *error) {
    *n = 0;
    const char *folder = viewing->screenshots != NULL ? viewing->screenshots : out;
    if (viewing->view) {
        tz_window_def def = tz_window_def_default();
        def.title = title;
        def.screenshot_folder = folder;
        def.width = viewing->width;
        def.height = viewing->height;
        def.speed = viewing->speed;
        def.starts_paused = viewing->paused;
        def.is_recorded = viewing->is_recorded;
        def.quality = (tz_quality)viewing->quality;
        TZ_CHECK(tz_window_create(&viewing->window, &def, env, error));
        observers[(*n)++] = tz_window_observer(viewing->window);
    }
    if (viewing->video != NULL) {
        tz_recorder_def def = tz_recorder_def_default();
        def.path = viewing->video;
        def.title = title;
        def.width = viewing->width;
        def.height = viewing->height;
        def.fps = viewing->fps;
        def.quality = (tz_quality)viewing->quality;
        TZ_CHECK(tz_recorder_create(&viewing->recorder, &def, env, error));
        observers[(*n)++] = tz_recorder_observer(viewing->recorder);
    }
    if (viewing->stills > 0) {
        tz_stills_def def = tz_stills_def_default();
        def.folder = folder;
        def.title = title;
        def.n = viewing->stills;
        def.width = viewing->width;
        def.height = viewing->height;
        def.quality = (tz_quality)viewing->quality;
        TZ_CHECK(tz_stills_create(&viewing->pictures, &def, env, error));
        observers[(*n)++] = tz_stills_observer(viewing->pictures);
    }
    return TZ_OK;
}

tz_status tz_viewing_close(tz_viewing *viewing, tz_error *error) {
    tz_error other; // of what is closed after the first trouble
    tz_status status = TZ_OK;
    if (viewing->window != NULL) {
        status = tz_window_trouble(viewing->window, error);
    }
    if (viewing->recorder != NULL) {
        const tz_status filmed =
            tz_recorder_finish(viewing->recorder, status == TZ_OK ? error : &other);
        status = status == TZ_OK ? filmed : status;
    }
    if (viewing->pictures != NULL && status == TZ_OK) {
        status = tz_stills_finish(viewing->pictures, error);
    }
    tz_viewing_abandon(viewing);
    return status;
}

void tz_viewing_abandon(tz_viewing *viewing) {
    tz_stills_destroy(viewing->pictures);
    tz_recorder_destroy(viewing->recorder);
    tz_window_destroy(viewing->window);
    viewing->pictures = NULL;
    viewing->recorder = NULL;
    viewing->window = NULL;
}
