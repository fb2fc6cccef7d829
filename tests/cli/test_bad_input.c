// The program with bad input: exit status 2, one line on standard error that names what is wrong,
// nothing on standard output, and every file that was there as it was.
#include "../data/sample.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "command.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[TZ_PATH_MAX];

// ---- what lies in the folder

static void copy_file(const char *from, const char *to, size_t size) {
    char *data = NULL;
    size_t whole = 0;
    assert_int_equal(tz_file_read(from, &data, &whole, 1 << 26, NULL), TZ_OK);
    assert_int_equal(tz_file_write(to, data, size < whole ? size : whole, NULL), TZ_OK);
    tz_free(data);
}

static void write_text(const char *path, const char *text) {
    assert_int_equal(tz_file_write(path, text, strlen(text), NULL), TZ_OK);
}

// An actor for two observations and one control.
static void write_small_policy(const char *path) {
    static const float zeros[8] = {0};
    const tz_tensor tensors[] = {
        {"actor.latent_pi.0.weight", TZ_DTYPE_F32, 2, {4, 2}, zeros},
        {"actor.latent_pi.0.bias", TZ_DTYPE_F32, 1, {4}, zeros},
        {"actor.mu.weight", TZ_DTYPE_F32, 2, {1, 4}, zeros},
        {"actor.mu.bias", TZ_DTYPE_F32, 1, {1}, zeros},
        {"actor.log_std.weight", TZ_DTYPE_F32, 2, {1, 4}, zeros},
        {"actor.log_std.bias", TZ_DTYPE_F32, 1, {1}, zeros},
    };
    assert_int_equal(tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), NULL, 0, NULL),
                     TZ_OK);
}

// Every file, whose content must survive.
static const char *const files[] = {"good/data/main_data.hdf5",
                                    "good/data/metadata.json",
                                    "nan/data/main_data.hdf5",
                                    "nan/data/metadata.json",
                                    "cut/data/main_data.hdf5",
                                    "cut/data/metadata.json",
                                    "bare.hdf5",
                                    "empty.hdf5",
                                    "text.safetensors",
                                    "empty.safetensors",
                                    "cut.safetensors",
                                    "cheetah.safetensors",
                                    "hopper.safetensors",
                                    "small.safetensors",
                                    "cut.zip",
                                    "swimmer.zip",
                                    "planned/config.json",
                                    "foreign/config.json",
                                    "taken"};
static char digests[TZ_COUNTOF(files)][65];

static int fill_folder(void **state) {
    (void)state;
    sample_folder(folder);
    assert_int_equal(chdir(folder), 0);
    sample_write("good");
    sample_write("nan");
    sample_write("cut");
    sample_poke("nan", "episode_1/observations", 30, NAN);
    copy_file("good/data/main_data.hdf5", "cut/data/main_data.hdf5", 3000);
    copy_file("good/data/main_data.hdf5", "bare.hdf5", SIZE_MAX);
    write_text("empty.hdf5", "");
    write_text("empty.safetensors", "");
    write_text("text.safetensors", "these are no tensors, but long enough to be\n");
    assert_int_equal(tz_make_folders("planned", NULL), TZ_OK);
    assert_int_equal(tz_make_folders("foreign", NULL), TZ_OK);
    write_text("planned/config.json", "{\"command\": [\"trapeze\", \"plan\", \"--out\", \"x\"]}");
    write_text("foreign/config.json", "{\"learning_rate\": 1}");
    write_text("taken", "a file where a folder is wanted\n");
    write_untrained_model("half_cheetah", 0.0, "cheetah.safetensors");
    write_untrained_model("hopper", 0.0, "hopper.safetensors");
    copy_file("cheetah.safetensors", "cut.safetensors", 1000);
    write_small_policy("small.safetensors");
    copy_file(TZ_SOURCE_DIR "/tests/golden/sb3/sac.zip", "cut.zip", 20000);
    copy_file(TZ_SOURCE_DIR "/tests/golden/sb3/sac.zip", "swimmer.zip", SIZE_MAX);
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        assert_int_equal(tz_file_sha256(files[i], digests[i], NULL), TZ_OK);
    }
    return 0;
}

static int empty_folder(void **state) {
    (void)state;
    const int left = chdir("/");
    sample_remove(folder);
    return left;
}

// ---- running the program

typedef struct outcome {
    int status; // exit status; -1: it did not exit
    char out[4096], err[4096];
} outcome;

static void read_back(int fd, char *text, size_t size) {
    const ssize_t n = pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

enum { WORDS_MAX = 24 };

// Runs `trapeze words...` in the folder; no file may grow past `file_limit` bytes.
static outcome run(const char *const *words, rlim_t file_limit) {
    const char *argv[WORDS_MAX + 2] = {TZ_PROGRAM};
    for (int i = 0; words[i] != NULL; i++) {
        argv[i + 1] = words[i];
    }
    const int out = fileno(tmpfile()), err = fileno(tmpfile());
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        const struct rlimit limit = {file_limit, file_limit};
        setrlimit(RLIMIT_FSIZE, &limit);
        alarm(60); // what takes bad input for good ends here
        execv(TZ_PROGRAM, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    outcome result = {.status = -1};
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) {
        result.status = WEXITSTATUS(status);
    }
    read_back(out, result.out, sizeof result.out);
    read_back(err, result.err, sizeof result.err);
    return result;
}

static void describe(char *text, size_t size, const char *const *words) {
    size_t length = (size_t)snprintf(text, size, "trapeze");
    for (int i = 0; words[i] != NULL && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, " %s", words[i]);
    }
}

static void expect_refused(const char *const *words, const char *named, rlim_t file_limit) {
    char command[1024];
    describe(command, sizeof command, words);
    const outcome result = run(words, file_limit);
    const char *line = file_limit == RLIM_INFINITY ? result.err : last_line(result.err);
    const char *end = strchr(line, '\n');
    if (result.status != 2 || end == NULL || end[1] != '\0' || strncmp(line, "trapeze", 7) != 0 ||
        strstr(line, named) == NULL || result.out[0] != '\0') {
        fail_msg("%s\nexit status %d, expected 2; standard error, expected one line that names "
                 "'%s':\n%s\nstandard output:\n%s",
                 command, result.status, named, result.err, result.out);
    }
    // nothing was lost
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        char digest[65];
        if (tz_file_sha256(files[i], digest, NULL) != TZ_OK || strcmp(digest, digests[i]) != 0) {
            fail_msg("%s\nchanged %s", command, files[i]);
        }
    }
}

typedef struct bad_input {
    const char *words[WORDS_MAX];
    const char *named; // in the line: the file, the option, or what is known
} bad_input;

static void assert_all_refused(const bad_input *inputs, size_t n, rlim_t file_limit) {
    for (size_t i = 0; i < n; i++) {
        expect_refused(inputs[i].words, inputs[i].named, file_limit);
    }
}

// ---- tables

static void commands_and_options(void **state) {
    (void)state;
    static const bad_input inputs[] = {
        {{NULL}, "--help"},
        {{"trian"}, "train"},
        {{"fly"}, "fly"},
        {{"--versoin"}, "--versoin"},
        {{"envs", "--jsno"}, "--json"},
        {{"envs", "hopper"}, "hopper"},
        {{"doctor", "--json=yes"}, "--json"},
        {{"data"}, "data"},
        {{"data", "inof", "good"}, "info"},
        {{"data", "info"}, "info"},
        {{"train", "--data", "good", "--out", "new", "--epoch", "3"}, "--epochs"},
        {{"train", "--data", "good"}, "--out"},
        {{"train", "--data"}, "--data"},
        {{"train", "--data", "good", "--out", "new", "--model", "nodeso"}, "node-so"},
        {{"train", "--data", "good", "--out", "new", "--epochs", "0"}, "--epochs"},
        {{"train", "--data", "good", "--out", "new", "--lr", "nan"}, "--lr"},
        {{"train", "--data", "good", "--out", "new", "--horizon", "0"}, "--horizon"},
        {{"eval", "--data", "good", "--model", "cheetah.safetensors", "--horizon", "0"},
         "--horizon"},
        {{"eval", "--data", "good"}, "--model"},
        {{"sac", "--env", "half_cheeta", "--out", "new"}, "half_cheetah"},
        {{"sac", "--env", "hopper", "--out", "new", "--steps", "0"},
         "--steps is '0', expected a whole number from 1"},
        {{"sac", "--env", "hopper", "--out", "new", "--eval-every", "0"},
         "--eval-every is '0', expected a whole number from 1"},
        {{"sac", "--env", "hopper", "--out", "new", "--replay", "0"},
         "--replay is '0', expected a whole number from 1"},
        {{"train", "--data", "good", "--out", "new", "--lr", "0"}, "--lr is '0'"},
        {{"collect", "--env", "hoper", "--policy", "random", "--out", "new"}, "hopper"},
        {{"collect", "--env", "hopper", "--policy", "random", "--out", "new", "--episodes", "0"},
         "--episodes"},
        {{"collect", "--env", "hopper", "--policy", "random", "--out", "new", "--noise", "-1"},
         "--noise"},
        {{"collect", "--env", "hopper", "--out", "new"}, "--policy"},
        {{"mpc", "--env", "half_cheetah", "--model", "sim", "--horizon", "0"}, "--horizon"},
        {{"mpc", "--env", "half_cheetah", "--model", "sim", "--episodes", "0"}, "--episodes"},
        {{"mpc", "--env", "half_cheetah", "--model", "sim", "--planner", "cme"}, "cem"},
        {{"mpc", "--env", "halfcheetah", "--model", "sim"}, "half_cheetah"},
        {{"mpc", "--env", "chain-2", "--model", "sim"},
         TZ_HAS_SYSTEMS ? "no controls" : "SUNDIALS"},
        {{"play", "--env", "halfcheetah", "--policy", "random"}, "half_cheetah"},
        {{"play", "--env", "robot.mjcf", "--policy", "random"}, "or an MJCF file (.xml)"},
        {{"play", "--env", "hopper-v4", "--version", "v5"}, "expected the same twice, or one"},
        {{"policy", "info", "random"}, "random: no such policy; expected a shipped policy"},
        {{"policy", "info", "good"}, "good: is a folder; expected a shipped policy"},
        {{"eval", "--data", "good", "--model", "good"}, "as good/model.safetensors of a run"},
        {{"mpc", "--env", "hopper", "--model", "good"}, "as good/model.safetensors of a run"},
        {{"mpc", "--env", "hopper", "--model", "sim", "--policy", "hopper-expert", "--critic",
          "hopper-expert"},
         "no critics"},
        {{"data", "convert", "good", "--from", "d4rl", "--env", "hopper", "--out", "new"},
         "good: is a folder"},
        {{"data", "scores", "good", "--random", "5", "--expert", "5"},
         "(expected two that differ)"},
        {{"bench", "fly"}, "fly"},
    };
    assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
}

static void datasets(void **state) {
    (void)state;
    // every verb that reads a dataset, with every way in which it can be none
    static const struct {
        const char *path, *named;
    } none[] = {{"absent", "absent"},
                {"empty.hdf5", "empty.hdf5"},
                {"text.safetensors", "text.safetensors"},
                {"cheetah.safetensors", "cheetah.safetensors"},
                {"cut", "cut/data/main_data.hdf5"},
                {".", "data/"},
                {"nan", "nan/data/main_data.hdf5"},
                {"/dev/zero", "/dev/zero"}};
    for (size_t i = 0; i < TZ_COUNTOF(none); i++) {
        const bad_input inputs[] = {
            {{"data", "info", none[i].path}, none[i].named},
            {{"data", "split", none[i].path, "--out-train", "new-a", "--out-test", "new-b"},
             none[i].named},
            {{"data", "replay", none[i].path}, none[i].named},
            {{"train", "--data", none[i].path, "--out", "new"}, none[i].named},
            {{"train", "--data", "good", "--data", none[i].path, "--out", "new"}, none[i].named},
            {{"eval", "--data", none[i].path, "--model", "cheetah.safetensors"}, none[i].named},
        };
        assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
    }
    static const bad_input inputs[] = {
        {{"train", "--data", "bare.hdf5", "--env", "hopper", "--out", "new"}, "bare.hdf5"},
        {{"train", "--data", "bare.hdf5", "--env", "hoper", "--out", "new"}, "hoper"},
    };
    assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
}

static void models(void **state) {
    (void)state;
    static const struct {
        const char *path, *named;
    } none[] = {{"absent.safetensors", "absent.safetensors"},
                {"empty.safetensors", "empty.safetensors"},
                {"text.safetensors", "text.safetensors"},
                {"cut.safetensors", "cut.safetensors"},
                {"small.safetensors", "small.safetensors"},
                {"hopper.safetensors", "hopper.safetensors"},
                {"bare.hdf5", "bare.hdf5"},
                {"good", "good"}};
    for (size_t i = 0; i < TZ_COUNTOF(none); i++) {
        const bad_input inputs[] = {
            {{"eval", "--data", "good", "--model", none[i].path}, none[i].named},
            {{"eval", "--data", "good", "--model", "cheetah.safetensors", "--model", none[i].path},
             none[i].named},
            {{"train", "--data", "good", "--out", "new", "--init", none[i].path}, none[i].named},
            {{"mpc", "--env", "half_cheetah", "--model", none[i].path}, none[i].named},
        };
        assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
    }
}

static void policies(void **state) {
    (void)state;
    static const struct {
        const char *path, *named;
    } none[] = {{"absent.safetensors", "absent.safetensors"},
                {"absent", "absent"},
                {"empty.safetensors", "empty.safetensors"},
                {"text.safetensors", "text.safetensors"},
                {"cut.safetensors", "cut.safetensors"},
                {"small.safetensors", "small.safetensors"},
                {"cheetah.safetensors", "cheetah.safetensors"},
                {"cut.zip", "cut.zip"},
                {"swimmer.zip", "swimmer.zip"},
                {"hopper-expert", "hopper"},
                {"good", "good"}};
    for (size_t i = 0; i < TZ_COUNTOF(none); i++) {
        const bad_input inputs[] = {
            {{"policy", "export", "--c", none[i].path, "--env", "half_cheetah", "--out", "new"},
             none[i].named},
            {{"collect", "--env", "half_cheetah", "--policy", none[i].path, "--out", "new"},
             none[i].named},
            {{"collect", "--env", "half_cheetah", "--policy", "random", "--policy", none[i].path,
              "--out", "new"},
             none[i].named},
            {{"play", "--env", "half_cheetah", "--policy", none[i].path}, none[i].named},
        };
        assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
    }
    const bad_input inputs[] = {
        {{"policy"}, "verb"},
        {{"policy", "inform"}, "inform"},
        {{"policy", "info"}, "0 policies"},
        {{"policy", "info", "cut.zip"}, "cut.zip"},
        {{"policy", "info", "swimmer.zip", "--vecnormalize", "text.safetensors"},
         "text.safetensors"},
        {{"policy", "export", "hopper-expert", "--out", "new"}, "--safetensors"},
        {{"policy", "export", "--c", "hopper-expert"}, "--out"},
        {{"policy", "export", "--c", "swimmer.zip", "--out", "new"}, "--env"},
        {{"policy", "export", "--c", "hopper-expert", "--out", "good"}, "good"},
    };
    assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
}

// A file in place of the folder, and a file system that takes no files.
static void unwritable_folders(void **state) {
    (void)state;
    static const struct {
        const char *path, *named;
    } folders[] = {{"taken", "taken"}, {"taken/new", "taken"}, {"/proc/new", "/proc/new"}};
    for (size_t i = 0; i < TZ_COUNTOF(folders); i++) {
        const bad_input inputs[] = {
            {{"data", "split", "good", "--out-train", folders[i].path, "--out-test", "new-b"},
             folders[i].named},
            {{"train", "--data", "good", "--out", folders[i].path, "--quiet"}, folders[i].named},
            {{"eval", "--data", "good", "--model", "cheetah.safetensors", "--out", folders[i].path,
              "--horizon", "5"},
             folders[i].named},
            {{"sac", "--env", "hopper", "--out", folders[i].path, "--quiet"}, folders[i].named},
            {{"collect", "--env", "hopper", "--policy", "random", "--out", folders[i].path},
             folders[i].named},
            {{"mpc", "--env", "half_cheetah", "--model", "cheetah.safetensors", "--steps", "2",
              "--out", folders[i].path},
             folders[i].named},
        };
        assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
    }
}

// A folder belongs to the command that began it, also with --resume.
static void folders_of_others(void **state) {
    (void)state;
    static const struct {
        const char *path, *named;
    } folders[] = {{"good", "good already holds a dataset (data/main_data.hdf5)"},
                   {"planned", "planned already holds a run of trapeze plan (config.json)"},
                   {"foreign", "foreign already holds a config.json that no run of trapeze"}};
    for (size_t i = 0; i < TZ_COUNTOF(folders); i++) {
        const char *path = folders[i].path, *named = folders[i].named;
        const bad_input inputs[] = {
            {{"train", "--data", "good", "--out", path}, named},
            {{"train", "--data", "good", "--out", path, "--resume"}, named},
            {{"eval", "--data", "good", "--model", "cheetah.safetensors", "--out", path,
              "--horizon", "5"},
             named},
            {{"sac", "--env", "hopper", "--out", path}, named},
            {{"sac", "--env", "hopper", "--out", path, "--resume"}, named},
            {{"mpc", "--env", "half_cheetah", "--model", "cheetah.safetensors", "--out", path},
             named},
            {{"mpc", "--env", "half_cheetah", "--model", "cheetah.safetensors", "--out", path,
              "--resume"},
             named},
            {{"rounds", "--env", "half_cheetah", "--data", "good", "--model", "cheetah.safetensors",
              "--out", path},
             named},
            {{"rounds", "--env", "half_cheetah", "--data", "good", "--model", "cheetah.safetensors",
              "--out", path, "--resume"},
             named},
            {{"paper", "fig4", "--budget", "tiny", "--out", path}, named},
        };
        assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
    }

    // those that write a dataset refuse the folder of another run
    static const bad_input inputs[] = {
        {{"collect", "--env", "hopper", "--policy", "random", "--out", "planned"}, "trapeze plan"},
        {{"collect", "--env", "hopper", "--policy", "random", "--out", "planned", "--resume"},
         "trapeze plan"},
        {{"sac", "--env", "hopper", "--out", "new-sac", "--save-replay", "planned"},
         "trapeze plan"},
        {{"sac", "--env", "hopper", "--out", "new-sac", "--resume", "--save-replay", "planned"},
         "trapeze plan"},
    };
    assert_all_refused(inputs, TZ_COUNTOF(inputs), RLIM_INFINITY);
}

// No file may pass a kilobyte: what a full disk does to a write.
static void full_disks(void **state) {
    (void)state;
    static const bad_input inputs[] = {
        {{"data", "split", "good", "--out-train", "new-a", "--out-test", "new-b"}, "new-"},
        {{"train", "--data", "good", "--out", "new-run", "--quiet", "--epochs", "1", "--sequences",
          "200", "--batch", "100", "--rollouts", "2", "--horizon", "5"},
         "new-run"},
        {{"collect", "--env", "hopper", "--policy", "random", "--episodes", "2", "--quiet", "--out",
          "new-data"},
         "new-data"},
    };
    assert_all_refused(inputs, TZ_COUNTOF(inputs), 1024);
}

static void full_standard_output(void **state) {
    (void)state;
    const int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    FILE *err = tmpfile();
    assert_non_null(err);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(full, STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        execl(TZ_PROGRAM, TZ_PROGRAM, "envs", "--json", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 2);
    char text[256];
    read_back(fileno(err), text, sizeof text);
    assert_string_equal(text, "trapeze: standard output cannot be written: No space left on "
                              "device\n");
    close(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_options),
        cmocka_unit_test(datasets),
        cmocka_unit_test(models),
        cmocka_unit_test(policies),
        cmocka_unit_test(unwritable_folders),
        cmocka_unit_test(folders_of_others),
        cmocka_unit_test(full_disks),
        cmocka_unit_test(full_standard_output),
    };
    return cmocka_run_group_tests(tests, fill_folder, empty_folder);
}
