// A small real dataset for the tests: half_cheetah under uniform random controls, in a temporary
// folder, and the means to damage a copy of it.
#ifndef TRAPEZE_TESTS_SAMPLE_H
#define TRAPEZE_TESTS_SAMPLE_H

#include "base/file.h"
#include "data/dataset.h"
#include "data/writer.h"

#include <hdf5.h>

enum { SAMPLE_EPISODES = 3, SAMPLE_STEPS = 20, SAMPLE_SEED = 7 };

// A fresh temporary folder; removed with everything in it by sample_remove.
void sample_folder(char path[TZ_PATH_MAX]);
void sample_remove(const char *path);

// "<a>/<b>", kept until the process ends.
const char *sample_join(const char *a, const char *b);

// Runs episode `index` of the sample into the recorder, `steps` long.
tz_episode sample_episode(tz_env *env, tz_episode_recorder *recorder, int index, int steps);

// The environment of the sample.
tz_env *sample_env(void);

// Writes the sample as a dataset at `folder`.
void sample_write(const char *folder);

// Demands that `d` is the sample, to the last bit.
void sample_expect(const tz_dataset *d);

// Opens the dataset's main_data.hdf5 for damage.
hid_t sample_open(const char *folder);

// Puts `value` at flat position `at` of an array such as "episode_1/rewards".
void sample_poke(const char *folder, const char *array, size_t at, double value);

#endif
