#include "command.h"

#include "base/file.h"
#include "envs/env.h"
#include "models/model.h"

#include <glob.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char printed[1 << 18];

static int run(const char *start, const char *format, va_list arguments) {
    char command[4 * TZ_PATH_MAX];
    const int n = snprintf(command, sizeof command, "%s", start);
    const int m = vsnprintf(command + n, sizeof command - (size_t)n, format, arguments);
    assert_true(m >= 0 && (size_t)(n + m) < sizeof command);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    printed[fread(printed, 1, sizeof printed - 1, output)] = '\0';
    const int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int shell(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run("", format, arguments);
    va_end(arguments);
    return status;
}

int trapeze(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run(TZ_PROGRAM " ", format, arguments);
    va_end(arguments);
    return status;
}

void assert_refused(const char *sentence, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run("exec 2>&1 >/dev/null; " TZ_PROGRAM " ", format, arguments);
    va_end(arguments);
    if (status != 2 || strncmp(printed, "trapeze", 7) != 0 || strstr(printed, sentence) == NULL ||
        strchr(printed, '\n') != printed + strlen(printed) - 1) {
        fail_msg("%s: exit status %d and not one line with '%s', but:\n%s", format, status,
                 sentence, printed);
    }
}

// ---- programs that are signalled

static pid_t start(const char *in, const char *words) {
    char command[4 * TZ_PATH_MAX];
    const int n = snprintf(command, sizeof command, "cd %s && exec " TZ_PROGRAM " %s",
                           in != NULL ? in : ".", words);
    assert_true(n >= 0 && (size_t)n < sizeof command);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        // a test in the background may have been told to ignore them
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return child;
}

// The words of a command, which the caller frees.
static char *write_words(const char *format, va_list arguments) {
    char *words = NULL;
    assert_true(vasprintf(&words, format, arguments) >= 0);
    return words;
}

pid_t start_trapeze(const char *in, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *words = write_words(format, arguments);
    va_end(arguments);
    const pid_t child = start(in, words);
    free(words);
    return child;
}

static bool is_there(const char *pattern) {
    glob_t found;
    const bool any = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
    if (any) {
        globfree(&found);
    }
    return any;
}

// Whether the process is the program, no shell any more, and has a handler for the signal.
static bool catches(pid_t process, int signal_number) {
    char path[64], line[256];
    unsigned long long caught = 0;
    bool is_program = false;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        is_program |= strcmp(line, "Name:\ttrapeze\n") == 0;
        sscanf(line, "SigCgt: %llx", &caught);
    }
    if (file != NULL) {
        fclose(file);
    }
    return is_program && (caught >> (signal_number - 1) & 1) != 0;
}

// Signals the process at the place and waits for its end. False: it was past it.
static bool signal_at(const stop *at, pid_t process, int *status) {
    bool reached = false, ended = false;
    while (!reached && !ended) {
        usleep(1000);
        reached = at->file != NULL ? is_there(at->file) : catches(process, at->signal_number);
        ended = waitpid(process, status, WNOHANG) == process;
    }
    if (!ended) {
        kill(process, at->signal_number);
        assert_int_equal(waitpid(process, status, 0), process);
    }
    const bool finished = WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
    return !finished && (at->before == NULL || !is_there(at->before));
}

int stop_trapeze(const stop *at, const char *format, ...) {
    enum { ATTEMPTS = 20 };
    const char *folder = at->folder != NULL ? at->folder : "nothing";
    va_list arguments;
    va_start(arguments, format);
    char *words = write_words(format, arguments);
    va_end(arguments);
    assert_int_equal(
        shell("rm -rf %s.kept; ! test -e %s || cp -a %s %s.kept", folder, folder, folder, folder),
        0);
    int status = 0, attempt = 0;
    while (!signal_at(at, start(at->in, words), &status)) {
        if (++attempt == ATTEMPTS) {
            fail_msg("trapeze %s: was past %s at %d signals out of %d", words,
                     at->file != NULL ? at->file : "its beginning", ATTEMPTS, ATTEMPTS);
        }
        assert_int_equal(shell("rm -rf %s; ! test -e %s.kept || cp -a %s.kept %s", folder, folder,
                               folder, folder),
                         0);
    }
    assert_int_equal(shell("rm -rf %s.kept", folder), 0);
    free(words);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// ---- what was printed and left

const char *last_line(const char *text) {
    const char *last = text;
    for (const char *c = text; *c != '\0'; c++) {
        last = c[0] == '\n' && c[1] != '\0' ? c + 1 : last;
    }
    return last;
}

struct json_object *printed_json(void) {
    struct json_object *object = json_tokener_parse(printed);
    assert_non_null(object);
    return object;
}

struct json_object *field(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, key, &value)) {
        fail_msg("field %s is missing", key);
    }
    return value;
}

double number(struct json_object *object, const char *key) {
    return json_object_get_double(field(object, key));
}

const char *words(struct json_object *object, const char *key) {
    const char *text = json_object_get_string(field(object, key));
    return text != NULL ? text : "";
}

void assert_files(const char *const *paths, size_t n, bool there) {
    for (size_t i = 0; i < n; i++) {
        struct stat info;
        if ((stat(paths[i], &info) == 0 && info.st_size > 0) != there) {
            fail_msg("%s %s", paths[i], there ? "is missing or empty" : "is there");
        }
    }
}

void assert_same_file(const char *a, const char *b) {
    char digest[2][65];
    assert_int_equal(tz_file_sha256(a, digest[0], NULL), TZ_OK);
    assert_int_equal(tz_file_sha256(b, digest[1], NULL), TZ_OK);
    if (strcmp(digest[0], digest[1]) != 0) {
        fail_msg("%s and %s differ", a, b);
    }
}

// ---- what commands are given

void write_untrained_model(const char *env_name, double rate_mean, const char *path) {
    tz_env_def env_def = tz_env_def_default();
    env_def.name = env_name;
    tz_env *env = NULL;
    assert_int_equal(tz_env_create(&env, &env_def, NULL), TZ_OK);
    tz_model_statistics statistics = {0};
    for (size_t i = 0; i < TZ_COUNTOF(statistics.z_std); i++) {
        statistics.z_std[i] = statistics.rate_std[i] = statistics.z_high[i] = 1.0;
        statistics.z_low[i] = -1.0;
        statistics.rate_mean[i] = rate_mean;
    }
    for (size_t i = 0; i < TZ_COUNTOF(statistics.u_std); i++) {
        statistics.u_std[i] = 1.0;
    }
    tz_model_def def = tz_model_def_default();
    tz_model *model = NULL;
    assert_int_equal(tz_model_create(&model, &def, tz_env_task(env), &statistics, NULL), TZ_OK);
    assert_int_equal(tz_model_save(model, path, NULL), TZ_OK);
    tz_model_destroy(model);
    tz_env_destroy(env);
}
