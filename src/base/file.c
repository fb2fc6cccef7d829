#include "base/file.h"

#include "base/memory.h"
#include "base/sha256.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- names

tz_status tz_path_join(char path[TZ_PATH_MAX], const char *a, const char *b, tz_error *error) {
    const size_t length = strlen(a);
    const char *slash = length == 0 || a[length - 1] == '/' ? "" : "/";
    const int written = snprintf(path, TZ_PATH_MAX, "%s%s%s", a, slash, b);
    if (written >= TZ_PATH_MAX) {
        return tz_fail(error, TZ_ERR_ARGUMENT,
                       "%.64s...: a path of %d bytes, expected at most %d bytes", a, written,
                       TZ_PATH_MAX - 1);
    }
    return TZ_OK;
}

static bool has_mode(const char *path, mode_t type) {
    struct stat info;
    return stat(path, &info) == 0 && (info.st_mode & S_IFMT) == type;
}

bool tz_file_exists(const char *path) {
    return has_mode(path, S_IFREG);
}

bool tz_folder_exists(const char *path) {
    return has_mode(path, S_IFDIR);
}

bool tz_is_same_file(const char *a, const char *b) {
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

const char *tz_path_split(const char *path, char folder[TZ_PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        strcpy(folder, ".");
        return path;
    }
    const size_t length = slash == path ? 1 : (size_t)(slash - path);
    snprintf(folder, TZ_PATH_MAX, "%.*s", (int)length, path);
    return slash + 1;
}

void tz_path_stem(const char *path, char *stem, size_t size) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    const size_t length = dot != NULL ? (size_t)(dot - name) : strlen(name);
    snprintf(stem, size, "%.*s", (int)length, name);
}

static tz_status make_folder(const char *path, tz_error *error) {
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && tz_folder_exists(path))) {
        return TZ_OK;
    }
    return tz_fail(error, TZ_ERR_IO, "%s: the folder cannot be made: %s", path,
                   errno == EEXIST ? "a file of this name is in the way" : strerror(errno));
}

tz_status tz_make_folders(const char *path, tz_error *error) {
    char part[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(part, "", path, error));
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        TZ_CHECK(make_folder(part, error));
        *slash = '/';
    }
    return make_folder(part, error);
}

// ---- reading

static tz_status fail_errno(tz_error *error, const char *path, const char *what) {
    return tz_fail(error, TZ_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

// Opens a regular file for reading and gives its size.
static tz_status open_regular(const char *path, int *fd, size_t *size, tz_error *error) {
    // O_NONBLOCK: a pipe in place of the file must not make us wait
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        return fail_errno(error, path, "cannot be opened");
    }
    struct stat info;
    if (fstat(*fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(*fd);
        return tz_fail(error, TZ_ERR_IO, "%s: %s, expected a file", path,
                       S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file");
    }
    *size = (size_t)info.st_size;
    return TZ_OK;
}

static tz_status read_all(int fd, char *data, size_t size, const char *path, tz_error *error) {
    size_t done = 0;
    while (done < size) {
        const ssize_t n = read(fd, data + done, size - done);
        if (n == 0) {
            return tz_fail(error, TZ_ERR_IO, "%s: ended after %zu bytes, expected %zu", path, done,
                           size);
        }
        if (n < 0 && errno != EINTR) {
            return fail_errno(error, path, "cannot be read");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return TZ_OK;
}

tz_status tz_file_read(const char *path, char **data, size_t *size, size_t max_size,
                       tz_error *error) {
    *data = NULL;
    int fd = -1;
    TZ_CHECK(open_regular(path, &fd, size, error));
    tz_status status = TZ_OK;
    if (*size > max_size) {
        status = tz_fail(error, TZ_ERR_FORMAT, "%s: has %zu bytes, expected at most %zu", path,
                         *size, max_size);
    } else if ((*data = tz_alloc(*size + 1, 1)) == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its %zu bytes", path, *size);
    } else {
        status = read_all(fd, *data, *size, path, error);
    }
    close(fd);
    if (status != TZ_OK) {
        tz_free(*data);
        *data = NULL;
    }
    return status;
}

// Digests `size` bytes, a piece at a time.
static tz_status digest_all(int fd, size_t size, char digest[65], const char *path,
                            tz_error *error) {
    enum { PIECE = 1 << 18 }; // whole blocks
    tz__sha256 sha;
    char *piece = tz_alloc(PIECE, 1);
    if (piece == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for its digest", path);
    }
    tz__sha256_begin(&sha);
    tz_status status = TZ_OK;
    while (size >= 64 && status == TZ_OK) {
        const size_t n = size < PIECE ? size / 64 * 64 : PIECE;
        status = read_all(fd, piece, n, path, error);
        tz__sha256_blocks(&sha, (unsigned char *)piece, n / 64);
        size -= n;
    }
    status = status == TZ_OK ? read_all(fd, piece, size, path, error) : status;
    if (status == TZ_OK) {
        tz__sha256_end(&sha, (unsigned char *)piece, size, digest);
    }
    tz_free(piece);
    return status;
}

tz_status tz_file_sha256(const char *path, char digest[65], tz_error *error) {
    int fd = -1;
    size_t size = 0;
    TZ_CHECK(open_regular(path, &fd, &size, error));
    const tz_status status = digest_all(fd, size, digest, path, error);
    close(fd);
    return status;
}

// ---- writing

tz_status tz_file_begin(const char *path, char temporary[TZ_PATH_MAX], tz_error *error) {
    // a device or a pipe would be replaced by a file
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        return tz_fail(error, TZ_ERR_IO, "%s: %s, expected a file or a new name", path,
                       S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file");
    }

    // the last name stays at the end: programs tell formats by it
    static atomic_uint counter;
    char folder[TZ_PATH_MAX];
    const char *name = tz_path_split(path, folder);
    for (;;) {
        const int length = snprintf(temporary, TZ_PATH_MAX, "%s/.tmp-%ld-%u-%s", folder,
                                    (long)getpid(), atomic_fetch_add(&counter, 1), name);
        if (length >= TZ_PATH_MAX) {
            return tz_fail(error, TZ_ERR_ARGUMENT, "%.64s...: the path is too long", path);
        }
        const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            close(fd);
            return TZ_OK;
        }
        if (errno != EEXIST) {
            return fail_errno(error, path, "cannot be written");
        }
    }
}

// Flushes a file or a folder to the disk.
static bool flush_to_disk(const char *path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool flushed = fsync(fd) == 0;
    close(fd);
    return flushed;
}

tz_status tz_file_commit(const char *temporary, const char *path, tz_error *error) {
    if (!flush_to_disk(temporary) || rename(temporary, path) != 0) {
        const tz_status status = fail_errno(error, path, "cannot be written");
        unlink(temporary);
        return status;
    }
    // the new name too; a file system that cannot flush folders keeps it anyway
    char folder[TZ_PATH_MAX];
    tz_path_split(path, folder);
    flush_to_disk(folder);
    return TZ_OK;
}

void tz_file_abandon(const char *temporary) {
    unlink(temporary);
}

static bool write_all(int fd, const char *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t n = write(fd, data + done, size - done);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

tz_status tz_file_write_parts(const char *path, const tz_file_part *parts, size_t n_parts,
                              tz_error *error) {
    char temporary[TZ_PATH_MAX];
    TZ_CHECK(tz_file_begin(path, temporary, error));
    const int fd = open(temporary, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0;
    for (size_t i = 0; i < n_parts && written; i++) {
        written = write_all(fd, parts[i].data, parts[i].size);
    }
    // close can be the call that finds the disk full
    if (!written || close(fd) != 0) {
        const tz_status status = fail_errno(error, path, "cannot be written");
        if (!written && fd >= 0) {
            close(fd);
        }
        tz_file_abandon(temporary);
        return status;
    }
    return tz_file_commit(temporary, path, error);
}

tz_status tz_file_write(const char *path, const void *data, size_t size, tz_error *error) {
    const tz_file_part part = {data, size};
    return tz_file_write_parts(path, &part, 1, error);
}

// ---- shipped files

// The share folder that was installed with this library, wherever the tree was moved.
static bool installed_share(char folder[TZ_PATH_MAX]) {
    Dl_info info;
    if (dladdr((void *)(uintptr_t)tz_find_shipped, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    char library[TZ_PATH_MAX];
    tz_path_split(info.dli_fname, library);
    return tz_path_join(folder, library, TZ_SHARE_FROM_LIBRARY, NULL) == TZ_OK;
}

tz_status tz_find_shipped(const char *relative, char path[TZ_PATH_MAX], tz_error *error) {
    char share[TZ_PATH_MAX];
    const char *const folders[] = {getenv("TRAPEZE_DATA"), installed_share(share) ? share : NULL,
                                   TZ_SOURCE_DIR};
    for (size_t i = 0; i < TZ_COUNTOF(folders); i++) {
        if (folders[i] != NULL) {
            TZ_CHECK(tz_path_join(path, folders[i], relative, error));
            if (tz_file_exists(path)) {
                return TZ_OK;
            }
        }
    }
    return tz_fail(error, TZ_ERR_IO,
                   "%s: not found among the shipped files; set TRAPEZE_DATA to the folder that "
                   "holds it",
                   relative);
}
