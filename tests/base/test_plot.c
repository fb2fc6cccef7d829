// Pictures: both formats exist and decode, hold what was to be drawn, and awkward input is
// survived.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/plot.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char stem[TZ_PATH_MAX], png_path[TZ_PATH_MAX + 8], svg_path[TZ_PATH_MAX + 8];

static int set_up(void **state) {
    (void)state;
    if (make_folder(state) != 0 || tz_path_join(stem, test_folder, "it's a_plot", NULL) != TZ_OK) {
        return 1;
    }
    snprintf(png_path, sizeof png_path, "%s.png", stem);
    snprintf(svg_path, sizeof svg_path, "%s.svg", stem);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(png_path);
    unlink(svg_path);
    return rmdir(test_folder); // fails when anything else is left
}

enum { N = 50 };
static double x[N], y[N], low[N], high[N];

static int fill(void **state) {
    for (int i = 0; i < N; i++) {
        x[i] = i + 1;
        y[i] = exp(-0.1 * i);
        low[i] = 0.8 * y[i];
        high[i] = 1.2 * y[i];
    }
    return set_up(state);
}

enum { WIDTH = 1280, HEIGHT = 800 };

// The pixels of the picture (HEIGHT, WIDTH, 3); the caller frees them.
static unsigned char *read_picture(void) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, png_path));
    image.format = PNG_FORMAT_RGB;
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    unsigned char *rgb = tz_alloc(PNG_IMAGE_SIZE(image), 1);
    assert_non_null(rgb);
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    return rgb;
}

// Within 40 of a colour in each channel.
static bool is_near(const unsigned char *rgb, int red, int green, int blue) {
    return abs(rgb[0] - red) < 40 && abs(rgb[1] - green) < 40 && abs(rgb[2] - blue) < 40;
}

static int count_pixels(int red, int green, int blue) {
    unsigned char *rgb = read_picture();
    int n = 0;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        n += is_near(rgb + 3 * i, red, green, blue);
    }
    tz_free(rgb);
    return n;
}

static void assert_svg_holds(const char *text) {
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(tz_file_read(svg_path, &data, &size, 1 << 20, NULL), TZ_OK);
    assert_non_null(strstr(data, "</svg>"));
    if (strstr(data, text) == NULL) {
        fail_msg("no '%s' in the picture", text);
    }
    tz_free(data);
}

static void write_plot(const tz_plot *plot) {
    tz_error error = {0};
    if (tz_plot_write(plot, stem, &error) != TZ_OK) {
        fail_msg("%s", error.text);
    }
}

// The first series is blue (#0072B2) with a light band, the second one orange (#D55E00) dots.
static void draws_lines_bands_and_points(void **state) {
    (void)state;
    const tz_series series[] = {{"node-so", x, y, low, high, N, false, 0},
                                {"half_cheetah's", x, high, NULL, NULL, N, true, 3}};
    for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
        write_plot(&(tz_plot){"A title", "horizon (steps)", "nMSE", logarithmic, logarithmic,
                              series, 2, NULL, 0, 0});
        assert_true(count_pixels(0x00, 0x72, 0xb2) > 500);
        assert_true(count_pixels(0x00, 0x9e, 0x73) > 500);
        assert_true(count_pixels(0xcc, 0xe3, 0xf0) > 1000);
        assert_true(count_pixels(255, 255, 255) > 1280 * 800 / 2);
        assert_svg_holds(">A title<");
        assert_svg_holds(">horizon (steps)<");
        assert_svg_holds(">node-so<");
        assert_svg_holds("half_cheetah");
    }
}

// The smallest rectangle that holds pixels.
typedef struct box {
    int left, right, top, bottom;
} box;

static void extend(box *b, int column, int row) {
    b->left = column < b->left ? column : b->left;
    b->right = column > b->right ? column : b->right;
    b->top = row < b->top ? row : b->top;
    b->bottom = row > b->bottom ? row : b->bottom;
}

// The axes, the column and the row that hold most of their grey (#606060), and all that is blue.
static void find_frame_and_dots(box *frame, box *dots) {
    const box nothing = {WIDTH, -1, HEIGHT, -1};
    static int in_column[WIDTH], in_row[HEIGHT];
    unsigned char *rgb = read_picture();
    memset(in_column, 0, sizeof in_column);
    memset(in_row, 0, sizeof in_row);
    *frame = *dots = nothing;
    int column = 0, row = 0;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        if (is_near(rgb + 3 * i, 0x60, 0x60, 0x60)) {
            column = ++in_column[i % WIDTH] > in_column[column] ? i % WIDTH : column;
            row = ++in_row[i / WIDTH] > in_row[row] ? i / WIDTH : row;
        }
        if (is_near(rgb + 3 * i, 0x00, 0x72, 0xb2)) {
            extend(dots, i % WIDTH, i / WIDTH);
        }
    }
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        const bool on_axis = i / WIDTH == row ? i % WIDTH >= column : i % WIDTH == column;
        if (on_axis && is_near(rgb + 3 * i, 0x60, 0x60, 0x60)) {
            extend(frame, i % WIDTH, i / WIDTH);
        }
    }
    tz_free(rgb);
}

// The outermost points, too, stand whole and apart from the axes, whether these are logarithmic or
// not, and with the line that was fitted to them.
static void points_stand_inside_the_frame(void **state) {
    (void)state;
    enum { APART = 8 }; // pixels, the diameter of a dot
    const double at[] = {6e-9, 1e-4, 1.05}, value[] = {0.0028, 0.4, 0.03};
    const tz_series series[] = {
        {.x = at, .y = value, .n = 3, .points = true, .color = 1},
        {.x = at, .y = value, .n = 3, .color = 1},
    };
    for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
        box frame, dots;
        write_plot(&(tz_plot){"Dots", "x", "y", logarithmic, logarithmic, series, 2, NULL, 0, 0});
        find_frame_and_dots(&frame, &dots);
        assert_in_range(frame.right - frame.left, WIDTH / 2, WIDTH);
        assert_in_range(frame.bottom - frame.top, HEIGHT / 2, HEIGHT);
        assert_in_range(dots.left, frame.left + APART, frame.right);
        assert_in_range(dots.right, dots.left, frame.right - APART);
        assert_in_range(dots.top, frame.top + APART, frame.bottom);
        assert_in_range(dots.bottom, dots.top, frame.bottom - APART);
    }
}

static void draws_bars(void **state) {
    (void)state;
    const double a[] = {1.0, 2.0, -0.5}, b[] = {0.5, NAN, 1.5}, zero[] = {0.0, 0.0, 0.0};
    const char *const names[] = {"rootz", "rooty", "bthigh"};
    const tz_series series[] = {{"node", NULL, a, zero, a, 3, false, 0},
                                {"hnn", NULL, b, NULL, NULL, 3, false, 0}};
    write_plot(&(tz_plot){"Bars", "dimension", "nMSE", false, false, series, 2, names, 0, 0});
    assert_true(count_pixels(0x26, 0x87, 0xbe) > 10000);
    assert_true(count_pixels(0xdb, 0x76, 0x26) > 10000);
    assert_svg_holds(">bthigh<");
}

// Values that cannot be drawn are left out; when none is left, the picture says so.
static void leaves_out_what_cannot_be_drawn(void **state) {
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, 0.0, -1.0}, at[] = {1, 2, 3, 4, 5};
    const tz_series nothing = {"bad", at, bad, NULL, NULL, 5, false, 0};
    write_plot(&(tz_plot){"Nothing", "x", "y", false, true, &nothing, 1, NULL, 0, 0});
    assert_svg_holds("no finite values");
    const tz_series none = {"none", NULL, NULL, NULL, NULL, 0, false, 0};
    write_plot(&(tz_plot){"None", "x", "y", false, false, &none, 1, NULL, 0, 0});
    assert_svg_holds("no finite values");

    const double some[] = {1.0, NAN, 3.0, INFINITY, 2.0};
    const tz_series gaps = {"gaps", at, some, NULL, NULL, 5, true, 0};
    write_plot(&(tz_plot){"Gaps", "x", "y", false, false, &gaps, 1, NULL, 0, 0});
    assert_true(count_pixels(0x00, 0x72, 0xb2) > 40);
}

// Text is never a command of gnuplot.
static void text_stays_text(void **state) {
    (void)state;
    char made[64], text[256];
    snprintf(made, sizeof made, "%s/made", test_folder);
    snprintf(text, sizeof text, "'\nsystem('touch %s')\n`touch %s` \\ \" @x {/Bold b}", made, made);
    const tz_series series = {text, x, y, NULL, NULL, N, false, 0};
    write_plot(&(tz_plot){text, text, text, false, false, &series, 1, NULL, 0, 0});
    assert_false(tz_file_exists(made));
    assert_svg_holds("{/Bold b}");

    // names under bars, which gnuplot takes for formats
    static const char *const names[] = {"hip%d", "50%", "%s%%g", "a", "b"};
    const tz_series bars = {"s", NULL, y, NULL, NULL, TZ_COUNTOF(names), false, 0};
    write_plot(&(tz_plot){"t", "", "", false, false, &bars, 1, names, 0, 0});
    assert_svg_holds("hip%d");
    assert_svg_holds("50%");
    assert_svg_holds("%s%%g");
}

static void failures_are_sentences(void **state) {
    (void)state;
    const tz_series series = {"s", x, y, NULL, NULL, N, false, 0};
    const tz_plot plot = {"t", "x", "y", false, false, &series, 1, NULL, 0, 0};
    tz_error error = {0};
    char absent[64];
    snprintf(absent, sizeof absent, "%s/absent/plot", test_folder);
    assert_int_equal(tz_plot_write(&plot, absent, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "/absent/plot.png: cannot be written"));
    assert_int_equal(tz_plot_write(&plot, "/tmp/a\nb", &error), TZ_ERR_ARGUMENT);

    // without gnuplot: what was there stays, nothing is left beside it
    write_plot(&plot);
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    const tz_status status = tz_plot_write(&plot, stem, &error);
    setenv("PATH", path, 1);
    assert_int_equal(status, TZ_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "gnuplot"));
    assert_true(count_pixels(0x00, 0x72, 0xb2) > 500);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fill, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(draws_lines_bands_and_points),
        TEST(points_stand_inside_the_frame),
        TEST(draws_bars),
        TEST(leaves_out_what_cannot_be_drawn),
        TEST(text_stays_text),
        TEST(failures_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
