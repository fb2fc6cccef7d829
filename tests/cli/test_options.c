// The option table: what it takes, what it refuses and in which words, and its page.
#include "base/nearest.h"
#include "cli/cli.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const tz_command command = {.name = "collect",
                                   .summary = "Collect episodes.",
                                   .usage = "trapeze collect --env E",
                                   .example = "trapeze collect --env hopper --episodes 10"};

typedef struct values {
    bool json;
    int episodes, planner, share;
    uint64_t seed;
    double noise, gain, unset;
    const char *env;
    tz_text_list models;
} values;

static values v;
static tz_error error;
static const char *const planners[] = {"random", "cem", NULL};

enum { N_OPTIONS = 10 };

static tz_status parse(int argc, char **argv, tz_text_list *positional, bool *help) {
    v = (values){.episodes = 10, .seed = 1, .noise = 0.1, .gain = 2.0, .planner = 1};
    v.unset = NAN;
    v.models = (tz_text_list){1, {"default"}};
#define OPTION(n, t, v, m, h, ...)                                                                 \
    {.name = n, .type = t, .value = v, .metavar = m, .help = h, __VA_ARGS__}
    tz_option options[N_OPTIONS] = {
        OPTION("--env", TZ_OPTION_TEXT, &v.env, "E", "environment", .required = true),
        OPTION("--episodes", TZ_OPTION_INT, &v.episodes, "N", "how many", .min = 1, .max = 1e6),
        OPTION("--seed", TZ_OPTION_U64, &v.seed, "K", "random seed", .min = 0),
        OPTION("--noise", TZ_OPTION_REAL, &v.noise, "S", "noise", .min = 0, .max = 1),
        OPTION("--gain", TZ_OPTION_REAL, &v.gain, "G", "gain", .min = 0),
        OPTION("--limit", TZ_OPTION_REAL, &v.unset, "L", "limit", .min = 0),
        OPTION("--share", TZ_OPTION_INT, &v.share, "N", "not given: half", .is_computed = true),
        OPTION("--planner", TZ_OPTION_CHOICE, &v.planner, NULL, "planner", .choices = planners),
        OPTION("--model", TZ_OPTION_LIST, &v.models, "M", "models", .min = 0),
        OPTION("--json", TZ_OPTION_FLAG, &v.json, NULL, "machine-readable", .min = 0),
    };
    return tz_options_parse(&command, options, N_OPTIONS, argc, argv, positional, help, &error);
}

// Parses the words after the name of the command, up to NULL.
#define PARSE(...) parse_words((char *[]){"collect", __VA_ARGS__, NULL}, NULL, &(bool){false})

static tz_status parse_words(char **argv, tz_text_list *positional, bool *help) {
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    return parse(argc, argv, positional, help);
}

static void takes_every_type(void **state) {
    (void)state;
    assert_int_equal(PARSE("--env", "hopper", "--episodes=3", "--seed", "18446744073709551615",
                           "--noise", "0.5", "--gain=-1e3", "--planner", "random", "--model", "a",
                           "--model=b=c", "--json"),
                     TZ_OK);
    assert_string_equal(v.env, "hopper");
    assert_int_equal(v.episodes, 3);
    assert_true(v.seed == UINT64_MAX);
    assert_true(v.noise == 0.5 && v.gain == -1000.0 && v.json);
    assert_int_equal(v.planner, 0);
    assert_int_equal(v.models.n, 2);
    assert_string_equal(v.models.item[0], "a");
    assert_string_equal(v.models.item[1], "b=c");
}

static void keeps_defaults(void **state) {
    (void)state;
    assert_int_equal(PARSE("--env", "hopper", "--gain", "-2", "--json", "--json"), TZ_OK);
    assert_true(v.json); // a flag that is given twice says the same
    assert_int_equal(PARSE("--env", "hopper", "--gain", "-2"), TZ_OK);
    assert_int_equal(v.episodes, 10);
    assert_true(v.noise == 0.1 && v.gain == -2.0 && !v.json && v.seed == 1);
    assert_int_equal(v.planner, 1);
    assert_int_equal(v.models.n, 1);
    assert_string_equal(v.models.item[0], "default");
}

#define REFUSES(sentence, ...)                                                                     \
    do {                                                                                           \
        assert_int_equal(PARSE(__VA_ARGS__), TZ_ERR_ARGUMENT);                                     \
        assert_string_equal(error.text, sentence);                                                 \
    } while (0)

static void refuses_in_one_sentence(void **state) {
    (void)state;
    REFUSES("--env E is missing, see `trapeze collect --help`", "--json");
    REFUSES("unknown option --episdoes, did you mean --episodes?", "--episdoes", "3");
    REFUSES("unknown option --epsiodes, did you mean --episodes?", "--epsiodes=3");
    REFUSES("unknown option --epis, did you mean --episodes?", "--epis", "3");
    REFUSES("unknown option --e, `trapeze collect --help` lists them all", "--e", "3");
    REFUSES("unknown option --colour, `trapeze collect --help` lists them all", "--colour", "red");
    REFUSES("unknown option -j, `trapeze collect --help` lists them all", "-j");
    REFUSES("unexpected word 'hopper', expected options, see `trapeze collect --help`", "hopper");
    REFUSES("--env needs a value, E", "--env");
    REFUSES("--env needs a value, E", "--env", "--json");
    REFUSES("--env is empty", "--env=");
    REFUSES("--json takes no value, but '1' was given", "--json=1");
    REFUSES("--seed: given twice", "--env", "hopper", "--seed", "1", "--seed=1");
    REFUSES("--env: given twice", "--env=hopper", "--json", "--env");
    REFUSES("--planner is 'cma', expected one of random, cem", "--planner", "cma");
}

static void checks_numbers(void **state) {
    (void)state;
    static char *const episodes[] = {"0", "-1", "1000001", "3.5", "3x", "x", "99999999999", "0x10"};
    for (size_t i = 0; i < TZ_COUNTOF(episodes); i++) {
        char sentence[128];
        snprintf(sentence, sizeof sentence,
                 "--episodes is '%s', expected a whole number from 1 to 1000000", episodes[i]);
        REFUSES(sentence, "--episodes", episodes[i]);
    }
    static char *const noises[] = {"-0.1", "1.1", "nan", "inf", "0.5x", "x"};
    for (size_t i = 0; i < TZ_COUNTOF(noises); i++) {
        char sentence[128];
        snprintf(sentence, sizeof sentence, "--noise is '%s', expected a number from 0 to 1",
                 noises[i]);
        REFUSES(sentence, "--noise", noises[i]);
    }
    static char *const seeds[] = {"-1", "+1", " 1", "1.0", "18446744073709551616", "x"};
    for (size_t i = 0; i < TZ_COUNTOF(seeds); i++) {
        assert_int_equal(PARSE("--seed", seeds[i]), TZ_ERR_ARGUMENT);
    }
    REFUSES("--gain is '1e999', expected a number", "--gain", "1e999");
}

static void lists_have_an_end(void **state) {
    (void)state;
    char *argv[2 * TZ_LIST_MAX + 6] = {"collect", "--env", "hopper"};
    for (int i = 0; i < TZ_LIST_MAX + 1; i++) {
        argv[3 + 2 * i] = "--model";
        argv[4 + 2 * i] = "m";
    }
    bool help = false;
    assert_int_equal(parse(3 + 2 * TZ_LIST_MAX, argv, NULL, &help), TZ_OK);
    assert_int_equal(parse(5 + 2 * TZ_LIST_MAX, argv, NULL, &help), TZ_ERR_ARGUMENT);
}

static void takes_positional_words(void **state) {
    (void)state;
    tz_text_list words = {0};
    bool help = false;
    char *argv[] = {"data", "info", "--env", "hopper", "runs/demo", "-", NULL};
    assert_int_equal(parse_words(argv, &words, &help), TZ_OK);
    assert_int_equal(words.n, 3);
    assert_string_equal(words.item[0], "info");
    assert_string_equal(words.item[1], "runs/demo");
    assert_string_equal(words.item[2], "-");
}

static void finds_the_nearest_word(void **state) {
    (void)state;
    static const char *const envs[] = {"half_cheetah", "hopper", "swimmer", "walker2d"};
    const struct {
        const char *word, *nearest;
    } cases[] = {{"halfcheetah", "half_cheetah"},
                 {"HalfCheetah", "half_cheetah"},
                 {"hoper", "hopper"},
                 {"swimer", "swimmer"},
                 {"hpoper", "hopper"},
                 {"ohppre", "hopper"},
                 {"walker", "walker2d"},
                 {"half", "half_cheetah"},
                 {"ant", NULL},
                 {"mpc", NULL},
                 {"", NULL}};
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        const char *nearest = tz_nearest_word(cases[i].word, envs, TZ_COUNTOF(envs));
        if (cases[i].nearest == NULL) {
            assert_null(nearest);
        } else {
            assert_non_null(nearest);
            assert_string_equal(nearest, cases[i].nearest);
        }
    }
    char huge[1000];
    memset(huge, 'h', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(tz_nearest_word(huge, envs, TZ_COUNTOF(envs)));
}

// Runs fn with standard output or error into a file, and reads it.
static void capture(int fd, void (*fn)(void), char *text, size_t size) {
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(NULL);
    const int saved = dup(fd);
    dup2(fileno(file), fd);
    fn();
    fflush(NULL);
    dup2(saved, fd);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static bool asked_for_help;

static void ask_for_help(void) {
    char *argv[] = {"collect", "--episodes", "0", "--help", NULL};
    parse_words(argv, NULL, &asked_for_help);
}

static void help_shows_defaults_and_a_real_example(void **state) {
    (void)state;
    char text[4096];
    capture(STDOUT_FILENO, ask_for_help, text, sizeof text);
    assert_true(asked_for_help);
    static const char *const parts[] = {
        "Collect episodes.\n",
        "  trapeze collect --env E\n",
        "  --env E\n        environment (required)\n",
        "  --episodes N\n        how many (default 10)\n",
        "  --limit L\n        limit\n",
        "  --noise S\n        noise (default 0.1)\n",
        "  --share N\n        not given: half\n  --planner",
        "  --planner random|cem\n        planner (default cem)\n",
        "  --model M\n        models; may be given several times (default default)\n",
        "  --json\n        machine-readable\n",
        "Example:\n  trapeze collect --env hopper --episodes 10\n",
    };
    for (size_t i = 0; i < TZ_COUNTOF(parts); i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("no '%s' in\n%s", parts[i], text);
        }
    }
}

static int status;

static void fail_with_line_ends(void) {
    tz_fail(&error, TZ_ERR_FORMAT, "a\nb\r\x1b[31m.bin: not a file");
    status = tz_cli_fail(&command, &error);
}

static void interrupt(void) {
    tz_fail(&error, TZ_ERR_INTERRUPTED, "interrupted");
    status = tz_cli_fail(&command, &error);
}

static void failure_is_one_line(void **state) {
    (void)state;
    char text[4096];
    capture(STDERR_FILENO, fail_with_line_ends, text, sizeof text);
    assert_string_equal(text, "trapeze collect: a\\x0ab\\x0d\\x1b[31m.bin: not a file\n");
    assert_int_equal(status, TZ_EXIT_TROUBLE);
    capture(STDERR_FILENO, interrupt, text, sizeof text);
    assert_int_equal(status, TZ_EXIT_INTERRUPTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_type),
        cmocka_unit_test(keeps_defaults),
        cmocka_unit_test(refuses_in_one_sentence),
        cmocka_unit_test(checks_numbers),
        cmocka_unit_test(lists_have_an_end),
        cmocka_unit_test(takes_positional_words),
        cmocka_unit_test(finds_the_nearest_word),
        cmocka_unit_test(help_shows_defaults_and_a_real_example),
        cmocka_unit_test(failure_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
