// The program on a file system that is full: each command that writes is run on ever larger ones
// until it has room. Before that it ends with exit status 2 and one sentence, nothing that was
// there is lost, and the run can be done again; then every picture is whole.
//
// The file system is a tmpfs in a mount namespace of this process: as root, or as root of a user
// namespace. Where neither is allowed a limit on the size of files stands for it.
#include "base/file.h"
#include "command.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool mounted; // "disk" is a file system of its own

// Enters a mount namespace in which this process may mount. A process with threads cannot enter a
// user namespace, so without the right to mount the test starts itself again in one.
static bool may_mount(char **argv) {
    if (unshare(CLONE_NEWNS) == 0) {
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    }
    if (getenv("TZ_TEST_AGAIN") == NULL && system("unshare -rm true 2>/dev/null") == 0) {
        setenv("TZ_TEST_AGAIN", "1", 1);
        execlp("unshare", "unshare", "-rm", argv[0], (char *)NULL);
    }
    return false;
}

static int make_data(void **state) {
    if (enter_folder(state) != 0 || mkdir("disk", 0777) != 0) {
        return -1;
    }
    mounted = mounted && mount("tmpfs", "disk", "tmpfs", 0, "size=4k") == 0;
    if (!mounted) {
        print_message("no right to mount : a limit on the size of files stands for a full file "
                      "system\n");
    }
    return trapeze("collect --env inverted_pendulum --policy random --episodes 20 --steps 40 "
                   "--no-early-end --out data --quiet") != 0 ||
           trapeze("train --data data --hidden 16 --sequences 400 --epochs 1 --horizon 20 "
                   "--out model --quiet") != 0;
}

static int remove_data(void **state) {
    if (mounted) {
        umount("disk");
    }
    return leave_folder(state);
}

static void assert_whole_pictures(void) {
    // a PNG ends with an empty chunk IEND
    assert_int_equal(shell("for f in $(find disk -name '*.png'); do "
                           "tail -c 8 $f | grep -qa IEND || exit 1; done"),
                     0);
    assert_int_equal(shell("for f in $(find disk -name '*.svg'); do "
                           "tail -c 16 $f | grep -q '</svg>' || exit 1; done"),
                     0);
}

// Runs the command, which writes below disk/, on 8 KiB to 32 MiB.
static void fills_disks(const char *command) {
    // a limit kills gnuplot, which then is what the sentence names
    const char *culprit = mounted ? "disk/" : "gnuplot";
    int failed = 0;
    for (int kib = 8;; kib *= 4) {
        assert_true(kib <= 32 << 10);
        assert_int_equal(shell("rm -rf disk/*"), 0);
        char size[32] = "", limit[64] = "";
        if (mounted) {
            snprintf(size, sizeof size, "size=%dk", kib);
            assert_int_equal(mount("tmpfs", "disk", "tmpfs", MS_REMOUNT, size), 0);
        } else {
            // in blocks of 512 bytes
            snprintf(limit, sizeof limit, "ulimit -f %d;", 2 * kib);
        }
        assert_int_equal(shell("echo kept > disk/before"), 0);
        const int status = shell("%s exec 2>&1 >/dev/null; exec " TZ_PROGRAM " %s", limit, command);
        if (status != 0) {
            const char *line = last_line(printed), *end = strchr(line, '\n');
            const bool names = strstr(line, "disk/") != NULL || strstr(line, culprit) != NULL;
            if (status != 2 || strncmp(line, "trapeze ", 8) != 0 || !names || end == NULL ||
                end[1] != '\0') {
                fail_msg("%s on %d KiB: exit status %d and\n%s", command, kib, status, printed);
            }
        }
        assert_int_equal(shell("grep -qx kept disk/before"), 0);
        assert_int_equal(shell("find disk -name '*.mp4' | wc -l"), 0);
        assert_int_equal(atoi(printed), status == 0 && strstr(command, ".mp4") != NULL);
        if (status == 0) {
            break;
        }
        failed++;
    }
    assert_true(failed > 0);
    assert_whole_pictures();
}

static void collect(void **state) {
    (void)state;
    fills_disks("collect --env inverted_pendulum --policy random --episodes 40 --steps 40 "
                "--no-early-end --out disk/data --quiet");
    assert_int_equal(trapeze("data validate disk/data"), 0);
}

static void train(void **state) {
    (void)state;
    fills_disks("train --data data --hidden 64 --sequences 400 --epochs 3 --horizon 20 "
                "--rollout-every 1 --out disk/model --quiet");
}

static void sac(void **state) {
    (void)state;
    fills_disks("sac --env inverted_pendulum --steps 400 --learning-starts 100 --eval-every 200 "
                "--eval-episodes 1 --checkpoint-every 200 --hidden 16 --batch 16 --quiet "
                "--out disk/sac");
}

static void mpc(void **state) {
    (void)state;
    fills_disks("mpc --env inverted_pendulum --model sim --samples 8 --horizon 4 --steps 20 "
                "--episodes 3 --out disk/mpc --quiet");
    assert_int_equal(trapeze("data validate disk/mpc/dataset"), 0);
}

// A film that does not fit is told and leaves no half.
static void film(void **state) {
    (void)state;
    fills_disks("mpc --env inverted_pendulum --model sim --samples 8 --horizon 4 --steps 100 "
                "--no-early-end --video disk/film.mp4 --width 1280 --height 960 --quiet");
    assert_int_equal(shell("ffprobe -v error disk/film.mp4"), 0);
}

static void eval(void **state) {
    (void)state;
    fills_disks("eval --data data --model model/model.safetensors --horizon 20 --out disk/eval");
}

static void plot(void **state) {
    (void)state;
    fills_disks("plot model --out disk/pictures");
}

static void convert(void **state) {
    (void)state;
    fills_disks("data convert data --to npy --out disk/arrays");
}

static void export(void **state) {
    (void)state;
    fills_disks("policy export --c hopper-expert --out disk/policy.c");
}

static void rounds(void **state) {
    (void)state;
    fills_disks("rounds --env inverted_pendulum --data data --model model/model.safetensors "
                "--rounds 1 --episodes 1 --steps 20 --epochs 1 --sequences 200 --samples 8 "
                "--horizon 4 --iterations 1 --quiet --out disk/rounds");
}

int main(int argc, char **argv) {
    (void)argc;
    mounted = may_mount(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collect), cmocka_unit_test(train),   cmocka_unit_test(sac),
        cmocka_unit_test(mpc),     cmocka_unit_test(film),    cmocka_unit_test(eval),
        cmocka_unit_test(plot),    cmocka_unit_test(convert), cmocka_unit_test(export),
        cmocka_unit_test(rounds),
    };
    return cmocka_run_group_tests(tests, make_data, remove_data);
}
