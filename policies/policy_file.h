// Policy files, whoever wrote them: Trapeze's own (safetensors with metadata that says what the
// policy sees and drives), bare weights as safetensors, and the archives of Stable-Baselines3
// (docs/policies.md). A file is read by itself and then fitted to a task.
#ifndef TRAPEZE_POLICIES_POLICY_FILE_H
#define TRAPEZE_POLICIES_POLICY_FILE_H

#include "base/file.h"
#include "base/safetensors.h"
#include "base/status.h"
#include "policies/actor.h"

typedef struct tz_policy_file {
    const char *kind;               // static: "trapeze policy 1", "Stable-Baselines3 SAC", ...
    char env[TZ_NAME_MAX];          // what it says it was made for; "" when it does not say
    char env_digest[TZ_DIGEST_MAX]; // its digest (envs/env_match.h); "" when it does not say
    char sha256[65];                // of the file
    char statistics[TZ_PATH_MAX];   // file that the normaliser came from; "" when none
    int nu;                         // controls
    bool has_layout;                // actor.layout is read (index not checked), else only its n
    bool has_range;                 // actor's control range is read
    tz_actor actor;
    float *block; // the weights; owned
} tz_policy_file;

// Finds the file of a policy that is not built in: as named, else shipped under this name
// ("hopper-expert"). TZ_ERR_IO.
TZ_API tz_status tz_policy_find_file(char path[TZ_PATH_MAX], const char *name_or_path,
                                     tz_error *error);

// Looks for VecNormalize statistics beside an archive of Stable-Baselines3:
// FOLDER/NAME/vecnormalize.pkl for FOLDER/NAME.zip, then FOLDER/vecnormalize.pkl. "" where there
// are none, or for another kind of file.
TZ_API void tz_policy_find_statistics(char found[TZ_PATH_MAX], const char *path);

// Reads a file of any kind. `statistics` (Nullable) is a VecNormalize file to use; without it, one
// that lies beside the file (tz_policy_find_statistics) is used. The caller frees with
// tz_policy_file_free, also on failure. TZ_ERR_IO, TZ_ERR_FORMAT, TZ_ERR_MISMATCH,
// TZ_ERR_UNSUPPORTED, TZ_ERR_MEMORY.
TZ_API tz_status tz_policy_file_read(tz_policy_file *file, const char *path, const char *statistics,
                                     tz_error *error);
TZ_API void tz_policy_file_free(tz_policy_file *file);

// Fits the actor to a task: what is missing (layout, control range) becomes Gymnasium's observation
// and the task's range; a layout that is there must agree (TZ_ERR_MISMATCH). A control range that
// is there is the policy's own and stays, finite and low < high (TZ_ERR_FORMAT), but that of [-1,
// 1] in every control in another's file becomes the task's.
TZ_API tz_status tz_policy_file_fit(tz_policy_file *file, const char *path, const tz_task *task,
                                    tz_error *error);

// Writes Trapeze's own kind of file. `notes` are further metadata (command, seed, steps, ...); the
// keys of the format are added. Errors: TZ_ERR_IO, TZ_ERR_MEMORY.
TZ_API tz_status tz_actor_write(const char *path, const tz_actor *actor, const tz_task *task,
                                const tz_metadata *notes, int n_notes, tz_error *error);

// Both steps of reading. The weights live in *block, which the caller frees with tz_free; sha256 is
// the file's hex digest.
TZ_API tz_status tz_actor_read(tz_actor *actor, float **block, char sha256[65], const char *path,
                               const tz_task *task, tz_error *error);

// Whether what was made for the environment `env` (with env_digest; "" where the file does not say)
// serves the task. `what` names it in the sentence: "a policy". TZ_ERR_MISMATCH.
tz_status tz_fit_env(const char *env, const char *env_digest, const char *path, const char *what,
                     const tz_task *task, tz_error *error);

// The observation that a network of n_in inputs sees of a task: the default layout, or Gymnasium's
// whole observation, whichever has that many numbers. `what` names the network in the sentence.
// TZ_ERR_MISMATCH.
tz_status tz_fit_layout(tz_observation_layout *layout, int n_in, const char *path, const char *what,
                        const tz_task *task, tz_error *error);

// Words of the format for the ways that an actor ends; static.
TZ_API const char *tz_activation_name(tz_activation activation); // "relu"
TZ_API const char *tz_output_name(tz_actor_output output);       // "tanh"
TZ_API const char *tz_sigma_name(tz_actor_sigma sigma);          // "clamp"

// Reads an archive of Stable-Baselines3, or a state dict of PyTorch, into a zeroed file (sb3.c).
tz_status tz_sb3_read(tz_policy_file *file, const char *path, tz_error *error);

#endif
