// An ensemble: several learned models of one environment behind the interface of one. Each member
// is rolled out on its own along the whole horizon, and the ensemble's prediction is the mean of
// their states; how far they disagree says how little the data told them (tz_model_predict).
//
// On disk it is a list of model files: a JSON file beside them,
//
//     {"format": "trapeze-ensemble-1", "members": [{"file": "member-0/model.safetensors",
//      "sha256": "..."}, ...]}
//
// with paths below the list's own folder. tz_model_load reads it when the path ends with ".json".
#ifndef TRAPEZE_MODELS_ENSEMBLE_H
#define TRAPEZE_MODELS_ENSEMBLE_H

#include "models/model.h"

enum { TZ_MEMBERS_MAX = 64 };

// Takes over the n members (1 to TZ_MEMBERS_MAX), also when it fails. TZ_ERR_MISMATCH when they are
// not of one environment, size and control period. The caller destroys the ensemble.
TZ_API tz_status tz_ensemble_create(tz_model **ensemble, tz_model *const *members, int n,
                                    tz_error *error);

// Number of members and one of them, borrowed; 0 and NULL when the model is not an ensemble.
TZ_API int tz_ensemble_count(const tz_model *model);
TZ_API const tz_model *tz_ensemble_member(const tz_model *model, int index);

// One member's rollout alone, on a workspace of the ensemble; as tz_model_rollout.
TZ_API void tz_ensemble_rollout_member(const tz_model *model, tz_model_workspace *workspace,
                                       int index, float *z, const float *z0, const float *u, int T,
                                       int B);

// Writes the list of `files` (n), paths relative to the list's folder, after reading each for its
// digest. TZ_ERR_IO, TZ_ERR_MEMORY.
TZ_API tz_status tz_ensemble_write(const char *path, const char *const *files, int n,
                                   tz_error *error);

// Whether a path is that of a list rather than of one model.
TZ_API bool tz_ensemble_is_list(const char *path);

// Reads a list and its members. Errors name the file and what was found and expected: TZ_ERR_FORMAT
// also for a path that leads out of the folder, TZ_ERR_MISMATCH for a member whose digest is
// another and for members that do not fit each other.
TZ_API tz_status tz_ensemble_load(tz_model **ensemble, const char *path, tz_error *error);

// How many members a list has, without reading them, and one of them alone, to be trained on. The
// errors are those above, and TZ_ERR_ARGUMENT for a number that none has. The caller destroys it.
TZ_API tz_status tz_ensemble_count_listed(int *n, const char *path, tz_error *error);
TZ_API tz_status tz_ensemble_load_member(tz_model **member, const char *path, int index,
                                         tz_error *error);

// Copies a model's file to another place, of a list its members too, below the folder of the copy,
// and the list last. Folders are made.
TZ_API tz_status tz_model_copy(const char *from, const char *to, tz_error *error);

#endif
