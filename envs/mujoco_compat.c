#include "envs/mujoco_compat.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/sha256.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

// ---- warnings and fatal errors

// Where a fatal error of this thread returns to; NULL: nowhere, the program ends.
static _Thread_local jmp_buf *rescue;
static _Thread_local char last_words[256];

static void jump(const char *text) {
    if (rescue == NULL) { // outside of tz_mujoco_try, maybe the program's own use of MuJoCo
        tz_assert_failed(text, "MuJoCo", 0);
    }
    snprintf(last_words, sizeof last_words, "%s", text);
    longjmp(*rescue, 1);
}

static void ignore_warning(const char *text) {
    (void)text;
}

static void install_silence(void) {
    if (!mju_user_warning) {
        mju_user_warning = ignore_warning;
    }
    if (!mju_user_error) {
        mju_user_error = jump;
    }
}

// Keeps MuJoCo from writing warnings to stderr and MUJOCO_LOG.TXT: the library reads
// mjData.warning. Makes fatal errors catchable by tz_mujoco_try. Leaves a handler that the program
// has installed alone.
static void silence(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_silence);
}

bool tz_mujoco_try(void (*body)(void *context), void *context, char *complaint, size_t size) {
    jmp_buf here;
    jmp_buf *const outer = rescue;
    silence();
    if (setjmp(here) == 0) {
        rescue = &here;
        body(context);
        rescue = outer;
        return true;
    }
    rescue = outer;
    snprintf(complaint, size, "%s", last_words);
    return false;
}

// ---- models

// Adds one file. Up to 3.1 MuJoCo hands out a buffer to fill, later versions copy one.
static int add_file(mjVFS *vfs, const tz_embedded_file *file) {
#if mjVERSION_HEADER < 320
    const int status = mj_makeEmptyFileVFS(vfs, file->name, (int)file->size);
    if (status == 0) {
        memcpy(vfs->filedata[mj_findFileVFS(vfs, file->name)], file->data, file->size);
    }
    return status;
#else
    return mj_addBufferVFS(vfs, file->name, file->data, (int)file->size);
#endif
}

// Compiles files[i], which may include the other ones.
static tz_status compile(mjModel **model, const tz_embedded_file *files, int n_files, int i,
                         tz_error *error) {
    // Up to 3.1 an mjVFS is a megabyte: never on the stack.
    *model = NULL;
    mjVFS *vfs = tz_alloc(1, sizeof(mjVFS));
    if (!vfs) {
        return tz_fail(error, TZ_ERR_MEMORY, "%s: no memory to compile it", files[i].name);
    }

    char complaint[512] = "the virtual file system refused a file";
    mj_defaultVFS(vfs);
    int status = 0;
    for (int k = 0; k < n_files && status == 0; k++) {
        status = add_file(vfs, &files[k]);
    }
    if (status == 0) {
        *model = mj_loadXML(files[i].name, vfs, complaint, sizeof complaint);
    }
    mj_deleteVFS(vfs);
    tz_free(vfs);
    return *model ? TZ_OK
                  : tz_fail(error, TZ_ERR_FORMAT, "%s: MuJoCo refused the model: %s", files[i].name,
                            complaint);
}

tz_status tz_mujoco_compile_asset(mjModel **model, const char *name, tz_error *error) {
    int i = 0;
    while (i < tz_n_embedded_assets && strcmp(tz_embedded_assets[i].name, name) != 0) {
        i++;
    }
    TZ_ASSERT(i < tz_n_embedded_assets);
    silence();
    return compile(model, tz_embedded_assets, tz_n_embedded_assets, i, error);
}

typedef struct load_call {
    const char *path;
    mjModel *model;
    char complaint[512];
} load_call;

static void load(void *context) {
    load_call *call = context;
    call->model = mj_loadXML(call->path, NULL, call->complaint, sizeof call->complaint);
}

tz_status tz_mujoco_load(mjModel **model, const char *path, tz_error *error) {
    load_call call = {.path = path, .complaint = "without a reason"};
    silence();
    if (!tz_mujoco_try(load, &call, call.complaint, sizeof call.complaint)) {
        call.model = NULL;
    }
    *model = call.model;
    return *model ? TZ_OK
                  : tz_fail(error, TZ_ERR_FORMAT, "%s: MuJoCo refused the model: %s", path,
                            call.complaint);
}

typedef struct copy_call {
    mjModel *copy;
    const mjModel *model;
} copy_call;

static void copy_model(void *context) {
    copy_call *call = context;
    call->copy = mj_copyModel(NULL, call->model);
}

tz_status tz_mujoco_copy(mjModel **copy, const mjModel *model, tz_error *error) {
    copy_call call = {.model = model};
    char complaint[64];
    const bool is_made = tz_mujoco_try(copy_model, &call, complaint, sizeof complaint);
    *copy = is_made ? call.copy : NULL;
    return *copy != NULL ? TZ_OK
                         : tz_fail(error, TZ_ERR_MEMORY, "out of memory: a copy of a model");
}

// MuJoCo counts what it calls the full physics, so a part that a later version adds is counted too.
long tz_mujoco_n_hidden(const mjModel *model) {
#if mjVERSION_HEADER < 300
    (void)model;
    return 0;
#else
    const long n_known = 1 + (long)model->nq + (long)model->nv + (long)model->na; // 1: the time
    return (long)mj_stateSize(model, mjSTATE_FULLPHYSICS) - n_known;
#endif
}

bool tz_mujoco_has_noisy_sensors(const mjModel *model) {
    for (int i = 0; i < mjNENABLE; i++) {
        if ((model->opt.enableflags >> i & 1) != 0 &&
            strcmp(mjENABLESTRING[i], "Sensornoise") == 0) {
            return true;
        }
    }
    return false;
}

// The constant of sleeping bodies came with them.
bool tz_mujoco_can_sleep(const mjModel *model) {
#ifndef mjMINAWAKE
    (void)model;
    return false;
#else
    return model->opt.enableflags & mjENBL_SLEEP;
#endif
}

int tz_mujoco_actuator_of(const mjModel *model, int control) {
    for (int actuator = 0;; actuator++) {
        int first, n;
        tz_mujoco_controls_of(model, actuator, &first, &n);
        if (control >= first && control < first + n) {
            return actuator;
        }
    }
}

double tz_mujoco_arena_bytes(const mjModel *model) {
#if mjVERSION_HEADER < 300
    // constraints have a square matrix, beside their Jacobian and its transpose
    const double njmax = (double)model->njmax;
    return (double)model->nstack * sizeof(mjtNum) +
           njmax * (12.0 * njmax + 24.0 * (double)model->nv);
#else
    return (double)model->narena;
#endif
}

// ---- drawing

// mjv_connector replaced mjv_makeConnector in 3.0.
void tz_mujoco_connect(mjvGeom *geom, int type, double width, const double from[3],
                       const double to[3]) {
#if mjVERSION_HEADER < 300
    mjv_makeConnector(geom, type, width, from[0], from[1], from[2], to[0], to[1], to[2]);
#else
    mjv_connector(geom, type, width, from, to);
#endif
}

// mjv_moveCamera lost its argument `scene` somewhere between 3.1 and 3.14: its type tells.
typedef void (*any_fn)(void);
typedef void (*move_fn)(const mjModel *, int, mjtNum, mjtNum, mjvCamera *);
typedef void (*move_in_scene_fn)(const mjModel *, int, mjtNum, mjtNum, const mjvScene *,
                                 mjvCamera *);

static inline void move(any_fn fn, const mjModel *model, int action, double dx, double dy,
                        const mjvScene *scene, mjvCamera *camera) {
    (void)scene;
    ((move_fn)fn)(model, action, dx, dy, camera);
}

static inline void move_in_scene(any_fn fn, const mjModel *model, int action, double dx, double dy,
                                 const mjvScene *scene, mjvCamera *camera) {
    ((move_in_scene_fn)fn)(model, action, dx, dy, scene, camera);
}

void tz_mujoco_move_camera(const mjModel *model, int action, double dx, double dy,
                           const mjvScene *scene, mjvCamera *camera) {
    _Generic(&mjv_moveCamera, move_fn
             : move, move_in_scene_fn
             : move_in_scene)((any_fn)mjv_moveCamera, model, action, dx, dy, scene, camera);
}

static tz_status digest(const mjModel *model, char sha256[65], tz_error *error) {
    const size_t size = (size_t)mj_sizeModel(model);
    if (size > INT_MAX) {
        return tz_fail(error, TZ_ERR_UNSUPPORTED, "a model of %zu bytes, expected at most %d", size,
                       INT_MAX);
    }
    void *bytes = tz_alloc(size, 1);
    if (bytes == NULL) {
        return tz_fail(error, TZ_ERR_MEMORY, "out of memory: a model of %zu bytes", size);
    }
    mj_saveModel(model, NULL, bytes, (int)size);
    tz__sha256_of(bytes, size, sha256);
    tz_free(bytes);
    return TZ_OK;
}

// Resolved paths are part of a model from some version between 2.2 and 3.2 on.
#if mjVERSION_HEADER < 320
tz_status tz_mujoco_digest(const mjModel *model, char sha256[65], bool *has_paths,
                           tz_error *error) {
    *has_paths = false;
    return digest(model, sha256, error);
}
#else
static void forget(int *address, long n) {
    for (long i = 0; i < n; i++) {
        address[i] = -1;
    }
}

// Leaves a model that can be saved and freed, no more: its buffer is larger than its sizes say.
static void forget_paths(mjModel *model) {
    forget(model->mesh_pathadr, (long)model->nmesh);
    forget(model->skin_pathadr, (long)model->nskin);
    forget(model->hfield_pathadr, (long)model->nhfield);
    forget(model->tex_pathadr, (long)model->ntex);
#if mjVERSION_HEADER >= 4000000
    forget(model->tex_contenttypeadr, (long)model->ntex);
#endif
    model->npaths = 0;
    model->nbuffer = 0;
}

tz_status tz_mujoco_digest(const mjModel *model, char sha256[65], bool *has_paths,
                           tz_error *error) {
    *has_paths = model->npaths > 0;
    if (!*has_paths) {
        return digest(model, sha256, error);
    }
    mjModel *copy;
    TZ_CHECK(tz_mujoco_copy(&copy, model, error));
    forget_paths(copy);
    const tz_status status = digest(copy, sha256, error);
    mj_deleteModel(copy);
    return status;
}
#endif

int tz_mujoco_select(const mjModel *model, const mjData *data, const mjvOption *option,
                     double aspect, double x, double y, const mjvScene *scene, double point[3]) {
    int geom = -1, skin = -1;
#if mjVERSION_HEADER < 300
    return mjv_select(model, data, option, aspect, x, y, scene, point, &geom, &skin);
#else
    int flex = -1;
    return mjv_select(model, data, option, aspect, x, y, scene, point, &geom, &flex, &skin);
#endif
}
