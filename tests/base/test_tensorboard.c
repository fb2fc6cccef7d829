// Event files byte by byte, read back here by the format's rules alone; the reading by TensorBoard
// itself is tests/cli/peer_tensorboard.py.
#include "folder.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/tensorboard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *read_events(size_t *size) {
    char path[TZ_PATH_MAX], *bytes;
    assert_int_equal(tz_path_join(path, test_folder, TZ_TENSORBOARD_FILE, NULL), TZ_OK);
    assert_int_equal(tz_file_read(path, &bytes, size, 1 << 20, NULL), TZ_OK);
    return bytes;
}

// What every event file of TensorFlow begins with: 24 bytes in the first record, the sum of that
// length, then (after a wall time) the version.
static void the_first_record_names_the_version(void **state) {
    (void)state;
    assert_int_equal(tz_tensorboard_begin(test_folder, NULL), TZ_OK);
    size_t size;
    char *bytes = read_events(&size);
    static const unsigned char head[] = {24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 0x09};
    static const unsigned char version[] = "\x1a\x0d"
                                           "brain.Event:2";
    assert_int_equal(size, 8 + 4 + 24 + 4);
    assert_memory_equal(bytes, head, sizeof head);
    assert_memory_equal(bytes + 21, version, sizeof version - 1);
    tz_free(bytes);
}

static void a_step_is_one_record(void **state) {
    (void)state;
    static const tz_scalar scalars[] = {{"loss/train", 0.5}, {"loss/held_out", NAN}, {"b", -2.0}};
    assert_int_equal(tz_tensorboard_begin(test_folder, NULL), TZ_OK);
    size_t before, after;
    tz_free(read_events(&before));
    assert_int_equal(tz_tensorboard_append(test_folder, 300, scalars, 3, NULL), TZ_OK);
    char *bytes = read_events(&after);
    // wall time 9, step 3, summary 2 + (2 + 17) + (2 + 8); what was not measured is not there
    assert_int_equal(after - before, 8 + 4 + 43 + 4);
    static const unsigned char tail[] = "\x10\xac\x02\x2a\x1d"
                                        "\x0a\x11\x0a\x0aloss/train\x15\0\0\0\x3f"
                                        "\x0a\x08\x0a\x01"
                                        "b\x15\0\0\0\xc0";
    assert_memory_equal(bytes + before + 12 + 9, tail, sizeof tail - 1);
    tz_free(bytes);

    // beginning anew drops what was there
    assert_int_equal(tz_tensorboard_begin(test_folder, NULL), TZ_OK);
    tz_free(read_events(&after));
    assert_int_equal(after, before);
}

static void trouble_is_a_sentence(void **state) {
    (void)state;
    tz_error error = {0};
    assert_int_equal(tz_tensorboard_begin("/proc/nowhere", &error), TZ_ERR_IO);
    assert_int_equal(tz_tensorboard_append("/nowhere", 1, NULL, 0, &error), TZ_ERR_IO);
    assert_string_equal(error.text, "/nowhere/" TZ_TENSORBOARD_FILE
                                    ": cannot be written: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_record_names_the_version),
        cmocka_unit_test(a_step_is_one_record),
        cmocka_unit_test(trouble_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
