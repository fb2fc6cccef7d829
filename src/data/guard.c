// The child writes records to its standard output, a file in memory: each broken rule, then the
// error or the dataset. Both sides are the same program, so records are structs as they stand in
// memory. The parent looks at them when the child has ended, and believes no size in them: a child
// that HDF5 has led astray may have written anything. A dataset's arrays stay where they are, in
// the mapping of that file.
#include "data/guard.h"

#include "base/child.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/guarded.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// The word that tells such a child, followed by layout, path, environment ("" for none) and whether
// all broken rules are wanted.
static const char *const CHILD_WORD = "--read-hdf5-for-parent";
enum { CHILD_WORDS = 6 };

// Time (seconds of the processor) and memory that a child may take, whatever the file, and for each
// byte of it.
static const double CHILD_CPU_S = 10, CHILD_CPU_S_PER_BYTE = 1e-6;
static const double CHILD_BYTES = 2147483648., CHILD_BYTES_PER_BYTE = 64;

static atomic_bool guarded;

typedef enum record_kind { RECORD_FAULT = 0x6661, RECORD_ERROR, RECORD_DATASET } record_kind;

typedef struct record {
    record_kind kind;
    char rule[32];       // of a fault: its static text cannot be passed on
    size_t config_bytes; // of a dataset, with NUL; 0: none
    union {              // by kind
        tz_fault fault;
        tz_error error;
        tz_dataset dataset; // its pointers mean nothing; its blocks follow the record
    };
} record;

// ---- a dataset's memory

typedef struct block {
    void **place;
    size_t bytes;
} block;

enum { N_DATASET_BLOCKS = 8 };

static void list_blocks(tz_dataset *d, size_t config_bytes, block list[N_DATASET_BLOCKS]) {
    const size_t steps = d->n_steps, n = (size_t)d->n_episodes;
    const size_t nz = (size_t)d->nz, nu = (size_t)d->nu;
    const block all[N_DATASET_BLOCKS] = {
        {(void **)&d->step_offset, (n + 1) * sizeof *d->step_offset},
        {(void **)&d->z, (steps + n) * nz * sizeof *d->z},
        {(void **)&d->u, steps * nu * sizeof *d->u},
        {(void **)&d->reward, steps * sizeof *d->reward},
        {(void **)&d->terminated, steps},
        {(void **)&d->truncated, steps},
        {(void **)&d->origin, n * sizeof *d->origin},
        {(void **)&d->config, config_bytes},
    };
    memcpy(list, all, sizeof all);
}

// ---- the child

static bool write_out(const void *data, size_t size) {
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(STDOUT_FILENO, (const char *)data + done, size - done);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

// Every record and every block of a dataset begins on a line of the cache.
enum { ALIGNMENT = 64 };

static bool write_padded(const void *data, size_t size) {
    static const char zeros[ALIGNMENT];
    return write_out(data, size) && write_out(zeros, (ALIGNMENT - size % ALIGNMENT) % ALIGNMENT);
}

static void write_fault(void *context, const tz_fault *fault) {
    (void)context;
    static record r;
    r.kind = RECORD_FAULT;
    r.fault = *fault;
    snprintf(r.rule, sizeof r.rule, "%s", fault->rule);
    write_padded(&r, sizeof r);
}

static bool write_dataset(tz_dataset *dataset) {
    static record r;
    r.kind = RECORD_DATASET;
    r.dataset = *dataset;
    r.config_bytes = dataset->config ? strlen(dataset->config) + 1 : 0;
    block list[N_DATASET_BLOCKS];
    list_blocks(dataset, r.config_bytes, list);
    bool ok = write_padded(&r, sizeof r);
    for (int i = 0; i < N_DATASET_BLOCKS; i++) {
        ok = ok && write_padded(*list[i].place, list[i].bytes);
        tz_free(*list[i].place); // it now stands in the parent's memory
        *list[i].place = NULL;
    }
    return ok;
}

static void limit(int resource, double value) {
    struct rlimit r;
    if (getrlimit(resource, &r) == 0 && value < (double)r.rlim_cur) {
        r.rlim_cur = (rlim_t)value;
        setrlimit(resource, &r);
    }
}

// Bytes of address space that this process has taken.
static double address_space(void) {
    double pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        pages = fscanf(file, "%lf", &pages) == 1 ? pages : 0;
        fclose(file);
    }
    return pages * (double)sysconf(_SC_PAGESIZE);
}

static void limit_child(const char *path) {
    struct stat info;
    const double bytes = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (double)info.st_size : 0;
    const double taken = address_space();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CHILD_CPU_S + CHILD_CPU_S_PER_BYTE * bytes);
    // the shadow of a sanitizer is larger than any limit
    if (taken < 1e12) {
        limit(RLIMIT_AS, taken + CHILD_BYTES + CHILD_BYTES_PER_BYTE * bytes);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

bool tz_guard_main(int argc, char **argv, int *status) {
    if (argc != CHILD_WORDS || strcmp(argv[1], CHILD_WORD) != 0) {
        atomic_store(&guarded, true);
        return false;
    }
    const char *path = argv[3], *env = argv[4][0] ? argv[4] : NULL;
    static record r = {.kind = RECORD_ERROR};
    tz_dataset *dataset;
    tz_status read;
    limit_child(path);
    if (strcmp(argv[2], "d4rl") == 0) {
        read = tz__d4rl_read_hdf5(&dataset, path, env, &r.error);
    } else {
        read = tz__dataset_read_hdf5(&dataset, path, env, argv[5][0] == '1' ? write_fault : NULL,
                                     NULL, &r.error);
    }
    r.error.status = read;
    const bool ok = read == TZ_OK ? write_dataset(dataset) : write_padded(&r, sizeof r);
    tz_dataset_destroy(read == TZ_OK ? dataset : NULL);
    *status = ok ? 0 : 1;
    return true;
}

// ---- the parent

// What the child has written, and how much of it was looked at.
typedef struct message {
    const char *path; // of the file that it read
    char *data;       // mapped
    size_t size, at;
} message;

// The next `size` bytes with what pads them, NULL: there are not so many.
static void *take(message *m, size_t size) {
    if (size > m->size - m->at) {
        return NULL;
    }
    char *taken = m->data + m->at;
    const size_t padding = (ALIGNMENT - size % ALIGNMENT) % ALIGNMENT;
    m->at += padding < m->size - m->at - size ? size + padding : m->size - m->at;
    return taken;
}

// Whether the numbers of a dataset can be those of one; then its blocks have sizes.
static bool is_plausible(const tz_dataset *d, size_t config_bytes, size_t size) {
    return d->n_episodes > 0 && (size_t)d->n_episodes <= size && d->n_steps <= size && d->nz >= 0 &&
           d->nz <= TZ_NZ_MAX && d->nu >= 0 && d->nu <= TZ_NU_MAX && d->nq >= -1 &&
           d->nq <= TZ_NQ_MAX && d->nv >= -1 && d->nv <= TZ_NQ_MAX &&
           (d->nq < 0 || d->nz == d->nq + d->nv) && config_bytes <= size &&
           memchr(d->env, '\0', sizeof d->env) != NULL &&
           memchr(d->env_digest, '\0', sizeof d->env_digest) != NULL &&
           memchr(d->env_arguments, '\0', sizeof d->env_arguments) != NULL &&
           memchr(d->mujoco, '\0', sizeof d->mujoco) != NULL;
}

static bool has_order(const tz_dataset *d, size_t config_bytes) {
    bool ok = d->step_offset[0] == 0 && d->step_offset[d->n_episodes] == d->n_steps;
    for (int e = 0; e < d->n_episodes; e++) {
        ok = ok && d->step_offset[e] <= d->step_offset[e + 1];
    }
    return ok && (config_bytes == 0 || d->config[config_bytes - 1] == '\0');
}

// The dataset of a record, whose arrays lie in the message.
static tz_status take_dataset(message *m, const record *r, tz_dataset **dataset, tz_error *error) {
    tz_dataset d = r->dataset;
    bool ok = is_plausible(&d, r->config_bytes, m->size);
    if (ok) {
        block list[N_DATASET_BLOCKS];
        list_blocks(&d, r->config_bytes, list);
        for (int i = 0; i < N_DATASET_BLOCKS; i++) {
            *list[i].place = take(m, list[i].bytes);
            ok = ok && *list[i].place != NULL;
        }
        d.config = r->config_bytes > 0 ? d.config : NULL;
    }
    if (!ok || !has_order(&d, r->config_bytes)) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: what HDF5 read of it makes no sense", m->path);
    }
    *dataset = tz_alloc(1, sizeof d);
    if (!*dataset) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for a dataset", m->path);
    }
    d.mapped = m->data;
    d.mapped_bytes = m->size;
    **dataset = d;
    return TZ_OK;
}

// The rules that the reader knows; their texts are static on both sides.
static const char *find_rule(const char *name) {
    static const char *const rules[] = {"missing", "type",        "shape",    "ids",
                                        "finite",  "total_steps", "metadata", "flags"};
    for (size_t i = 0; i < TZ_COUNTOF(rules); i++) {
        if (strcmp(rules[i], name) == 0) {
            return rules[i];
        }
    }
    return "other";
}

// Hands on what the child found. *ended is whether it came to an end.
static tz_status take_message(message *m, const tz__reading *reading, bool *ended,
                              tz_dataset **dataset, tz_error *error) {
    *ended = false;
    for (record *r; (r = take(m, sizeof *r)) != NULL;) {
        if (r->kind == RECORD_FAULT && reading->fault) {
            r->rule[sizeof r->rule - 1] = '\0';
            r->fault.text[sizeof r->fault.text - 1] = '\0';
            r->fault.rule = find_rule(r->rule);
            reading->fault(reading->context, &r->fault);
        } else if (r->kind == RECORD_DATASET) {
            *ended = true;
            return take_dataset(m, r, dataset, error);
        } else if (r->kind == RECORD_ERROR) {
            *ended = true;
            r->error.text[sizeof r->error.text - 1] = '\0';
            const bool known = r->error.status > TZ_OK && r->error.status < TZ_N_STATUS;
            return tz_fail(error, known ? r->error.status : TZ_ERR_FORMAT, "%s", r->error.text);
        }
    }
    return TZ_OK;
}

// The sentence about a child that came to no end.
static tz_status fail_ended(const char *file, int outcome, tz_error *error) {
    const int signal_number = WIFSIGNALED(outcome) ? WTERMSIG(outcome) : 0;
    if (signal_number == SIGXCPU) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: the HDF5 library comes to no end with it: the file is damaged", file);
    }
    if (signal_number != 0) {
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: crashed the HDF5 library (%s): the file is damaged", file,
                       strsignal(signal_number));
    }
    return tz_fail(error, TZ_ERR_FORMAT,
                   "%s: the HDF5 library failed on it (exit status %d): the file is damaged", file,
                   WEXITSTATUS(outcome));
}

static tz_status read_output(int output, int outcome, const tz__reading *reading,
                             tz_dataset **dataset, tz_error *error) {
    struct stat info;
    message m = {.path = reading->file,
                 .size = fstat(output, &info) == 0 ? (size_t)info.st_size : 0};
    if (m.size == 0) {
        return fail_ended(reading->file, outcome, error);
    }
    m.data = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, output, 0);
    if (m.data == MAP_FAILED) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to read it", reading->file);
    }
    bool ended;
    tz_status status = take_message(&m, reading, &ended, dataset, error);
    if (!ended) {
        status = fail_ended(reading->file, outcome, error);
    }
    if (status != TZ_OK) {
        munmap(m.data, m.size);
    }
    return status;
}

// Has the child read while the digest is made here.
static tz_status read_beside(tz_dataset **dataset, const tz__reading *reading, char sha256[65],
                             tz_error *error) {
    const char *const words[CHILD_WORDS + 1] = {"/proc/self/exe",
                                                CHILD_WORD,
                                                reading->layout == TZ__D4RL ? "d4rl" : "minari",
                                                reading->path,
                                                reading->env ? reading->env : "",
                                                reading->fault ? "1" : "0",
                                                NULL};
    const int output = memfd_create("dataset", MFD_CLOEXEC);
    if (output < 0) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to read it", reading->file);
    }
    tz_child *child;
    tz_status status = tz_child_start_to(&child, words, output, error);
    if (status == TZ_OK) {
        status = tz_file_sha256(reading->file, sha256, error);
        const int outcome = tz_child_wait(child);
        status = status == TZ_OK ? read_output(output, outcome, reading, dataset, error) : status;
    }
    close(output);
    return status;
}

// A limit on the size of files holds for the file in memory too: a dataset might not fit in it.
static bool has_file_size_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

tz_status tz__guarded_read(tz_dataset **dataset, const tz__reading *reading, tz_error *error) {
    *dataset = NULL;
    char sha256[65];
    if (atomic_load(&guarded) && !has_file_size_limit()) {
        TZ_CHECK(read_beside(dataset, reading, sha256, error));
    } else {
        TZ_CHECK(tz_file_sha256(reading->file, sha256, error));
        TZ_CHECK(reading->layout == TZ__D4RL
                     ? tz__d4rl_read_hdf5(dataset, reading->path, reading->env, error)
                     : tz__dataset_read_hdf5(dataset, reading->path, reading->env, reading->fault,
                                             reading->context, error));
    }
    memcpy((*dataset)->sha256, sha256, sizeof sha256);
    return TZ_OK;
}
