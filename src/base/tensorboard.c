// An event file is a sequence of records, each
//
//     u64 n | u32 masked CRC-32C of those 8 bytes | n bytes | u32 masked CRC-32C of the n bytes
//
// in little-endian order (TFRecord), and the bytes of a record are one protocol-buffer message:
//
//     Event   { 1: double wall_time; 2: int64 step; 3: string file_version; 5: Summary summary }
//     Summary { 1: repeated Value value }      Value { 1: string tag; 2: float simple_value }
//
// (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto). A field is a varint
// (number << 3 | wire type) and its value: type 0 a varint, 1 eight bytes, 2 a length and that many
// bytes, 5 four bytes.
#include "base/tensorboard.h"

#include "base/assert.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// ---- bytes

// A value takes its tag and at most 16 bytes of framing, an event and its record at most 40 more.
enum { BUFFER_SIZE = TZ_SCALARS_MAX * (TZ_SCALAR_TAG_MAX + 16) + 64 };
typedef struct buffer {
    unsigned char byte[BUFFER_SIZE];
    size_t n;
} buffer;

static void put_bytes(buffer *b, const void *bytes, size_t n) {
    TZ_ASSERT(b->n + n <= BUFFER_SIZE);
    memcpy(b->byte + b->n, bytes, n);
    b->n += n;
}

static void put_fixed(buffer *b, uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++) {
        put_bytes(b, &(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
    }
}

static void put_varint(buffer *b, uint64_t value) {
    while (value >= 0x80) {
        put_fixed(b, value | 0x80, 1);
        value >>= 7;
    }
    put_fixed(b, value, 1);
}

// ---- protocol-buffer fields

enum { WIRE_VARINT = 0, WIRE_8_BYTES = 1, WIRE_LENGTH = 2, WIRE_4_BYTES = 5 };

static void put_key(buffer *b, unsigned number, unsigned wire_type) {
    put_varint(b, number << 3 | wire_type);
}

static void put_double(buffer *b, unsigned number, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(b, number, WIRE_8_BYTES);
    put_fixed(b, bits, 8);
}

static void put_float(buffer *b, unsigned number, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(b, number, WIRE_4_BYTES);
    put_fixed(b, bits, 4);
}

static void put_block(buffer *b, unsigned number, const void *bytes, size_t n) {
    put_key(b, number, WIRE_LENGTH);
    put_varint(b, n);
    put_bytes(b, bytes, n);
}

static void put_wall_time(buffer *event) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    put_double(event, 1, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
}

// ---- records

// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, here with its bits reversed; rotated and shifted as
// TFRecord stores it, so that the sum of data that holds its own sum is not a fixed value.
static uint32_t masked_crc32c(const unsigned char *byte, size_t n) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0x82F63B78u & (0u - (crc & 1u)));
        }
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void frame(buffer *record, const buffer *event) {
    put_fixed(record, event->n, 8);
    put_fixed(record, masked_crc32c(record->byte, 8), 4);
    put_bytes(record, event->byte, event->n);
    put_fixed(record, masked_crc32c(event->byte, event->n), 4);
}

tz_status tz_tensorboard_begin(const char *folder, tz_error *error) {
    static const char version[] = "brain.Event:2";
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, TZ_TENSORBOARD_FILE, error));
    buffer event = {.n = 0}, record = {.n = 0};
    put_wall_time(&event);
    put_block(&event, 3, version, sizeof version - 1);
    frame(&record, &event);
    return tz_file_write(path, record.byte, record.n, error);
}

tz_status tz_tensorboard_append(const char *folder, int64_t step, const tz_scalar *scalars, int n,
                                tz_error *error) {
    TZ_ASSERT(n <= TZ_SCALARS_MAX);
    char path[TZ_PATH_MAX];
    TZ_CHECK(tz_path_join(path, folder, TZ_TENSORBOARD_FILE, error));

    // one event with all values of the step
    buffer summary = {.n = 0}, event = {.n = 0}, record = {.n = 0};
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(scalars[i].tag);
        TZ_ASSERT(length <= TZ_SCALAR_TAG_MAX);
        if (!isnan(scalars[i].value)) {
            buffer value = {.n = 0};
            put_block(&value, 1, scalars[i].tag, length);
            put_float(&value, 2, (float)scalars[i].value);
            put_block(&summary, 1, value.byte, value.n);
        }
    }
    put_wall_time(&event);
    put_key(&event, 2, WIRE_VARINT);
    put_varint(&event, (uint64_t)step);
    put_block(&event, 5, summary.byte, summary.n);
    frame(&record, &event);

    // one write, so that a reader sees a whole record
    const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    const ssize_t written = fd < 0 ? -1 : write(fd, record.byte, record.n);
    const int reason = written >= 0 ? ENOSPC : errno;
    if (fd >= 0) {
        close(fd);
    }
    if (written != (ssize_t)record.n) {
        return tz_fail(error, TZ_ERR_IO, "%s: cannot be written: %s", path, strerror(reason));
    }
    return TZ_OK;
}
