#include "envs/env_match.h"

#include "envs/mjcf_env.h"

#include <stdio.h>
#include <string.h>

void tz_env_digest(char digest[TZ_DIGEST_MAX], const char *mujoco, const char *sha256) {
    snprintf(digest, TZ_DIGEST_MAX, "%.32s:%.64s", mujoco, sha256);
}

// Whether two digests are there and of one version of MuJoCo.
static bool are_comparable(const char *digest, const char *other) {
    const size_t n = strcspn(digest, ":");
    return digest[n] == ':' && strncmp(digest, other, n + 1) == 0;
}

static bool have_one_file_name(const char *path, const char *other) {
    const char *slash = strrchr(path, '/'), *other_slash = strrchr(other, '/');
    return strcmp(slash ? slash + 1 : path, other_slash ? other_slash + 1 : other) == 0;
}

tz_env_match tz_env_compare(const char *name, const char *digest, const char *other_name,
                            const char *other_digest) {
    if (!tz_is_mjcf_name(name) || !tz_is_mjcf_name(other_name)) {
        return strcmp(name, other_name) == 0 ? TZ_ENV_SAME : TZ_ENV_OTHER;
    }
    const bool comparable = are_comparable(digest, other_digest);
    if (comparable && strcmp(digest, other_digest) == 0) {
        return TZ_ENV_SAME;
    }
    if (!have_one_file_name(name, other_name)) {
        return TZ_ENV_OTHER;
    }
    return comparable ? TZ_ENV_CHANGED : TZ_ENV_SAME;
}

tz_status tz_env_fail_changed(const char *path, const char *what, const char *recorded,
                              const char *present, tz_error *error) {
    return tz_fail(error, TZ_ERR_MISMATCH,
                   "%s: %s of %s, but %s has changed since (expected the content of that time)",
                   path, what, recorded, present);
}
