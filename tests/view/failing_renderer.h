// MuJoCo's mjr_render with a switch for its failure, in programs that link failing_renderer.c: what
// a driver that gives up does to the library.
#ifndef TRAPEZE_TESTS_VIEW_FAILING_RENDERER_H
#define TRAPEZE_TESTS_VIEW_FAILING_RENDERER_H

// Pictures that are still drawn; each one after them is a fatal error "the driver gave up". < 0: no
// end.
extern int renderer_pictures_left;

#endif
