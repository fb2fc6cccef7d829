// A file of the journal holds an episode of T steps: the measurements of tz_mpc_row as the tensor
// `values` F64 (T, 5), its counts as `counts` I64 (T, 4), and as metadata whether it was cut
// and why. Doubles stay what they were, so a resumed run reports what the unbroken run
// would.
#include "cli/mpc_journal.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_VALUES = 5, N_COUNTS = 4 };

static tz_status find_place(char path[TZ_PATH_MAX], const char *folder, int episode,
                            tz_error *error) {
    char name[48];
    snprintf(name, sizeof name, "journal/episode-%06d.safetensors", episode);
    return tz_path_join(path, folder, name, error);
}

tz_status tz_mpc_journal_begin(const char *folder, bool resume, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, "journal", error));
    TZ_CHECK(tz_make_folders(path, error));
    // episodes of a run whose dataset was taken away
    for (int episode = 0; !resume; episode++) {
        TZ_CHECK(find_place(path, folder, episode, error));
        if (unlink(path) != 0) {
            break;
        }
    }
    return TZ_OK;
}

// ---- writing

static void pack(const tz_mpc_row *row, double value[N_VALUES], int64_t count[N_COUNTS]) {
    const double values[N_VALUES] = {row->reward, row->predicted_reward, row->predicted_return,
                                     row->obtained_return, row->plan_ms};
    const int64_t counts[N_COUNTS] = {row->horizon, row->n_candidates, row->n_diverged,
                                      row->n_out_of_range};
    memcpy(value, values, sizeof values);
    memcpy(count, counts, sizeof counts);
}

tz_status tz_mpc_journal_put(const char *folder, int episode, const tz_mpc_row *row, int T,
                             tz_step_outcome outcome, tz_error *error) {
    char path[TZ_PATH_MAX];
    TZ_CHECK(find_place(path, folder, episode, error));
    const size_t n = (size_t)T;
    double *values = tz_alloc(n * N_VALUES + 1, sizeof *values);
    int64_t *counts = tz_alloc(n * N_COUNTS + 1, sizeof *counts);
    tz_status status = TZ_OK;
    if (values == NULL || counts == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for %d steps", path, T);
    } else {
        for (size_t t = 0; t < n; t++) {
            pack(&row[t], values + t * N_VALUES, counts + t * N_COUNTS);
        }
        const tz_tensor tensors[] = {{"values", TZ_DTYPE_F64, 2, {n, N_VALUES}, values},
                                     {"counts", TZ_DTYPE_I64, 2, {n, N_COUNTS}, counts}};
        const tz_metadata metadata[] = {{"unstable", outcome == TZ_STEP_UNSTABLE ? "1" : "0"},
                                        {"bad_reward", outcome == TZ_STEP_BAD_REWARD ? "1" : "0"}};
        status = tz_safetensors_write(path, tensors, TZ_COUNTOF(tensors), metadata,
                                      TZ_COUNTOF(metadata), error);
    }
    tz_free(values);
    tz_free(counts);
    return status;
}

// ---- reading

// Appends a stored step to the report and to the sums of its episode.
static void unpack(const double value[N_VALUES], const int64_t count[N_COUNTS], int episode,
                   tz_mpc_report *report, tz_loop_result *result) {
    report->row[report->n_rows++] = (tz_mpc_row){.episode = episode,
                                                 .t = result->length++,
                                                 .reward = value[0],
                                                 .predicted_reward = value[1],
                                                 .predicted_return = value[2],
                                                 .obtained_return = value[3],
                                                 .plan_ms = value[4],
                                                 .horizon = (int)count[0],
                                                 .n_candidates = (int)count[1],
                                                 .n_diverged = (int)count[2],
                                                 .n_out_of_range = (int)count[3]};
    result->episode_return += value[0];
    result->predicted_reward_sum += value[1];
}

static tz_status unpack_file(const tz_safetensors *file, int episode, tz_mpc_report *report,
                             tz_loop_result *result, tz_error *error) {
    const tz_tensor *values = tz_safetensors_find(file, "values");
    const tz_tensor *counts = tz_safetensors_find(file, "counts");
    const char *unstable = tz_safetensors_metadata(file, "unstable");
    const char *bad_reward = tz_safetensors_metadata(file, "bad_reward"); // newer than the rest
    const size_t longest = (size_t)report->max_steps;
    if (values == NULL || counts == NULL || unstable == NULL || values->dtype != TZ_DTYPE_F64 ||
        counts->dtype != TZ_DTYPE_I64 || values->ndim != 2 || counts->ndim != 2 ||
        values->shape[1] != N_VALUES || counts->shape[1] != N_COUNTS ||
        values->shape[0] != counts->shape[0] || values->shape[0] > longest) {
        return tz_fail(
            error, TZ_ERR_FORMAT,
            "%s: not an episode of this journal (expected `values` of %d and `counts` of "
            "%d columns, at most %zu steps)",
            tz_safetensors_path(file), N_VALUES, N_COUNTS, longest);
    }
    TZ_CHECK(tz_mpc_report_make_room(report, error));
    const bool is_bad_reward = bad_reward != NULL && bad_reward[0] == '1';
    *result = (tz_loop_result){.outcome = unstable[0] == '1' ? TZ_STEP_UNSTABLE
                                          : is_bad_reward    ? TZ_STEP_BAD_REWARD
                                                             : TZ_STEP_OK};
    const double *value = values->data;
    const int64_t *count = counts->data;
    for (size_t t = 0; t < values->shape[0]; t++) {
        unpack(value + t * N_VALUES, count + t * N_COUNTS, episode, report, result);
    }
    report->n_finished = report->n_rows;
    return TZ_OK;
}

tz_status tz_mpc_journal_read(const char *folder, const tz_writer *writer, int n_episodes,
                              tz_mpc_report *report, tz_loop_result *results, int *n_done,
                              tz_error *error) {
    for (*n_done = 0; *n_done < n_episodes; ++*n_done) {
        char path[TZ_PATH_MAX];
        TZ_CHECK(find_place(path, folder, *n_done, error));
        if (!tz_file_exists(path)) {
            break;
        }
        tz_safetensors *file;
        tz_loop_result *result = &results[*n_done];
        TZ_CHECK(tz_safetensors_read(&file, path, error));
        const tz_status status = unpack_file(file, *n_done, report, result, error);
        tz_safetensors_destroy(file);
        TZ_CHECK(status);
        if (result->length > 0 && !tz_writer_has(writer, *n_done)) {
            report->n_rows -= (size_t)result->length;
            report->n_finished = report->n_rows;
            break;
        }
    }
    return TZ_OK;
}

tz_status tz_mpc_journal_remove(const char *folder, int n_episodes, tz_error *error) {
    char path[TZ_PATH_MAX];
    for (int episode = 0; episode < n_episodes; episode++) {
        TZ_CHECK(find_place(path, folder, episode, error));
        unlink(path);
    }
    TZ_CHECK(tz_path_join(path, folder, "journal", error));
    if (rmdir(path) != 0 && errno != ENOENT) {
        return tz_fail(error, TZ_ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    return TZ_OK;
}
