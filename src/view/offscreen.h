// An OpenGL context without a display: EGL's surfaceless platform, drawing into MuJoCo's own
// off-screen buffer. Works with a GPU driver and with Mesa's software renderer.
#ifndef TRAPEZE_VIEW_OFFSCREEN_H
#define TRAPEZE_VIEW_OFFSCREEN_H

#include "base/status.h"

#include <stdbool.h>

typedef struct tz_offscreen tz_offscreen;

// Creates a context; it is not current yet. TZ_ERR_DEVICE names the step that failed.
TZ_API tz_status tz_offscreen_create(tz_offscreen **offscreen, tz_error *error);
TZ_API void tz_offscreen_destroy(tz_offscreen *offscreen); // Nullable

// Makes the context current on this thread, and lets go of it. Between the two a window may use its
// own context on the same thread.
TZ_API tz_status tz_offscreen_enter(tz_offscreen *offscreen, tz_error *error);
TZ_API void tz_offscreen_leave(tz_offscreen *offscreen);

// GL_RENDERER of the current context ("llvmpipe (LLVM 15.0.6, 256 bits)"); "" without one.
TZ_API const char *tz_gl_renderer(void);

// True when the current context draws on the CPU.
TZ_API bool tz_gl_is_software(void);

#endif
