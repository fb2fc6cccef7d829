// Whether two files speak of one environment. The registry's environments are their names. A user's
// MJCF is its content, wherever the file lies and whatever it is called: its digest is that of the
// model as MuJoCo compiled it, with the version of MuJoCo, which two digests must share to be
// compared.
#ifndef TRAPEZE_ENVS_ENV_MATCH_H
#define TRAPEZE_ENVS_ENV_MATCH_H

#include "envs/env.h"

typedef enum tz_env_match {
    TZ_ENV_SAME,
    TZ_ENV_OTHER,
    TZ_ENV_CHANGED // an MJCF of the same file name with another content
} tz_env_match;

// "3.1.6:9f86d081..." of a version of MuJoCo and a hex digest, "3.1.6+files:..." where meshes and
// other files belong to the model, whose paths its digest leaves out.
TZ_API void tz_env_digest(char digest[TZ_DIGEST_MAX], const char *mujoco, const char *sha256);

// Compares two environments by name and digest ("" where it is not known). Two MJCF files without
// digests to compare are the same when their names without folders are: callers compare dimensions.
TZ_API tz_env_match tz_env_compare(const char *name, const char *digest, const char *other_name,
                                   const char *other_digest);

// The sentence about `what` ("a model") in the file `path`, made with the environment `recorded`
// whose MJCF, now at `present`, has changed: TZ_ERR_MISMATCH.
TZ_API tz_status tz_env_fail_changed(const char *path, const char *what, const char *recorded,
                                     const char *present, tz_error *error);

#endif
