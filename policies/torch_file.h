// State dicts that PyTorch saved (torch.save of a module's state_dict): a zip archive of one pickle
// and raw storages.
#ifndef TRAPEZE_POLICIES_TORCH_FILE_H
#define TRAPEZE_POLICIES_TORCH_FILE_H

#include "base/safetensors.h"
#include "base/status.h"

typedef struct tz_torch_file tz_torch_file;

// Reads the tensors of float32 or float64, the latter rounded to float32, each copied out of its
// storage, whatever its strides, into C order. Of a tuple of state dicts the first is read. `path`
// names the file in sentences. TZ_ERR_FORMAT, TZ_ERR_UNSUPPORTED, TZ_ERR_MEMORY.
tz_status tz_torch_read(tz_torch_file **file, const void *bytes, size_t size, const char *path,
                        tz_error *error);
void tz_torch_destroy(tz_torch_file *file); // Nullable

// The tensors (*n), F32, borrowed, in the order of the file.
const tz_tensor *tz_torch_tensors(const tz_torch_file *file, int *n);

#endif
