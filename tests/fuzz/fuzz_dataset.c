// libFuzzer target: a well-formed HDF5 file with any content, made by HDF5 from the input's bytes,
// is read as a dataset or, where the first byte is odd, as D4RL's table, or refused, without a
// fault or a leak.
//
// Each name that a reader asks for becomes an array, a group, a link or nothing, of any type, rank,
// size and layout; each attribute likewise. What is malformed at the level of HDF5 itself is not
// tried here: HDF5 1.10 is not safe against it (docs/formats.md).
#include "base/memory.h"
#include "data/check.h"
#include "data/d4rl.h"
#include "fuzz_file.h"

#include <hdf5.h>
#include <string.h>

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

// The next byte; zeros when there are none left.
static unsigned take(input *in) {
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

// A type; the caller closes it. The first is the one that the readers expect of numbers.
static hid_t make_type(unsigned choice) {
    const hid_t ready[] = {H5T_IEEE_F64LE,     H5T_IEEE_F32LE, H5T_IEEE_F64BE,
                           H5T_STD_I64LE,      H5T_STD_U8LE,   H5T_STD_I16BE,
                           H5T_NATIVE_LDOUBLE, H5T_C_S1,       H5T_STD_REF_OBJ};
    const size_t n = sizeof ready / sizeof ready[0];
    if (choice % 16 < n) {
        return H5Tcopy(ready[choice % 16]);
    }
    if (choice % 16 == n) {
        const hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, 5 + choice / 16);
        return text;
    }
    if (choice % 16 == n + 1) {
        const hid_t pair = H5Tcreate(H5T_COMPOUND, 16);
        H5Tinsert(pair, "a", 0, H5T_NATIVE_DOUBLE);
        H5Tinsert(pair, "b", 8, H5T_NATIVE_INT);
        return pair;
    }
    const hid_t flag = H5Tenum_create(H5T_STD_I8LE);
    const signed char no = 0, yes = 1;
    H5Tenum_insert(flag, "FALSE", &no);
    H5Tenum_insert(flag, "TRUE", &yes);
    return flag;
}

// Writes bytes of the input over an array or an attribute of known size.
static void fill(input *in, unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)take(in);
    }
}

static void put_attribute(input *in, hid_t object, const char *name) {
    const unsigned choice = take(in);
    if (choice == 0) {
        return;
    }
    unsigned char value[1024] = {0};
    const hsize_t n = choice >= 128 ? 3 : 1;
    const hid_t space = choice >= 128 ? H5Screate_simple(1, &n, NULL) : H5Screate(H5S_SCALAR);
    hid_t type = make_type(choice % 128);
    const char *text = (const char *)value;
    const void *written = value;
    fill(in, value, 16);
    if (choice % 16 == 15 && choice < 128) {
        H5Tclose(type);
        type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, H5T_VARIABLE);
        written = &text;
    }
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
        H5Awrite(attribute, type, written);
        H5Aclose(attribute);
    }
    H5Tclose(type);
    H5Sclose(space);
}

// An array of any type and shape, in one piece, in chunks, compressed, or as if outside the file.
static void put_array(input *in, hid_t group, const char *name) {
    static unsigned char bytes[1 << 14];
    static const hsize_t huge = (hsize_t)1 << 40;
    const unsigned type_choice = take(in), layout = take(in) % 8, rank = take(in) % 4;
    hsize_t dims[3] = {take(in) % 8, take(in) % 8, 1};
    const hsize_t chunk[3] = {2, 2, 1};
    const hid_t type = make_type(type_choice), plist = H5Pcreate(H5P_DATASET_CREATE);
    if (layout == 1 || layout == 2) {
        H5Pset_chunk(plist, rank > 0 ? (int)rank : 1, chunk);
        dims[0] = layout == 2 && type_choice >= 240 ? huge : dims[0];
    } else if (layout == 3) {
        H5Pset_layout(plist, H5D_COMPACT);
    } else if (layout == 4) {
        H5Pset_external(plist, "/etc/hostname", 0, H5F_UNLIMITED);
    }
    if (layout == 2) {
        H5Pset_deflate(plist, 1);
    }
    const hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple((int)rank, dims, NULL);
    const hid_t array = H5Dcreate2(group, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    if (array >= 0) {
        if (layout != 4 && dims[0] != huge) {
            fill(in, bytes, 8 * 64);
            H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
        }
        H5Dclose(array);
    }
    H5Sclose(space);
    H5Pclose(plist);
    H5Tclose(type);
}

static void put_object(input *in, hid_t group, const char *name) {
    switch (take(in) % 16) {
    case 0:
        break;
    case 1:
        H5Lcreate_soft("/episode_0/rewards", group, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 2:
        H5Lcreate_external("/dev/null", "/", group, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 3: {
        const hid_t made = H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Gclose(made);
        break;
    }
    case 4:
        H5Lcreate_hard(group, "observations", group, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    default:
        put_array(in, group, name);
    }
}

static void put_minari(input *in, hid_t file) {
    static const char *const arrays[] = {"observations", "actions", "rewards", "terminations",
                                         "truncations"};
    static const char *const file_attributes[] = {
        "env", "nq", "nv", "dt", "max_episode_steps", "ends_early", "config", "env_arguments"};
    static const char *const episode_attributes[] = {
        "id", "total_steps", "reset_seed", "reset_episode", "policy", "noise", "unstable"};
    for (size_t i = 0; i < TZ_COUNTOF(file_attributes); i++) {
        put_attribute(in, file, file_attributes[i]);
    }
    for (unsigned e = 0, n = take(in) % 4; e < n; e++) {
        char name[32];
        snprintf(name, sizeof name, "episode_%u", take(in) >= 250 ? 7 * e + 1 : e);
        const hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        for (size_t i = 0; group >= 0 && i < TZ_COUNTOF(arrays); i++) {
            put_object(in, group, arrays[i]);
        }
        for (size_t i = 0; group >= 0 && i < TZ_COUNTOF(episode_attributes); i++) {
            put_attribute(in, group, episode_attributes[i]);
        }
        if (group >= 0) {
            H5Gclose(group);
        }
    }
}

static void put_d4rl(input *in, hid_t file) {
    static const char *const arrays[] = {"infos/qpos", "infos/qvel", "actions",
                                         "rewards",    "terminals",  "timeouts"};
    const hid_t infos = H5Gcreate2(file, "infos", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (size_t i = 0; i < TZ_COUNTOF(arrays); i++) {
        put_object(in, file, arrays[i]);
    }
    H5Gclose(infos);
}

// A whole file in memory, whose image becomes the file that is read.
static const char *make_file(input *in, void (*put)(input *in, hid_t file)) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, false);
    const hid_t file = H5Fcreate("made", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    put(in, file);
    H5Fflush(file, H5F_SCOPE_LOCAL);
    const ssize_t size = H5Fget_file_image(file, NULL, 0);
    unsigned char *image = malloc((size_t)size);
    if (image == NULL || H5Fget_file_image(file, image, (size_t)size) != size) {
        abort();
    }
    H5Fclose(file);
    H5Pclose(access);
    const char *path = fuzz_file(image, (size_t)size);
    free(image);
    return path;
}

static void count_fault(void *context, const tz_fault *fault) {
    if (fault->text[0] == '\0') {
        abort();
    }
    ++*(long *)context;
}

// What was read is summed up, what was refused has a sentence. Returns whether it was read.
static bool finish(tz_status status, tz_dataset *dataset, const tz_error *error) {
    if (status != TZ_OK) {
        if (error->text[0] == '\0' || dataset != NULL) {
            abort();
        }
        return false;
    }
    static tz_dataset_summary summary;
    tz_dataset_summarise(dataset, &summary);
    tz_dataset_destroy(dataset);
    return true;
}

static bool read_once(const char *path, tz_fault_fn fault, long *faults) {
    tz_dataset *dataset = NULL;
    tz_error error = {0};
    const tz_status status = tz_dataset_read_tolerant(&dataset, path, NULL, fault, faults, &error);
    return finish(status, dataset, &error);
}

// What is read strictly breaks no rule.
static void read_minari(input *in) {
    const char *path = make_file(in, put_minari);
    long faults = 0;
    const bool strict = read_once(path, NULL, NULL);
    const bool tolerant = read_once(path, count_fault, &faults);
    if (strict != (tolerant && faults == 0)) {
        abort();
    }
}

// Of a physical system: a robot would cost more to make than its table to read.
static void read_d4rl(input *in) {
    tz_dataset *dataset = NULL;
    tz_error error = {0};
    const tz_status status = tz_d4rl_read(&dataset, make_file(in, put_d4rl), "chain-2", &error);
    finish(status, dataset, &error);
}

// HDF5 keeps memory between files, so that libFuzzer would look for leaks after each input; ours
// are counted below. What it cannot have is an answer to HDF5, too.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0:allocator_may_return_null=1";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    input in = {data, size};
    const size_t live = tz_alloc_live();
    if (take(&in) % 2 == 1) {
        read_d4rl(&in);
    } else {
        read_minari(&in);
    }
    if (tz_alloc_live() != live) {
        abort();
    }
    return 0;
}
