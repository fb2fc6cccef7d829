#include "view/offscreen.h"

#include "base/memory.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/gl.h>
#include <pthread.h>
#include <string.h>

struct tz_offscreen {
    EGLDisplay display; // of all contexts
    EGLContext context;
};

// EGL hands out one display, however often it is asked, and its end is the end of every context on
// it: the last one that goes ends it.
static pthread_mutex_t display_lock = PTHREAD_MUTEX_INITIALIZER;
static EGLDisplay display_in_use = EGL_NO_DISPLAY;
static int n_display_users;

// The surfaceless platform first, the default display where a driver does not know it.
static EGLDisplay open_display(void) {
    const PFNEGLGETPLATFORMDISPLAYEXTPROC get_platform_display =
        (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
    if (get_platform_display != NULL) {
        const EGLDisplay display =
            get_platform_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
        if (display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL)) {
            return display;
        }
    }
    const EGLDisplay display = eglGetDisplay(EGL_DEFAULT_DISPLAY);
    return display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL) ? display
                                                                           : EGL_NO_DISPLAY;
}

static EGLDisplay take_display(void) {
    pthread_mutex_lock(&display_lock);
    if (n_display_users == 0) {
        display_in_use = open_display();
    }
    n_display_users += display_in_use != EGL_NO_DISPLAY;
    const EGLDisplay display = display_in_use;
    pthread_mutex_unlock(&display_lock);
    return display;
}

static void give_display_back(void) {
    pthread_mutex_lock(&display_lock);
    if (--n_display_users == 0) {
        eglTerminate(display_in_use);
    }
    pthread_mutex_unlock(&display_lock);
}

static tz_status fail(tz_offscreen *offscreen, const char *step, tz_error *error) {
    const int code = eglGetError();
    tz_offscreen_destroy(offscreen);
    return tz_fail(error, TZ_ERR_DEVICE,
                   "EGL: %s failed with 0x%x; off-screen drawing needs an OpenGL driver (Mesa's "
                   "libgl1-mesa-dri and libegl1 are enough)",
                   step, code);
}

tz_status tz_offscreen_create(tz_offscreen **offscreen_out, tz_error *error) {
    *offscreen_out = NULL;
    tz_offscreen *offscreen = tz_alloc(1, sizeof *offscreen);
    if (offscreen == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory for an off-screen context");
    }
    offscreen->context = EGL_NO_CONTEXT;
    offscreen->display = take_display();
    if (offscreen->display == EGL_NO_DISPLAY) {
        return fail(offscreen, "opening a display", error);
    }

    // a desktop OpenGL context without any surface
    const EGLint wanted[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_SURFACE_TYPE, EGL_PBUFFER_BIT,
                             EGL_NONE};
    EGLConfig config;
    EGLint n_configs = 0;
    if (!eglBindAPI(EGL_OPENGL_API)) {
        return fail(offscreen, "choosing OpenGL", error);
    }
    if (!eglChooseConfig(offscreen->display, wanted, &config, 1, &n_configs) || n_configs < 1) {
        return fail(offscreen, "choosing a configuration", error);
    }
    offscreen->context = eglCreateContext(offscreen->display, config, EGL_NO_CONTEXT, NULL);
    if (offscreen->context == EGL_NO_CONTEXT) {
        return fail(offscreen, "creating a context", error);
    }
    *offscreen_out = offscreen;
    return TZ_OK;
}

void tz_offscreen_destroy(tz_offscreen *offscreen) {
    if (offscreen == NULL) {
        return;
    }
    if (offscreen->display != EGL_NO_DISPLAY) {
        tz_offscreen_leave(offscreen);
        if (offscreen->context != EGL_NO_CONTEXT) {
            eglDestroyContext(offscreen->display, offscreen->context);
        }
        give_display_back();
    }
    tz_free(offscreen);
}

tz_status tz_offscreen_enter(tz_offscreen *offscreen, tz_error *error) {
    // the interface that is current is a property of the thread
    if (!eglBindAPI(EGL_OPENGL_API) ||
        !eglMakeCurrent(offscreen->display, EGL_NO_SURFACE, EGL_NO_SURFACE, offscreen->context)) {
        return tz_fail(error, TZ_ERR_DEVICE, "EGL: making the context current failed with 0x%x",
                       eglGetError());
    }
    return TZ_OK;
}

void tz_offscreen_leave(tz_offscreen *offscreen) {
    eglMakeCurrent(offscreen->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
}

const char *tz_gl_renderer(void) {
    const GLubyte *renderer = glGetString(GL_RENDERER);
    return renderer != NULL ? (const char *)renderer : "";
}

bool tz_gl_is_software(void) {
    static const char *const software[] = {"llvmpipe", "softpipe", "swrast", "Software"};
    const char *renderer = tz_gl_renderer();
    for (size_t i = 0; i < TZ_COUNTOF(software); i++) {
        if (strstr(renderer, software[i]) != NULL) {
            return true;
        }
    }
    return false;
}
