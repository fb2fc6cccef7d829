// Part of builds with the address sanitizer: libraries that were loaded stay loaded, so that the
// leak report at the end can name them and tests/lsan.supp can match. (Mesa's driver is unloaded
// with the last display.)
#include <dlfcn.h>

__attribute__((visibility("default"))) int dlclose(void *handle) {
    (void)handle;
    return 0;
}
