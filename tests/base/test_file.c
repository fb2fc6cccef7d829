// Files are whole at any moment: under a kill, on a full disk, with something else in their place.
#include "command.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sha256.h>

static char path[TZ_PATH_MAX];

static int set_up(void **state) {
    return enter_folder(state) != 0 || tz_path_join(path, test_folder, "file.bin", NULL) != TZ_OK;
}

// Names in the folder that begin with `prefix`.
static int count_names(const char *prefix) {
    DIR *stream = opendir(test_folder);
    assert_non_null(stream);
    int n = 0;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    closedir(stream);
    return n;
}

static void assert_content(const char *expected) {
    char *data = NULL;
    size_t size = 0;
    tz_error error = {0};
    assert_int_equal(tz_file_read(path, &data, &size, 1 << 20, &error), TZ_OK);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(data, expected);
    tz_free(data);
}

// ---- names

static void joins_paths(void **state) {
    (void)state;
    char joined[TZ_PATH_MAX];
    tz_error error = {0};
    assert_int_equal(tz_path_join(joined, "runs", "demo", &error), TZ_OK);
    assert_string_equal(joined, "runs/demo");
    assert_int_equal(tz_path_join(joined, "runs/", "demo", &error), TZ_OK);
    assert_string_equal(joined, "runs/demo");
    assert_int_equal(tz_path_join(joined, "", "demo", &error), TZ_OK);
    assert_string_equal(joined, "demo");

    char name[TZ_PATH_MAX];
    memset(name, 'n', sizeof name);
    name[TZ_PATH_MAX - 3] = '\0';
    assert_int_equal(tz_path_join(joined, "", name, &error), TZ_OK);
    assert_int_equal(tz_path_join(joined, "ab", name, &error), TZ_ERR_ARGUMENT);
}

static void takes_stems(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"runs/so.v2/cheetah.safetensors", "cheetah"},
                                           {"cheetah", "cheetah"},
                                           {"a.b/c", "c"},
                                           {"a.tar.gz", "a.tar"},
                                           {"runs/", ""}};
    char stem[8];
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        tz_path_stem(cases[i][0], stem, sizeof stem);
        assert_string_equal(stem, cases[i][1]);
    }
    tz_path_stem("hopper-expert.zip", stem, sizeof stem);
    assert_string_equal(stem, "hopper-");
}

static void makes_folders(void **state) {
    (void)state;
    tz_error error = {0};
    assert_int_equal(tz_make_folders("a/b//c/", &error), TZ_OK);
    assert_int_equal(tz_make_folders("a/b/c", &error), TZ_OK);
    assert_true(tz_folder_exists("a/b/c"));
    assert_false(tz_file_exists("a/b/c"));

    assert_int_equal(tz_file_write("a/file", "x", 1, &error), TZ_OK);
    assert_true(tz_file_exists("a/file"));
    assert_int_equal(tz_make_folders("a/file", &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "a/file: the folder cannot be made: a file"));
    assert_int_equal(tz_make_folders("a/file/d", &error), TZ_ERR_IO);
}

// ---- reading

static void reads_what_was_written(void **state) {
    (void)state;
    tz_error error = {0};
    assert_int_equal(tz_file_write(path, "first", 5, &error), TZ_OK);
    assert_content("first");
    const tz_file_part parts[] = {{"sec", 3}, {NULL, 0}, {"ond!", 4}};
    assert_int_equal(tz_file_write_parts(path, parts, 3, &error), TZ_OK);
    assert_content("second!");
    assert_int_equal(tz_file_write(path, NULL, 0, &error), TZ_OK);
    assert_content("");
    assert_int_equal(count_names("."), 2); // "." and "..": nothing is left beside it
}

static void new_files_follow_the_umask(void **state) {
    (void)state;
    const mode_t before = umask(027);
    tz_error error = {0};
    assert_int_equal(tz_file_write(path, "x", 1, &error), TZ_OK);
    umask(before);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void refuses_what_is_not_a_file(void **state) {
    (void)state;
    char *data = NULL;
    size_t size = 0;
    tz_error error = {0};
    assert_int_equal(tz_file_read("absent", &data, &size, 10, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "absent: cannot be opened: No such file"));
    assert_int_equal(tz_file_read(test_folder, &data, &size, 10, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "is a folder, expected a file"));
    assert_int_equal(tz_file_read("/dev/zero", &data, &size, 10, &error), TZ_ERR_IO);
    // a pipe that nobody writes to must not make the reader wait
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(tz_file_read("pipe", &data, &size, 10, &error), TZ_ERR_IO);
    assert_int_equal(tz_file_write(path, "0123456789a", 11, &error), TZ_OK);
    assert_int_equal(tz_file_read(path, &data, &size, 10, &error), TZ_ERR_FORMAT);
    assert_non_null(strstr(error.text, "has 11 bytes, expected at most 10"));
    assert_null(data);
}

static void digests_as_published(void **state) {
    (void)state;
    char digest[65];
    tz_error error = {0};
    assert_int_equal(tz_file_write(path, "abc", 3, &error), TZ_OK);
    assert_int_equal(tz_file_sha256(path, digest, &error), TZ_OK);
    // FIPS 180-2, example B.1
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    // every length of the last blocks, and more than one piece, as libmd has them
    static uint8_t bytes[(1 << 18) + 200];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * i >> 3);
    }
    for (size_t n = 0; n <= 400; n++) {
        const size_t size = n <= 200 ? n : (1 << 18) + n - 200;
        char expected[65];
        assert_int_equal(tz_file_write(path, bytes, size, &error), TZ_OK);
        assert_int_equal(tz_file_sha256(path, digest, &error), TZ_OK);
        assert_string_equal(digest, SHA256Data(bytes, size, expected));
    }
    assert_int_equal(tz_file_sha256("absent", digest, &error), TZ_ERR_IO);
    assert_int_equal(tz_file_sha256(test_folder, digest, &error), TZ_ERR_IO);
}

// ---- writing

// Devices, pipes and folders are never replaced.
static void replaces_only_files(void **state) {
    (void)state;
    tz_error error = {0};
    struct stat before, after;
    assert_int_equal(stat("/dev/null", &before), 0);
    assert_int_equal(tz_file_write("/dev/null", "x", 1, &error), TZ_ERR_IO);
    assert_int_equal(stat("/dev/null", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(tz_file_write(test_folder, "x", 1, &error), TZ_ERR_IO);
    assert_int_equal(tz_file_write("absent/file", "x", 1, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "absent/file: cannot be written: No such file"));
    assert_int_equal(tz_file_write(path, "x", 1, &error), TZ_OK);
    assert_int_equal(tz_file_write("file.bin/file", "x", 1, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "Not a directory"));
}

static void begins_commits_and_abandons(void **state) {
    (void)state;
    char temporary[TZ_PATH_MAX], other[TZ_PATH_MAX];
    tz_error error = {0};
    assert_int_equal(tz_file_write(path, "old", 3, &error), TZ_OK);
    assert_int_equal(tz_file_begin(path, temporary, &error), TZ_OK);
    assert_int_equal(tz_file_begin(path, other, &error), TZ_OK);
    assert_string_not_equal(temporary, other);
    assert_string_equal(temporary + strlen(temporary) - 4, ".bin");

    FILE *stream = fopen(temporary, "w");
    assert_non_null(stream);
    fputs("new", stream);
    fclose(stream);
    assert_content("old");
    assert_int_equal(tz_file_commit(temporary, path, &error), TZ_OK);
    assert_content("new");
    tz_file_abandon(other);
    assert_int_equal(count_names("."), 2);
    assert_int_equal(tz_file_commit(other, path, &error), TZ_ERR_IO);
    assert_content("new");
}

// The largest file that a process may write stands for a full disk: both end in a failed write.
static void a_full_disk_keeps_the_old_file(void **state) {
    (void)state;
    tz_error error = {0};
    assert_int_equal(tz_file_write(path, "old", 3, &error), TZ_OK);
    const pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        const struct rlimit limit = {4096, 4096};
        setrlimit(RLIMIT_FSIZE, &limit);
        static char data[8192];
        const tz_status status = tz_file_write(path, data, sizeof data, &error);
        _exit(status == TZ_ERR_IO && strstr(error.text, "cannot be written: File too large") != NULL
                  ? 0
                  : 1);
    }
    int outcome = -1;
    assert_int_equal(waitpid(pid, &outcome, 0), pid);
    assert_int_equal(outcome, 0);
    assert_content("old");
    assert_int_equal(count_names("."), 2);
}

enum { LARGE = 1 << 20 };

// A process that writes the file over and over, now all 'b', now all 'a'. Returns when it has done
// so once, so that it is at it whatever the machine does.
static pid_t start_writer(char *content) {
    int told[2];
    assert_int_equal(pipe(told), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        for (char letter = 'b';; letter = letter == 'a' ? 'b' : 'a') {
            memset(content, letter, LARGE);
            if (tz_file_write(path, content, LARGE, NULL) != TZ_OK) {
                _exit(1);
            }
            close(told[1]);
        }
    }
    close(told[1]);
    char none;
    assert_int_equal(read(told[0], &none, 1), 0);
    close(told[0]);
    return pid;
}

// It is killed at random moments, until twenty of them were within a write.
static void a_kill_leaves_the_old_or_the_new_file(void **state) {
    (void)state;
    char *content = tz_alloc(LARGE, 1);
    assert_non_null(content);
    tz_error error = {0};
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    for (int kills = 0, within = 0; within < 20; kills++) {
        assert_true(kills < 2000);
        const pid_t pid = start_writer(content);
        usleep((useconds_t)tz_rng_below(&rng, 5000));
        kill(pid, SIGKILL);
        int outcome = -1;
        assert_int_equal(waitpid(pid, &outcome, 0), pid);
        assert_true(WIFSIGNALED(outcome));
        within += count_names(".tmp-") > 0;
        assert_int_equal(shell("rm -f .tmp-*"), 0);

        char *data = NULL;
        size_t size = 0;
        assert_int_equal(tz_file_read(path, &data, &size, LARGE, &error), TZ_OK);
        assert_int_equal(size, LARGE);
        for (size_t k = 0; k < size; k++) {
            assert_true(data[k] == data[0] && (data[0] == 'a' || data[0] == 'b'));
        }
        tz_free(data);
    }
    tz_free(content);
}

// ---- shipped files

static void finds_shipped_files(void **state) {
    (void)state;
    char found[TZ_PATH_MAX];
    tz_error error = {0};
    unsetenv("TRAPEZE_DATA");
    assert_int_equal(tz_find_shipped("LICENSE", found, &error), TZ_OK);
    assert_string_equal(found, TZ_SOURCE_DIR "/LICENSE");
    assert_int_equal(tz_find_shipped("policies/absent", found, &error), TZ_ERR_IO);
    assert_non_null(strstr(error.text, "policies/absent: not found among the shipped files"));

    assert_int_equal(tz_file_write("LICENSE", "x", 1, &error), TZ_OK);
    setenv("TRAPEZE_DATA", test_folder, 1);
    assert_int_equal(tz_find_shipped("LICENSE", found, &error), TZ_OK);
    assert_memory_equal(found, test_folder, strlen(test_folder));
    unsetenv("TRAPEZE_DATA");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(joins_paths),
        TEST(takes_stems),
        TEST(makes_folders),
        TEST(reads_what_was_written),
        TEST(new_files_follow_the_umask),
        TEST(refuses_what_is_not_a_file),
        TEST(digests_as_published),
        TEST(replaces_only_files),
        TEST(begins_commits_and_abandons),
        TEST(a_full_disk_keeps_the_old_file),
        TEST(a_kill_leaves_the_old_or_the_new_file),
        TEST(finds_shipped_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
