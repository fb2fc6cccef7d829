// The format: local headers with data, then the central directory, then its end record
// (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3). Only the central directory
// is believed; local headers must agree with it about the name.
#include "policies/zip.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    MEMBERS_MAX = 4096,
    NAME_SIZE_MAX = 255,
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    COMMENT_MAX = 65535,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED_FLAG = 1,
    ZIP64_EXTRA = 1,
    DEFLATE_RATIO_MAX = 1032 // the most that zlib's format can pack
};

static const uint32_t local_magic = 0x04034b50, central_magic = 0x02014b50, end_magic = 0x06054b50,
                      end64_magic = 0x06064b50, locator_magic = 0x07064b50;

typedef struct member {
    char name[NAME_SIZE_MAX + 1];
    int method;
    uint32_t crc;
    size_t packed, size; // bytes in the archive, and unpacked
    size_t local;        // where its local header begins
    size_t data;         // where its bytes begin
} member;

struct tz_zip {
    const unsigned char *bytes;
    size_t size;
    char path[TZ_PATH_MAX];
    member *members; // (n)
    int n;
};

// ---- little-endian numbers

static uint64_t get(const unsigned char *at, int n_bytes) {
    uint64_t x = 0;
    for (int i = n_bytes - 1; i >= 0; i--) {
        x = x << 8 | at[i];
    }
    return x;
}

static uint32_t get16(const unsigned char *at) {
    return (uint32_t)get(at, 2);
}

static uint32_t get32(const unsigned char *at) {
    return (uint32_t)get(at, 4);
}

// Whether [begin, begin + n) lies within the archive.
static bool holds(const tz_zip *zip, uint64_t begin, uint64_t n) {
    return begin <= zip->size && n <= zip->size - begin;
}

static tz_status fail(const tz_zip *zip, tz_error *error, const char *what) {
    return tz_fail(error, TZ_ERR_FORMAT, "%s: not a sound zip archive: %s", zip->path, what);
}

// ---- the directory

typedef struct directory {
    uint64_t n, begin, size;
} directory;

// The record of zip64, which a locator right before the end record points to.
static tz_status find_end64(const tz_zip *zip, size_t end, directory *found, tz_error *error) {
    if (end < LOCATOR_SIZE || get32(zip->bytes + end - LOCATOR_SIZE) != locator_magic) {
        return fail(zip, error, "its end record speaks of zip64 and there is none");
    }
    const uint64_t at = get(zip->bytes + end - LOCATOR_SIZE + 8, 8);
    if (!holds(zip, at, END64_SIZE) || get32(zip->bytes + at) != end64_magic) {
        return fail(zip, error, "the zip64 end record is not where its locator says");
    }
    const unsigned char *record = zip->bytes + at;
    *found = (directory){get(record + 32, 8), get(record + 48, 8), get(record + 40, 8)};
    return TZ_OK;
}

static tz_status find_directory(const tz_zip *zip, directory *found, tz_error *error) {
    const size_t furthest = END_SIZE + COMMENT_MAX;
    for (size_t back = END_SIZE; back <= zip->size && back <= furthest; back++) {
        const unsigned char *record = zip->bytes + zip->size - back;
        if (get32(record) != end_magic || get16(record + 20) != back - END_SIZE) {
            continue;
        }
        *found = (directory){get16(record + 10), get32(record + 16), get32(record + 12)};
        if (found->n == UINT16_MAX || found->begin == UINT32_MAX || found->size == UINT32_MAX) {
            TZ_CHECK(find_end64(zip, zip->size - back, found, error));
        }
        if (!holds(zip, found->begin, found->size)) {
            return fail(zip, error, "its directory lies outside the file");
        }
        return TZ_OK;
    }
    return fail(zip, error, "it has no end record; the file may be truncated");
}

// Sizes and place that do not fit 32 bits stand in the extra field of zip64, in this order.
static bool read_zip64(member *m, uint64_t *local, const unsigned char *extra, size_t size) {
    uint64_t packed = m->packed, unpacked = m->size;
    uint64_t *const wide[] = {&unpacked, &packed, local};
    size_t at = 0;
    while (at + 4 <= size) {
        const size_t id = get16(extra + at), n = get16(extra + at + 2);
        at += 4;
        if (n > size - at) {
            return false;
        }
        size_t used = 0;
        for (size_t i = 0; id == ZIP64_EXTRA && i < TZ_COUNTOF(wide); i++) {
            if (*wide[i] == UINT32_MAX && used + 8 <= n) {
                *wide[i] = get(extra + at + used, 8);
                used += 8;
            }
        }
        at += n;
    }
    m->packed = packed;
    m->size = unpacked;
    return true;
}

// Names are only compared, never opened; one that would leave its folder is a trick all the same.
static bool is_plain_name(const char *name, size_t length) {
    if (length == 0 || strlen(name) != length || name[0] == '/' || strchr(name, '\\') != NULL) {
        return false;
    }
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) {
            return false;
        }
    }
    return true;
}

static tz_status check_member(const tz_zip *zip, member *m, uint64_t local, int flags,
                              tz_error *error) {
    if (flags & ENCRYPTED_FLAG) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "%s: member '%s' is encrypted", zip->path,
                       m->name);
    }
    if (m->method != STORED && m->method != DEFLATED) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED,
                       "%s: member '%s' is packed by method %d; expected stored or deflated",
                       zip->path, m->name, m->method);
    }
    if (!holds(zip, local, LOCAL_SIZE) || get32(zip->bytes + local) != local_magic) {
        return fail(zip, error, "a member is not where the directory says");
    }
    const unsigned char *header = zip->bytes + local;
    const size_t name_size = get16(header + 26);
    m->local = (size_t)local;
    m->data = m->local + LOCAL_SIZE + name_size + get16(header + 28);
    if (!holds(zip, m->data, m->packed) || name_size != strlen(m->name) ||
        memcmp(header + LOCAL_SIZE, m->name, name_size) != 0) {
        return fail(zip, error, "a member's own header disagrees with the directory");
    }
    const bool possible =
        m->method == STORED ? m->size == m->packed : m->size / DEFLATE_RATIO_MAX <= m->packed;
    return possible ? TZ_OK : fail(zip, error, "a member's packed size cannot hold its size");
}

static tz_status read_member(const tz_zip *zip, member *m, uint64_t *at, uint64_t end,
                             tz_error *error) {
    if (end - *at < CENTRAL_SIZE || get32(zip->bytes + *at) != central_magic) {
        return fail(zip, error, "its directory is cut short");
    }
    const unsigned char *record = zip->bytes + *at;
    const size_t name_size = get16(record + 28), extra_size = get16(record + 30);
    const uint64_t whole = CENTRAL_SIZE + name_size + extra_size + get16(record + 32);
    if (whole > end - *at) {
        return fail(zip, error, "its directory is cut short");
    }
    const size_t kept = name_size < NAME_SIZE_MAX ? name_size : NAME_SIZE_MAX;
    memcpy(m->name, record + CENTRAL_SIZE, kept);
    if (name_size > NAME_SIZE_MAX || !is_plain_name(m->name, name_size)) {
        return fail(zip, error, "a member's name is empty, too long or leaves its folder");
    }
    m->method = (int)get16(record + 10);
    m->crc = get32(record + 16);
    m->packed = get32(record + 20);
    m->size = get32(record + 24);
    uint64_t local = get32(record + 42);
    if (!read_zip64(m, &local, record + CENTRAL_SIZE + name_size, extra_size)) {
        return fail(zip, error, "a member's extra field is cut short");
    }
    *at += whole;
    return check_member(zip, m, local, (int)get16(record + 8), error);
}

static int compare_places(const void *a_in, const void *b_in) {
    const member *const *a = a_in, *const *b = b_in;
    return (*a)->local < (*b)->local ? -1 : (*a)->local > (*b)->local;
}

static int compare_names(const void *a_in, const void *b_in) {
    const member *const *a = a_in, *const *b = b_in;
    return strcmp((*a)->name, (*b)->name);
}

// Members must not share bytes (one small deflated block could be many members) or names.
static tz_status check_members(const tz_zip *zip, const member **order, tz_error *error) {
    for (int i = 0; i < zip->n; i++) {
        order[i] = &zip->members[i];
    }
    qsort(order, (size_t)zip->n, sizeof *order, compare_places);
    for (int i = 1; i < zip->n; i++) {
        if (order[i]->local < order[i - 1]->data + order[i - 1]->packed) {
            return fail(zip, error, "two members overlap");
        }
    }
    qsort(order, (size_t)zip->n, sizeof *order, compare_names);
    for (int i = 1; i < zip->n; i++) {
        if (strcmp(order[i]->name, order[i - 1]->name) == 0) {
            return fail(zip, error, "two members have one name");
        }
    }
    return TZ_OK;
}

static tz_status read_directory(tz_zip *zip, tz_error *error) {
    directory found = {0};
    TZ_CHECK(find_directory(zip, &found, error));
    if (found.n > MEMBERS_MAX) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: a zip archive of more than %d members", zip->path,
                       MEMBERS_MAX);
    }
    zip->members = tz_alloc((size_t)found.n + 1, sizeof *zip->members);
    const member **order = tz_alloc((size_t)found.n + 1, sizeof *order);
    tz_status status = TZ_OK;
    if (zip->members == NULL || order == NULL) {
        status = tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while reading", zip->path);
    }
    uint64_t at = found.begin;
    for (uint64_t i = 0; i < found.n && status == TZ_OK; i++) {
        status = read_member(zip, &zip->members[i], &at, found.begin + found.size, error);
        zip->n += status == TZ_OK;
    }
    status = status == TZ_OK ? check_members(zip, order, error) : status;
    tz_free(order);
    return status;
}

// ---- public

bool tz_zip_is(const void *bytes, size_t size) {
    return size >= 4 && get32(bytes) == local_magic;
}

tz_status tz_zip_open(tz_zip **out, const void *bytes, size_t size, const char *path,
                      tz_error *error) {
    *out = NULL;
    tz_zip *zip = tz_alloc(1, sizeof *zip);
    if (zip == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: out of memory while reading", path);
    }
    zip->bytes = bytes;
    zip->size = size;
    snprintf(zip->path, sizeof zip->path, "%s", path);
    const tz_status status = read_directory(zip, error);
    if (status != TZ_OK) {
        tz_zip_close(zip);
        return status;
    }
    *out = zip;
    return TZ_OK;
}

void tz_zip_close(tz_zip *zip) {
    if (zip != NULL) {
        tz_free(zip->members);
        tz_free(zip);
    }
}

int tz_zip_count(const tz_zip *zip) {
    return zip->n;
}

const char *tz_zip_name(const tz_zip *zip, int index) {
    return zip->members[index].name;
}

int tz_zip_find(const tz_zip *zip, const char *name) {
    for (int i = 0; i < zip->n; i++) {
        if (strcmp(zip->members[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

// Inflates a raw deflate stream that must end exactly with the member.
static bool inflate_member(const tz_zip *zip, const member *m, char *data) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)(zip->bytes + m->data),
                       .avail_in = (uInt)m->packed,
                       .next_out = (Bytef *)data,
                       .avail_out = (uInt)m->size};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    const int result = inflate(&stream, Z_FINISH);
    const bool done = result == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
    inflateEnd(&stream);
    return done;
}

// A fuzzer would hardly ever guess a checksum and so never see what lies behind it.
static bool has_checksum(const member *m, const char *bytes) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)m, (void)bytes;
    return true;
#else
    return crc32(0, (const Bytef *)bytes, (uInt)m->size) == m->crc;
#endif
}

tz_status tz_zip_read(const tz_zip *zip, int index, char **data, size_t *size, size_t max_size,
                      tz_error *error) {
    const member *m = &zip->members[index];
    *data = NULL;
    *size = m->size;
    if (m->size > max_size || m->size >= UINT32_MAX || m->packed >= UINT32_MAX) {
        return tz_fail(error, TZ_ERR_FORMAT, "%s: member '%s' has %zu bytes; expected at most %zu",
                       zip->path, m->name, m->size, max_size);
    }
    char *bytes = tz_alloc(m->size + 1, 1);
    if (bytes == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory for the %zu bytes of member '%s'",
                       zip->path, m->size, m->name);
    }
    bool sound = true;
    if (m->method == STORED) {
        memcpy(bytes, zip->bytes + m->data, m->size);
    } else {
        sound = inflate_member(zip, m, bytes);
    }
    if (!sound || !has_checksum(m, bytes)) {
        tz_free(bytes);
        return tz_fail(error, TZ_ERR_FORMAT,
                       "%s: member '%s' is damaged: its bytes do not give its size and checksum",
                       zip->path, m->name);
    }
    *data = bytes;
    return TZ_OK;
}
