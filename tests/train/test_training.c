// A whole run: killed at random moments and resumed it ends in the bytes of the unbroken one;
// interrupted it leaves a checkpoint; finished it is extended; a loss that blows up stops it and
// spoils nothing.
#include "command.h"
#include "toy_data.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/safetensors.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/training.h"

#include <mujoco/mujoco.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { EPISODES = 6 };

static void make_subfolder(char folder[TZ_PATH_MAX], const char *name) {
    assert_int_equal(tz_path_join(folder, test_folder, name, NULL), TZ_OK);
    assert_int_equal(tz_make_folders(folder, NULL), TZ_OK);
}

static tz_training_def small_def(const char *folder) {
    tz_training_def def = tz_training_def_default();
    def.trainer.epochs = 12;
    def.trainer.input_noise = 0.01;
    def.n_sequences = 1000;
    def.n_test_sequences = 300;
    def.rollout_every = 5;
    def.n_rollouts = 20;
    def.horizon = 50;
    def.folder = folder;
    def.what = "a small model";
    def.quiet = true;
    return def;
}

// Trains a model of its own on data of its own, so that a child process can call it.
static tz_status run(const tz_training_def *def, int threads, tz_training_report *report,
                     tz_error *error) {
    tz_dataset *data = toy_dataset(2, 1, EPISODES, 60, 7);
    const unsigned char is_test[EPISODES] = {0, 0, 1, 0, 0, 0};
    const tz_source source = {.path = "toy", .dataset = data, .is_test = is_test};
    tz_model_statistics statistics;
    assert_int_equal(tz_training_statistics(&statistics, &source, 1, NULL), TZ_OK);
    const tz_task task = toy_task(2, 1);
    tz_model_def model_def = tz_model_def_default();
    model_def.n_hidden = 32;
    tz_model *model = NULL;
    assert_int_equal(tz_model_create(&model, &model_def, &task, &statistics, NULL), TZ_OK);
    tz_team *team = NULL;
    assert_int_equal(tz_team_create(&team, threads, NULL), TZ_OK);
    const tz_status status = tz_train(def, model, &source, 1, team, report, error);
    tz_team_destroy(team);
    tz_model_destroy(model);
    toy_dataset_destroy(data);
    return status;
}

static void assert_same_in(const char *folder_a, const char *folder_b, const char *name) {
    char a[TZ_PATH_MAX], b[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(a, folder_a, name, NULL), TZ_OK);
    assert_int_equal(tz_path_join(b, folder_b, name, NULL), TZ_OK);
    assert_same_file(a, b);
}

static double whole_s; // what the unbroken run took here

static void whole_run_leaves_its_files(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    make_subfolder(folder, "whole");
    const tz_training_def def = small_def(folder);
    tz_training_report report;
    const double start_s = tz_now_s();
    assert_int_equal(run(&def, 1, &report, NULL), TZ_OK);
    whole_s = tz_now_s() - start_s;
    assert_int_equal((int)report.steps, 12 * 5);
    assert_int_equal((int)report.last.epoch, 12);
    assert_true(report.last.test_loss > 0.0 && report.last.rollout_nmse > 0.0);

    tz_model *model = NULL;
    assert_int_equal(tz_path_join(path, folder, "model.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_model_load(&model, path, NULL), TZ_OK);
    assert_string_equal(model->env, "toy");
    assert_string_equal(model->data_mujoco, "unknown");
    assert_string_equal(model->trained_mujoco, mj_versionString());
    tz_model_destroy(model);
    const char *const files[] = {"metrics.csv", "checkpoint.safetensors"};
    for (size_t i = 0; i < TZ_COUNTOF(files); i++) {
        assert_int_equal(tz_path_join(path, folder, files[i], NULL), TZ_OK);
        assert_true(tz_file_exists(path));
    }
}

static void assert_same_folders(const char *a, const char *b) {
    assert_same_in(a, b, "model.safetensors");
    assert_same_in(a, b, "metrics.csv");
    assert_same_in(a, b, "checkpoint.safetensors");
}

// Waits until the file is another one than `before` (its status, all zeros where there was none),
// or the process has ended, and returns which.
static bool wait_for_another(const char *path, const struct stat *before, pid_t process) {
    for (;;) {
        struct stat now;
        siginfo_t ended = {.si_pid = 0};
        if (stat(path, &now) == 0 &&
            (now.st_ino != before->st_ino || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
             now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)) {
            return true;
        }
        assert_int_equal(waitid(P_PID, (id_t)process, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
        if (ended.si_pid == process) {
            return false;
        }
        usleep(200);
    }
}

// Kills at random moments of a run and its continuations, at changing numbers of threads: ten after
// a while that the run may spend with its beginning, ten after it has written a checkpoint. A run
// that was finished before it could be killed is compared and begun anew.
static void killed_and_resumed_ends_in_the_same_bytes(void **state) {
    (void)state;
    enum { KILLS = 10, ATTEMPTS = 2000 };
    char whole[TZ_PATH_MAX], folder[TZ_PATH_MAX], checkpoint[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(whole, test_folder, "whole", NULL), TZ_OK);
    make_subfolder(folder, "killed");
    assert_int_equal(tz_path_join(checkpoint, folder, "checkpoint.safetensors", NULL), TZ_OK);
    tz_training_def def = small_def(folder);
    def.resume = true;
    tz_rng rng = tz_rng_stream(1, TZ_PURPOSE_TEST, 0);
    int kills[2] = {0, 0};
    for (int attempt = 0; kills[0] < KILLS || kills[1] < KILLS; attempt++) {
        assert_true(attempt < ATTEMPTS);
        const bool waits = attempt % 2 == 1;
        struct stat before = {0};
        stat(checkpoint, &before);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(run(&def, 1 + attempt % 3, NULL, NULL) == TZ_OK ? 0 : 1);
        }
        const bool under_way = !waits || wait_for_another(checkpoint, &before, child);
        usleep((useconds_t)(1e6 * whole_s / 8.0 * tz_rng_uniform(&rng)));
        kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) {
            kills[waits] += under_way;
        } else {
            assert_int_equal(WEXITSTATUS(status), 0);
            assert_same_folders(whole, folder);
            assert_int_equal(shell("rm -r %s/*", folder), 0);
        }
    }
    assert_int_equal(run(&def, 2, NULL, NULL), TZ_OK);
    assert_same_folders(whole, folder);
}

// An interrupt stops between two steps, also inside an epoch, and loses none.
static void interrupted_and_resumed_ends_in_the_same_bytes(void **state) {
    (void)state;
    char whole[TZ_PATH_MAX], folder[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(whole, test_folder, "whole", NULL), TZ_OK);
    make_subfolder(folder, "interrupted");
    tz_training_def def = small_def(folder);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tz_catch_interrupts();
        raise(SIGINT); // polled after the first step
        tz_error error;
        const tz_status status = run(&def, 1, NULL, &error);
        _exit(status == TZ_ERR_INTERRUPTED && strstr(error.text, "epoch 1 of 12") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    def.resume = true;
    tz_training_report report;
    assert_int_equal(run(&def, 1, &report, NULL), TZ_OK);
    assert_int_equal((int)report.steps, 12 * 5 - 1);
    assert_same_in(whole, folder, "model.safetensors");
    assert_same_in(whole, folder, "metrics.csv");
}

// What is kept is what the metrics say was best.
static void best_weights_are_kept(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    make_subfolder(folder, "best");
    tz_training_def def = small_def(folder);
    def.keep_best = true;
    def.rollout_every = 1;
    def.trainer.lr = 0.1; // large enough that late epochs may be worse than early ones
    tz_training_report report;
    assert_int_equal(run(&def, 1, &report, NULL), TZ_OK);
    assert_in_range(report.kept_epoch, 1, 12);

    // the smallest error in the table is that of the kept epoch
    char *csv = NULL;
    size_t size = 0;
    assert_int_equal(tz_path_join(path, folder, "metrics.csv", NULL), TZ_OK);
    assert_int_equal(tz_file_read(path, &csv, &size, 1 << 20, NULL), TZ_OK);
    double smallest = INFINITY;
    int at = 0;
    const char *line = strchr(csv, '\n');
    for (int epoch = 1; epoch <= 12; epoch++, line = strchr(line + 1, '\n')) {
        double nmse = NAN;
        assert_int_equal(sscanf(line + 1, "%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%lf", &nmse), 1);
        at = nmse < smallest ? epoch : at;
        smallest = nmse < smallest ? nmse : smallest;
    }
    tz_free(csv);
    assert_int_equal(report.kept_epoch, at);

    // and the kept weights have that error
    tz_model *model = NULL;
    tz_team *team = NULL;
    tz_rollouts *rollouts = NULL;
    tz_evaluation *evaluation = NULL;
    tz_dataset *data = toy_dataset(2, 1, EPISODES, 60, 7);
    const unsigned char is_test[EPISODES] = {0, 0, 1, 0, 0, 0};
    assert_int_equal(tz_path_join(path, folder, "model.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_model_load(&model, path, NULL), TZ_OK);
    assert_int_equal(tz_team_create(&team, 1, NULL), TZ_OK);
    assert_int_equal(tz_rollouts_pick(&rollouts, data, is_test, 20, 50, "toy", NULL), TZ_OK);
    const tz_predictor predictor = {.type = TZ_PREDICT_MODEL, .model = model};
    assert_int_equal(tz_evaluate(&evaluation, rollouts, &predictor, model->sigma_z, team, NULL),
                     TZ_OK);
    assert_true(fabs(evaluation->mean - smallest) < 1e-6 * smallest);
    tz_evaluation_destroy(evaluation);
    tz_rollouts_destroy(rollouts);
    tz_team_destroy(team);
    tz_model_destroy(model);
    toy_dataset_destroy(data);
}

// Puts n values of column `column` into the metrics of a run's checkpoint.
static void change_metrics(const char *folder, size_t column, const double *values, size_t n) {
    static const char *const keys[] = {"format", "kind", "what"};
    char path[TZ_PATH_MAX];
    tz_safetensors *file;
    tz_tensor tensors[8];
    tz_metadata metadata[TZ_COUNTOF(keys)];
    double table[32 * TZ_N_METRICS];
    assert_int_equal(tz_path_join(path, folder, "checkpoint.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_safetensors_read(&file, path, NULL), TZ_OK);
    const int n_tensors = tz_safetensors_count(file);
    assert_true(n_tensors <= (int)TZ_COUNTOF(tensors));
    for (int i = 0; i < n_tensors; i++) {
        tensors[i] = *tz_safetensors_at(file, i);
        if (strcmp(tensors[i].name, "metrics") == 0) {
            assert_true(tensors[i].shape[0] == n && n <= 32);
            memcpy(table, tensors[i].data, n * TZ_N_METRICS * sizeof *table);
            tensors[i].data = table;
        }
    }
    for (size_t e = 0; e < n; e++) {
        table[e * TZ_N_METRICS + column] = values[e];
    }
    for (size_t k = 0; k < TZ_COUNTOF(keys); k++) {
        metadata[k] = (tz_metadata){keys[k], tz_safetensors_metadata(file, keys[k])};
    }
    assert_int_equal(
        tz_safetensors_write(path, tensors, n_tensors, metadata, TZ_COUNTOF(metadata), NULL),
        TZ_OK);
    tz_safetensors_destroy(file);
}

// Fewest diverged rollouts, then the smallest error, then the first of equals; an epoch that was
// not measured never. A finished run, resumed, says it by the metrics of its checkpoint.
static void the_best_epoch_has_the_fewest_diverged(void **state) {
    (void)state;
    enum { EPOCHS = 5 };
    static const struct {
        double nmse[EPOCHS], diverged[EPOCHS];
        int best;
    } cases[] = {
        {{5, 4, 3, 2, 1}, {0, 0, 0, 0, 0}, 5}, {{1, 2, 3, 4, 5}, {0, 0, 0, 0, 0}, 1},
        {{5, 4, 3, 2, 1}, {1, 0, 0, 1, 2}, 3}, {{1, 2, 3, 4, 5}, {9, 8, 7, 7, 8}, 3},
        {{4, 3, 3, 3, 4}, {0, 0, 0, 0, 0}, 2}, {{NAN, NAN, 3, NAN, 4}, {NAN, NAN, 1, NAN, 1}, 3}};
    char folder[TZ_PATH_MAX];
    make_subfolder(folder, "judged");
    tz_training_def def = small_def(folder);
    def.trainer.epochs = EPOCHS;
    def.keep_best = true;
    tz_training_report report;
    assert_int_equal(run(&def, 1, &report, NULL), TZ_OK);
    def.resume = true;
    for (size_t i = 0; i < TZ_COUNTOF(cases); i++) {
        change_metrics(folder, offsetof(tz_epoch_metrics, rollout_nmse) / sizeof(double),
                       cases[i].nmse, EPOCHS);
        change_metrics(folder, offsetof(tz_epoch_metrics, rollout_diverged) / sizeof(double),
                       cases[i].diverged, EPOCHS);
        assert_int_equal(run(&def, 1, &report, NULL), TZ_OK);
        assert_int_equal(report.kept_epoch, cases[i].best);
    }
}

// Makes the first number of a tensor of a run's checkpoint NaN.
static void poison(const char *folder, const char *name) {
    char path[TZ_PATH_MAX], *content;
    size_t size;
    float first[8];
    tz_safetensors *file;
    assert_int_equal(tz_path_join(path, folder, "checkpoint.safetensors", NULL), TZ_OK);
    assert_int_equal(tz_safetensors_read(&file, path, NULL), TZ_OK);
    memcpy(first, tz_safetensors_find(file, name)->data, sizeof first);
    tz_safetensors_destroy(file);
    assert_int_equal(tz_file_read(path, &content, &size, SIZE_MAX - 1, NULL), TZ_OK);
    char *at = memmem(content, size, first, sizeof first);
    assert_non_null(at);
    memcpy(at, &(float){NAN}, sizeof(float));
    assert_int_equal(tz_file_write(path, content, size, NULL), TZ_OK);
    tz_free(content);
}

// Weights that are no numbers are found before a model is made of them, also where no step is left.
static void a_checkpoint_of_no_numbers_is_refused(void **state) {
    (void)state;
    const char *const names[] = {"parameters", "adam.m", "adam.v"};
    for (size_t i = 0; i < TZ_COUNTOF(names); i++) {
        char folder[TZ_PATH_MAX], words[64];
        tz_error error;
        make_subfolder(folder, names[i]);
        tz_training_def def = small_def(folder);
        def.trainer.epochs = 1;
        assert_int_equal(run(&def, 1, NULL, NULL), TZ_OK);
        poison(folder, names[i]);
        def.resume = true;
        assert_int_equal(run(&def, 1, NULL, &error), TZ_ERR_FORMAT);
        snprintf(words, sizeof words, "%s[0] is nan, expected a finite number", names[i]);
        assert_non_null(strstr(error.text, words));
    }
}

static void checkpoint_of_something_else_is_refused(void **state) {
    (void)state;
    char whole[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(whole, test_folder, "whole", NULL), TZ_OK);
    tz_training_def def = small_def(whole);
    def.resume = true;
    def.trainer.lr *= 2.0;
    tz_error error;
    assert_int_equal(run(&def, 1, NULL, &error), TZ_ERR_MISMATCH);
    assert_non_null(
        strstr(error.text, "checkpoint.safetensors: a checkpoint of other data or options: '"));
}

// Runs the definition in a folder of its own with these numbers of epochs, one after the other.
static tz_training_report run_to(tz_training_def def, const char *name, const int *epochs, int n) {
    char folder[TZ_PATH_MAX];
    make_subfolder(folder, name);
    def.folder = folder;
    def.resume = true;
    tz_training_report report = {0};
    for (int i = 0; i < n; i++) {
        def.trainer.epochs = epochs[i];
        tz_error error;
        if (run(&def, 1 + i, &report, &error) != TZ_OK) {
            fail_msg("%s", error.text);
        }
    }
    return report;
}

static void assert_same_runs(const char *a, const char *b) {
    char folder_a[TZ_PATH_MAX], folder_b[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(folder_a, test_folder, a, NULL), TZ_OK);
    assert_int_equal(tz_path_join(folder_b, test_folder, b, NULL), TZ_OK);
    assert_same_folders(folder_a, folder_b);
}

// Where the learning rate stays, a finished run goes on to the bytes of the longer one, also from
// an end (epoch 7) that the longer one does not measure.
static void finished_run_is_extended(void **state) {
    (void)state;
    tz_training_def def = small_def(NULL);
    def.trainer.lr_end = def.trainer.lr;
    tz_training_report report = run_to(def, "stays", (const int[]){12}, 1);
    assert_int_equal(report.extended_from, 0);
    report = run_to(def, "stays-7-12", (const int[]){7, 12}, 2);
    assert_int_equal(report.extended_from, 7);
    assert_false(report.schedule_changed);
    assert_int_equal((int)report.steps, 5 * 5);
    assert_same_runs("stays", "stays-7-12");

    // once it is extended it is a run like any other
    report = run_to(def, "stays-7-12", (const int[]){12}, 1);
    assert_int_equal(report.extended_from, 0);
    assert_int_equal((int)report.steps, 0);
    assert_same_runs("stays", "stays-7-12");
}

// So is one that was interrupted.
static void unfinished_run_is_extended(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX];
    make_subfolder(folder, "begun-7-12");
    tz_training_def def = small_def(folder);
    def.trainer.lr_end = def.trainer.lr;
    def.trainer.epochs = 7;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tz_catch_interrupts();
        raise(SIGINT);
        _exit(run(&def, 1, NULL, NULL) == TZ_ERR_INTERRUPTED ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    const tz_training_report report = run_to(def, "begun-7-12", (const int[]){12}, 1);
    assert_int_equal(report.extended_from, 7);
    assert_int_equal((int)report.steps, 12 * 5 - 1);
    assert_same_runs("stays", "begun-7-12");
}

// A learning rate that falls depends on the number of epochs from the second one on, a curriculum
// on half of them.
static void schedules_that_change_are_told(void **state) {
    (void)state;
    tz_training_def def = small_def(NULL);
    assert_true(run_to(def, "falls-7-12", (const int[]){7, 12}, 2).schedule_changed);
    assert_false(run_to(def, "falls-1-12", (const int[]){1, 12}, 2).schedule_changed);
    char whole[TZ_PATH_MAX], folder[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(whole, test_folder, "whole", NULL), TZ_OK);
    assert_int_equal(tz_path_join(folder, test_folder, "falls-1-12", NULL), TZ_OK);
    assert_same_in(whole, folder, "model.safetensors");

    def.trainer.lr_end = def.trainer.lr;
    def.trainer.first_length = 2;
    assert_true(run_to(def, "grows-7-12", (const int[]){7, 12}, 2).schedule_changed);
    assert_false(run_to(def, "grows-12-13", (const int[]){12, 13}, 2).schedule_changed);
    run_to(def, "grows-13", (const int[]){13}, 1);
    assert_same_runs("grows-13", "grows-12-13");
}

// The best weights so far go on being the best, also of an epoch that was measured only because it
// was the last.
static void best_weights_outlive_an_extension(void **state) {
    (void)state;
    tz_training_def def = small_def(NULL);
    def.keep_best = true;
    def.trainer.lr_end = def.trainer.lr;
    run_to(def, "kept", (const int[]){12}, 1);
    run_to(def, "kept-10-12", (const int[]){10, 12}, 2);
    assert_same_runs("kept", "kept-10-12");

    def.rollout_every = 100;
    def.trainer.lr = 1e-6;
    def.trainer.lr_end = 0.1;
    assert_int_equal(run_to(def, "kept-1-12", (const int[]){1}, 1).kept_epoch, 1);
    const tz_training_report report = run_to(def, "kept-1-12", (const int[]){12}, 1);
    char folder[TZ_PATH_MAX], *csv = NULL;
    size_t size = 0;
    assert_int_equal(tz_path_join(folder, test_folder, "kept-1-12/metrics.csv", NULL), TZ_OK);
    assert_int_equal(tz_file_read(folder, &csv, &size, 1 << 20, NULL), TZ_OK);
    double first = NAN;
    assert_int_equal(
        sscanf(strchr(csv, '\n') + 1, "%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%lf", &first), 1);
    tz_free(csv);
    assert_int_equal(report.kept_epoch, report.last.rollout_nmse < first ? 12 : 1);
}

static void fewer_epochs_are_refused(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX];
    assert_int_equal(tz_path_join(folder, test_folder, "stays-7-12", NULL), TZ_OK);
    tz_training_def def = small_def(folder);
    def.trainer.lr_end = def.trainer.lr;
    def.trainer.epochs = 11;
    def.resume = true;
    tz_error error;
    assert_int_equal(run(&def, 1, NULL, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "checkpoint.safetensors: a run of 12 epochs, expected "
                                       "--epochs 12 or more, not 11"));
    assert_same_runs("stays", "stays-7-12");
    // and what differs otherwise is not extended
    def.trainer.epochs = 13;
    def.trainer.clip = 2.0;
    assert_int_equal(run(&def, 1, NULL, &error), TZ_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "a checkpoint of other data or options"));
}

static void blown_up_training_keeps_the_last_checkpoint(void **state) {
    (void)state;
    char folder[TZ_PATH_MAX], path[TZ_PATH_MAX];
    make_subfolder(folder, "blown");
    tz_training_def def = small_def(folder);
    def.trainer.lr = 1e30;
    tz_error error;
    assert_int_equal(run(&def, 1, NULL, &error), TZ_ERR_NUMERIC);
    assert_non_null(strstr(error.text, "the loss is not finite in epoch 1, step "));
    assert_int_equal(tz_path_join(path, folder, "model.safetensors", NULL), TZ_OK);
    assert_false(tz_file_exists(path));
    assert_int_equal(tz_path_join(path, folder, "checkpoint.safetensors", NULL), TZ_OK);
    assert_true(tz_file_exists(path));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_run_leaves_its_files),
        cmocka_unit_test(killed_and_resumed_ends_in_the_same_bytes),
        cmocka_unit_test(interrupted_and_resumed_ends_in_the_same_bytes),
        cmocka_unit_test(best_weights_are_kept),
        cmocka_unit_test(the_best_epoch_has_the_fewest_diverged),
        cmocka_unit_test(a_checkpoint_of_no_numbers_is_refused),
        cmocka_unit_test(checkpoint_of_something_else_is_refused),
        cmocka_unit_test(finished_run_is_extended),
        cmocka_unit_test(unfinished_run_is_extended),
        cmocka_unit_test(schedules_that_change_are_told),
        cmocka_unit_test(best_weights_outlive_an_extension),
        cmocka_unit_test(fewer_epochs_are_refused),
        cmocka_unit_test(blown_up_training_keeps_the_last_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
