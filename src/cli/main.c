// The program: a table of subcommands and nothing else.
#include "base/blas.h"
#include "base/interrupt.h"
#include "base/nearest.h"
#include "base/run_folder.h"
#include "cli/cli.h"
#include "data/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

// In the order of a first use.
// clang-format off
static const tz_command *const commands[] = {
    &tz_command_envs,
    &tz_command_doctor,
    &tz_command_sac,
    &tz_command_policy,
    &tz_command_collect,
    &tz_command_data,
    &tz_command_train,
    &tz_command_eval,
    &tz_command_mpc,
    &tz_command_rounds,
    &tz_command_play,
    &tz_command_plot,
    &tz_command_bench,
    &tz_command_paper,
    NULL,
};
// clang-format on

static int print_help(void) {
    printf("Trapeze learns the dynamics of MuJoCo robots and drives them by what it learned.\n\n"
           "Usage:\n  trapeze COMMAND [--option value]...\n\nCommands:\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("  %-8s  %s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\n`trapeze COMMAND --help` explains one of them; `trapeze --version` prints the "
           "version.\n");
    return TZ_EXIT_OK;
}

static int fail_unknown(const char *word) {
    const char *names[TZ_COUNTOF(commands)]; // (n)
    size_t n = 0;
    while (commands[n] != NULL) {
        names[n] = commands[n]->name;
        n++;
    }
    const char *nearest = tz_nearest_word(word, names, n);
    if (nearest != NULL) {
        fprintf(stderr, "trapeze: unknown command '%.64s', did you mean %s?\n", word, nearest);
    } else {
        fprintf(stderr, "trapeze: unknown command '%.64s', `trapeze --help` lists them all\n",
                word);
    }
    return TZ_EXIT_TROUBLE;
}

// Turns "help data info" into "data info --help", and "help" into "--help".
static void ask_for_help(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i++) {
        argv[i] = argv[i + 1];
    }
    static char option[] = "--help";
    argv[argc - 1] = option;
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "trapeze: a command is missing, `trapeze --help` lists them\n");
        return TZ_EXIT_TROUBLE;
    }
    if (strcmp(argv[1], "help") == 0) {
        ask_for_help(argc, argv);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return print_help();
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s\n", tz_version());
        return TZ_EXIT_OK;
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            if (commands[i]->stops_itself) {
                tz_catch_interrupts();
            }
            return commands[i]->run(argc - 1, argv + 1);
        }
    }
    return fail_unknown(argv[1]);
}

int main(int argc, char **argv) {
    int status;
    if (tz_guard_main(argc, argv, &status)) {
        return status;
    }
    tz_blas_mend(argv);
    // children are waited for, whatever the program before this one did
    signal(SIGCHLD, SIG_DFL);
    // a file over its size limit is an error of write, not a death
    signal(SIGXFSZ, SIG_IGN);

    status = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "trapeze: standard output cannot be written: %s\n", strerror(errno));
        status = TZ_EXIT_TROUBLE;
    }
    return status;
}
