#include "failing_renderer.h"

#include <dlfcn.h>
#include <mujoco/mujoco.h>
#include <string.h>

int renderer_pictures_left = -1;

// The program's own function stands before that of the library.
__attribute__((visibility("default"))) void mjr_render(mjrRect viewport, mjvScene *scene,
                                                       const mjrContext *context) {
    if (renderer_pictures_left == 0) {
        mju_error("the driver gave up");
    }
    renderer_pictures_left -= renderer_pictures_left > 0;
    void (*real)(mjrRect, mjvScene *, const mjrContext *);
    void *symbol = dlsym(RTLD_NEXT, "mjr_render");
    memcpy(&real, &symbol, sizeof real);
    real(viewport, scene, context);
}
