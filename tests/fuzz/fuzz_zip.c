// libFuzzer target: any bytes as a zip archive are read to the last member or refused, without a
// fault or a leak. Checksums are not compared here, so that what lies behind them is reached.
#include "base/memory.h"
#include "policies/zip.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    enum { MEMBER_SIZE_MAX = 1 << 20 };
    const size_t live = tz_alloc_live();
    tz_zip *zip = NULL;
    tz_error error = {0};
    if (tz_zip_open(&zip, data, size, "input", &error) == TZ_OK) {
        for (int i = 0; i < tz_zip_count(zip); i++) {
            char *bytes;
            size_t n;
            if (tz_zip_find(zip, tz_zip_name(zip, i)) != i) {
                abort();
            }
            if (tz_zip_read(zip, i, &bytes, &n, MEMBER_SIZE_MAX, &error) == TZ_OK &&
                bytes[n] != '\0') {
                abort();
            }
            tz_free(bytes);
        }
        tz_zip_close(zip);
    } else if (error.text[0] == '\0' || zip != NULL) {
        abort();
    }
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
