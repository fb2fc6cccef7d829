#include "paper/results.h"

#include "base/assert.h"
#include "base/memory.h"
#include "paper/execute.h"

#include <string.h>

void tz_results_destroy(tz_results *results) {
    tz_free(results->result);
    *results = (tz_results){0};
}

// Runs on a robot are compared with each other only when they learned from the same data.
static tz_status check_sources(const tz_results *results, const char *folder, tz_error *error) {
    for (int i = 0; i < results->n; i++) {
        const tz_study_result *a = &results->result[i], *b = results->result;
        while (strcmp(b->run.system, a->run.system) != 0) {
            b++; // the first result on this system, at the latest this one
        }
        if (strcmp(a->source, b->source) != 0) {
            char path[TZ_PATH_MAX];
            TZ_CHECK(tz_run_result_path(path, folder, &a->run, error));
            return tz_fail(error, TZ_ERR_MISMATCH,
                           "%s: learned from %s, but other runs of the figure from %s", path,
                           a->source, b->source);
        }
    }
    return TZ_OK;
}

tz_status tz_results_read(tz_results *results, const char *folder, const tz_run_list *runs,
                          tz_error *error) {
    *results = (tz_results){.result = tz_alloc((size_t)runs->n, sizeof *results->result)};
    if (results->result == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: %d results", runs->n);
    }
    for (int i = 0; i < runs->n; i++) {
        char path[TZ_PATH_MAX];
        TZ_CHECK(tz_run_result_path(path, folder, &runs->run[i], error));
        TZ_CHECK(tz_result_read(path, &results->result[i], &runs->run[i], error));
        results->n++;
    }
    return check_sources(results, folder, error);
}

tz_status tz_results_missing(tz_run_list *missing, const char *folder, const tz_run_list *runs,
                             tz_error *error) {
    for (int i = 0; i < runs->n; i++) {
        char path[TZ_PATH_MAX];
        tz_study_result result;
        TZ_CHECK(tz_run_result_path(path, folder, &runs->run[i], error));
        if (tz_file_exists(path)) {
            TZ_CHECK(tz_result_read(path, &result, &runs->run[i], error));
        } else {
            TZ_CHECK(tz_run_list_add(missing, &runs->run[i], error));
        }
    }
    return TZ_OK;
}

const tz_study_result *tz_results_find(const tz_results *results, const tz_study_run *run) {
    for (int i = 0; i < results->n; i++) {
        if (tz_run_equal(&results->result[i].run, run)) {
            return &results->result[i];
        }
    }
    TZ_ASSERT(!"the results hold every run of the figure");
    return NULL;
}
