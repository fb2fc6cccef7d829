#include "base/child.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct tz_child {
    pid_t pid;
    int input;     // our end of its standard input
    int complaint; // what it writes to standard error: a file in memory
    char name[64];
};

// A copy above the standard ones, over which the child puts its own one by one: where those are
// closed here, a file may stand in their place. -1 for none, and for trouble.
static int copy_high(int file) {
    return file >= 0 ? fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
}

// Starts the program with these as its standard input, output (-1: dropped) and error.
static int spawn(pid_t *pid, const char *const *argv, int input, int output, int complaint) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (output >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    } else {
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    }
    posix_spawn_file_actions_adddup2(&actions, complaint, STDERR_FILENO);

    // a process group of its own, and signals as a fresh program has them
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);

    // posix_spawnp does not write to the words
    const int outcome =
        posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return outcome;
}

tz_status tz_child_start(tz_child **child, const char *const *argv, tz_error *error) {
    return tz_child_start_to(child, argv, -1, error);
}

tz_status tz_child_start_to(tz_child **child_out, const char *const *argv, int output,
                            tz_error *error) {
    *child_out = NULL;
    tz_child *child = tz_alloc(1, sizeof *child);
    if (child == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "no memory to start %s", argv[0]);
    }
    snprintf(child->name, sizeof child->name, "%s", argv[0]);

    // a pair of sockets in place of a pipe: writing to it can do without SIGPIPE
    int ends[2] = {-1, -1};
    int outcome = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
    child->input = ends[0];
    child->complaint = memfd_create("complaint", MFD_CLOEXEC);
    if (outcome == 0) {
        const int high[] = {copy_high(ends[1]), copy_high(output), copy_high(child->complaint)};
        outcome = high[0] < 0 || high[2] < 0 || (output >= 0 && high[1] < 0)
                      ? errno
                      : spawn(&child->pid, argv, high[0], high[1], high[2]);
        close(ends[1]);
        for (size_t i = 0; i < TZ_COUNTOF(high); i++) {
            if (high[i] >= 0) {
                close(high[i]);
            }
        }
    }
    if (outcome != 0) {
        tz_child_abandon(child);
        // EACCES: a folder of PATH is closed, or has a file of this name that is no program
        const bool is_searched = strchr(argv[0], '/') == NULL;
        if (outcome == ENOENT || (outcome == EACCES && is_searched)) {
            return tz_fail(error, TZ_ERR_UNSUPPORTED,
                           "%s: not found in PATH, expected an installed program", argv[0]);
        }
        return tz_fail(error, TZ_ERR_IO, "%s: cannot be started: %s", argv[0], strerror(outcome));
    }
    *child_out = child;
    return TZ_OK;
}

tz_status tz_child_write(tz_child *child, const void *data, size_t size, tz_error *error) {
    size_t done = 0;
    while (done < size) {
        const ssize_t n = send(child->input, (const char *)data + done, size - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return tz_fail(error, TZ_ERR_IO, "%s: took no more input: %s", child->name,
                           strerror(errno));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return TZ_OK;
}

// The last line that the child wrote to standard error.
static void read_complaint(const tz_child *child, char *line, size_t size) {
    char text[1024];
    const off_t end = lseek(child->complaint, 0, SEEK_END);
    const off_t start = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    const ssize_t n = pread(child->complaint, text, sizeof text - 1, start);
    text[n > 0 ? n : 0] = '\0';

    size_t length = strlen(text);
    while (length > 0 && strchr("\r\n ", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    const char *last = text + length;
    while (last > text && last[-1] != '\n' && last[-1] != '\r') {
        last--;
    }
    snprintf(line, size, "%s", last);
}

static void release(tz_child *child) {
    if (child->input >= 0) {
        close(child->input);
    }
    if (child->complaint >= 0) {
        close(child->complaint);
    }
    tz_free(child);
}

// How it ended, as waitpid tells; exit status 255 where nobody can tell, as a process that ignores
// SIGCHLD.
static int wait_for(const tz_child *child) {
    int status;
    for (;;) {
        if (waitpid(child->pid, &status, 0) == child->pid) {
            return status;
        }
        if (errno != EINTR) {
            return W_EXITCODE(255, 0);
        }
    }
}

// Closes its standard input and waits.
static int wait_for_end(tz_child *child) {
    close(child->input);
    child->input = -1;
    return wait_for(child);
}

int tz_child_wait(tz_child *child) {
    const int outcome = wait_for_end(child);
    release(child);
    return outcome;
}

tz_status tz_child_finish(tz_child *child, tz_error *error) {
    const int outcome = wait_for_end(child);
    tz_status status = TZ_OK;
    if (outcome != 0) {
        char how[64], line[512];
        if (WIFSIGNALED(outcome)) {
            snprintf(how, sizeof how, "was killed by signal %d", WTERMSIG(outcome));
        } else {
            snprintf(how, sizeof how, "failed with exit status %d", WEXITSTATUS(outcome));
        }
        read_complaint(child, line, sizeof line);
        status = tz_fail(error, TZ_ERR_IO, "%s: %s%s%s", child->name, how,
                         line[0] != '\0' ? ": " : "", line);
    }
    release(child);
    return status;
}

void tz_child_abandon(tz_child *child) {
    if (child == NULL) {
        return;
    }
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        wait_for(child);
    }
    release(child);
}
