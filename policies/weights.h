// Networks out of named tensors, whoever trained them: Stable-Baselines3 and CleanRL name the
// layers of their actors differently and draw other conclusions from the last one. One table says
// how.
#ifndef TRAPEZE_POLICIES_WEIGHTS_H
#define TRAPEZE_POLICIES_WEIGHTS_H

#include "base/safetensors.h"
#include "policies/actor.h"

// Named tensors of a file, borrowed.
typedef struct tz_weights {
    const char *path;
    const tz_tensor *tensors; // (n)
    int n;
} tz_weights;

// The tensors of a file as a list; the array *tensors is freed by the caller with tz_free.
// TZ_ERR_MEMORY.
tz_status tz_weights_list(tz_weights *weights, tz_tensor **tensors, const tz_safetensors *file,
                          tz_error *error);

const tz_tensor *tz_weights_find(const tz_weights *weights, const char *name); // NULL: absent

// The layers of a network: <prefix><first>, <prefix><first + step>, ... and, where `head` is not
// NULL, the layer of that name; each a weight (out, in) and a bias (out). With `beside` a second
// head lies side by side with the first, of the same width; with `is_twice` and no such layer,
// zeros do.
typedef struct tz_layer_names {
    const char *prefix;
    int first, step;
    const char *head, *beside;
    bool is_twice;
} tz_layer_names;

// Reads a network; the weights live in *block, which the caller frees with tz_free, also on
// failure. TZ_ERR_FORMAT, TZ_ERR_MISMATCH, TZ_ERR_MEMORY.
tz_status tz_weights_read_network(tz_network *net, float **block, const tz_weights *weights,
                                  const tz_layer_names *names, tz_error *error);

// Reads an actor by the names that it finds: net, output and sigma, and of CleanRL's the control
// range (*has_range). *kind is its origin, static: "Stable-Baselines3 SAC". Frees nothing, as
// above. TZ_ERR_UNSUPPORTED for what Trapeze cannot evaluate (gSDE, other extractors).
tz_status tz_weights_read_actor(tz_actor *actor, float **block, const char **kind, bool *has_range,
                                const tz_weights *weights, tz_error *error);

#endif
