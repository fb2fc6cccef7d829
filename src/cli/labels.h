// Short names of model files, for tables and pictures.
#ifndef TRAPEZE_CLI_LABELS_H
#define TRAPEZE_CLI_LABELS_H

enum { TZ_LABEL_SIZE = 64 }; // with the NUL

// Writes a label for each of n paths (at most TZ_LIST_MAX), no two alike: "node-so" of
// "runs/node-so/model.safetensors", "cheetah" of "models/cheetah.safetensors". Where labels would
// be alike, as many folders above stand before them as tell them apart ("a/ensemble",
// "b/ensemble"), and where no folder does, a number behind ("so (2)").
void tz_label_models(char (*label)[TZ_LABEL_SIZE], const char *const *paths, int n);

#endif
