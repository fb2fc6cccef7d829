#include "view/system_scene.h"

#include "base/assert.h"
#include "envs/hamiltonian/rigid_body.h"
#include "envs/hamiltonian/system_type.h"
#include "envs/mujoco_compat.h"

#include <math.h>
#include <string.h>

static const float steel[4] = {0.62f, 0.66f, 0.70f, 1.0f};
static const float bob_rgba[4] = {0.95f, 0.62f, 0.20f, 1.0f};
static const float light[4] = {0.93f, 0.91f, 0.86f, 1.0f};
static const float dark[4] = {0.22f, 0.24f, 0.28f, 1.0f};
static const float red[4] = {0.80f, 0.22f, 0.18f, 1.0f};
static const float blue[4] = {0.25f, 0.45f, 0.72f, 1.0f};

// ---- geoms ------------------------------------------------------------------------------------

static mjvGeom *next_geom(mjvScene *scene) {
    if (scene->ngeom >= scene->maxgeom) {
        return NULL;
    }
    mjvGeom *geom = &scene->geoms[scene->ngeom++];
    geom->category = mjCAT_DECOR;
    return geom;
}

static void add_sphere(mjvScene *scene, const double at[3], double radius, const float rgba[4]) {
    const mjtNum size[3] = {radius, radius, radius};
    mjvGeom *geom = next_geom(scene);
    if (geom != NULL) {
        mjv_initGeom(geom, mjGEOM_SPHERE, size, at, NULL, rgba);
    }
}

static void add_rod(mjvScene *scene, int type, const double from[3], const double to[3],
                    double radius, const float rgba[4]) {
    mjvGeom *geom = next_geom(scene);
    if (geom != NULL) {
        mjv_initGeom(geom, type, NULL, NULL, NULL, rgba);
        tz_mujoco_connect(geom, type, radius, from, to);
    }
}

// A coil of wire around the line between two points, which stretches with it; `scale` times as
// thick.
static void add_spring(mjvScene *scene, const double from[3], const double to[3], double scale) {
    enum { TURNS = 9, SEGMENTS = 10 * TURNS };
    const double coil_radius = 0.07 * scale, wire_radius = 0.018 * scale; // m
    const double straight = 0.12;                                         // share at each end
    double axis[3], side[3], across[3];
    for (int c = 0; c < 3; c++) {
        axis[c] = to[c] - from[c];
    }
    const double length = sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]);
    if (!(length > 1e-6)) {
        return;
    }
    // two directions across the axis; the axis is never along both helpers
    const double helper[3] = {fabs(axis[1]) > 0.9 * length, fabs(axis[1]) <= 0.9 * length, 0.0};
    mju_cross(side, axis, helper);
    mju_normalize3(side);
    mju_cross(across, side, axis);
    mju_normalize3(across);
    double before[3];
    memcpy(before, from, sizeof before);
    for (int i = 0; i <= SEGMENTS + 1; i++) {
        const double t = i <= SEGMENTS ? (double)i / SEGMENTS : 1.0, angle = 2.0 * M_PI * TURNS * t;
        const double along = i <= SEGMENTS ? straight + (1.0 - 2.0 * straight) * t : 1.0;
        const double radius = i <= SEGMENTS ? coil_radius : 0.0;
        double here[3];
        for (int c = 0; c < 3; c++) {
            here[c] = from[c] + along * axis[c] +
                      radius * (cos(angle) * side[c] + sin(angle) * across[c]);
        }
        add_rod(scene, mjGEOM_CAPSULE, before, here, wire_radius, steel);
        memcpy(before, here, sizeof before);
    }
}

// Where a body's point (3) is in the world: at + R point.
static void world_point(double world[3], const double at[3], const double R[9], double x, double y,
                        double z) {
    for (int c = 0; c < 3; c++) {
        world[c] = at[c] + R[3 * c] * x + R[3 * c + 1] * y + R[3 * c + 2] * z;
    }
}

// ---- systems ----------------------------------------------------------------------------------

static double bob_radius(double mass) {
    return 0.11 * cbrt(mass);
}

static void draw_chain(mjvScene *scene, const tz_system *system, const double *q) {
    double points[3 * TZ_BODIES_MAX], above[3] = {0.0, 0.0, 0.0}; // (k, 3)
    tz_system_points(system, points, q);
    add_sphere(scene, above, 0.05, dark);
    for (int i = 0; i < system->k; i++) {
        add_rod(scene, mjGEOM_CAPSULE, above, points + 3 * i, 0.025, light);
        add_sphere(scene, points + 3 * i, bob_radius(system->mass[i]), bob_rgba);
        memcpy(above, points + 3 * i, sizeof above);
    }
}

// The more bobs, the farther the camera and the thicker the drawing.
static void draw_springs(mjvScene *scene, const tz_system *system, const double *q) {
    const double scale = 0.5 * (1 + system->k);
    double above[3] = {0.0, 0.0, 0.0};
    add_sphere(scene, above, 0.05 * scale, dark);
    for (int i = 0; i < system->k; i++) {
        add_spring(scene, above, q + 3 * i, scale);
        add_sphere(scene, q + 3 * i, scale * bob_radius(system->mass[i]), bob_rgba);
        memcpy(above, q + 3 * i, sizeof above);
    }
}

// A disk of radius 0.0995 and thickness 0.0334 at height 0.2236 on an axle of 0.256, drawn three
// times as large; one spoke is red, so the spin is seen.
static void draw_gyroscope(mjvScene *scene, const tz_system *system, const double *q) {
    (void)system;
    static const double scale = 3.0, held[3] = {0.0, 0.0, 0.0};
    double R[9], top[3], low[3], high[3], rim[3];
    tz_rigid_rotation(R, q);
    world_point(top, held, R, 0.0, 0.0, scale * 0.256);
    world_point(low, held, R, 0.0, 0.0, scale * (0.2236 - 0.0167));
    world_point(high, held, R, 0.0, 0.0, scale * (0.2236 + 0.0167));
    world_point(rim, held, R, scale * 0.0995, 0.0, scale * (0.2236 + 0.0167));
    add_sphere(scene, held, 0.03, dark);
    add_rod(scene, mjGEOM_CAPSULE, held, top, 0.02, light);
    add_rod(scene, mjGEOM_CYLINDER, low, high, scale * 0.0995, bob_rgba);
    add_rod(scene, mjGEOM_CAPSULE, high, rim, 0.015, red);
}

// The study's T: a bar of 1.13 along its second axis and one of 0.73 along its third.
static void draw_rotor(mjvScene *scene, const tz_system *system, const double *q) {
    (void)system;
    double R[9], left[3], right[3], foot[3];
    tz_rigid_rotation(R, q + 3);
    world_point(left, q, R, 0.0, -0.565, 0.0);
    world_point(right, q, R, 0.0, 0.565, 0.0);
    world_point(foot, q, R, 0.0, 0.0, 0.73);
    add_rod(scene, mjGEOM_CAPSULE, left, right, 0.06, light);
    add_rod(scene, mjGEOM_CAPSULE, q, foot, 0.06, bob_rgba);
    add_sphere(scene, left, 0.10, red);
    add_sphere(scene, right, 0.10, blue);
}

static void draw_magnets(mjvScene *scene, const tz_system *system, const double *q) {
    static const double pivot[3] = {0.0, 0.0, 0.0};
    double bob[3];
    tz_system_points(system, bob, q);
    add_sphere(scene, pivot, 0.04, dark);
    add_rod(scene, mjGEOM_CAPSULE, pivot, bob, 0.015, light);
    add_sphere(scene, bob, 0.045, bob_rgba);
    for (int i = 0; i < 2; i++) {
        const double x = i == 0 ? 0.1 : -0.1;
        const double foot[3] = {x, 0.0, -1.09}, head[3] = {x, 0.0, -1.05};
        add_rod(scene, mjGEOM_CYLINDER, foot, head, 0.045, i == 0 ? red : blue);
    }
}

static void draw_coupled(mjvScene *scene, const tz_system *system, const double *q) {
    double bobs[6];
    tz_system_points(system, bobs, q);
    for (int i = 0; i < 2; i++) {
        const double pivot[3] = {i, 0.0, 0.0};
        add_sphere(scene, pivot, 0.04, dark);
        add_rod(scene, mjGEOM_CAPSULE, pivot, bobs + 3 * i, 0.02, light);
        add_sphere(scene, bobs + 3 * i, 0.09, bob_rgba);
    }
    add_spring(scene, bobs, bobs + 3, 1.0);
}

// ---- which -------------------------------------------------------------------------------------

static double chain_floor(const tz_system *system) {
    double reach = 0.0;
    for (int i = 0; i < system->k; i++) {
        reach += system->length[i];
    }
    return -reach - 0.3;
}

static double spring_floor(const tz_system *system) {
    // how deep springs swing, over many trajectories, by k
    static const double depth[TZ_BODIES_MAX + 1] = {0.0, 3.5, 7.5, 12.0, 18.5, 26.0};
    return -depth[system->k] - 0.5;
}

// How a family of systems is drawn. The height of the floor is a number, or depends on the system.
static const struct family {
    const tz_system_type *type;
    void (*draw)(mjvScene *scene, const tz_system *system, const double *q);
    double floor;
    double (*floor_of)(const tz_system *system); // Nullable
} families[] = {
    {&tz_chain, draw_chain, .floor_of = chain_floor},
    {&tz_spring, draw_springs, .floor_of = spring_floor},
    {&tz_gyroscope, draw_gyroscope, .floor = -0.03},
    {&tz_rotor, draw_rotor, .floor = -1.6},
    {&tz_magnet, draw_magnets, .floor = -1.09},
    {&tz_coupled, draw_coupled, .floor = -1.4},
};

static const struct family *family_of(const tz_system *system) {
    for (size_t i = 0; i < TZ_COUNTOF(families); i++) {
        if (families[i].type == system->type) {
            return &families[i];
        }
    }
    TZ_ASSERT(!"every family of systems has a picture");
    return NULL;
}

void tz_system_draw(mjvScene *scene, const tz_system *system, const double *q) {
    family_of(system)->draw(scene, system, q);
}

double tz_system_floor(const tz_system *system) {
    const struct family *family = family_of(system);
    return family->floor_of != NULL ? family->floor_of(system) : family->floor;
}
