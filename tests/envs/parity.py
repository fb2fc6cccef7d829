#!/usr/bin/env python3
"""Live parity with Gymnasium: one step at a time, from the same full state, under the same MuJoCo.

    parity.py LIBTRAPEZE ASSETS [--table]

For each environment: every numeric field of the compiled model is compared with Gymnasium's own file, then in
1000 steps our environment gets Gymnasium's qpos, qvel and qacc_warmstart, both get the same f64 control (a third of
them beyond the actuators' range), and the step must agree to 1e-9 in state and reward and exactly in both ends.
--table prints the measured differences as a Markdown table. Exit status 1 when anything disagrees.

A library that was built with another MuJoCo than Gymnasium's cannot be held to that and is refused (status 2).
"""
import ctypes
import os
import sys

import gymnasium
import mujoco
import numpy as np

N_STEPS = 1000
TOLERANCE = 1e-9

# Our name, Gymnasium's id, its file.
ENVIRONMENTS = [
    ("half_cheetah", "HalfCheetah-v5", "half_cheetah.xml"),
    ("hopper", "Hopper-v5", "hopper.xml"),
    ("swimmer", "Swimmer-v5", "swimmer.xml"),
    ("walker2d", "Walker2d-v5", "walker2d_v5.xml"),
    ("inverted_pendulum", "InvertedPendulum-v5", "inverted_pendulum.xml"),
]

# What may differ: names, looks, and memory sizes. Everything else is compared.
LOOKS = ("cam_", "light_", "mat_", "tex_", "skin_", "name", "vis", "geom_rgba", "geom_matid", "geom_group", "geom_user")
SIZES = {"ncam", "nlight", "nmat", "ntex", "ntexdata", "nnames", "nnames_map", "nbuffer", "narena", "nuser_geom",
         "signature", "text", "text_data"}


# ---- our library ----


class EnvDef(ctypes.Structure):
    _fields_ = [("cookie", ctypes.c_uint32), ("name", ctypes.c_char_p), ("version", ctypes.c_int), ("ends_early", ctypes.c_bool),
                ("max_episode_steps", ctypes.c_int)]


class Step(ctypes.Structure):
    _fields_ = [("reward", ctypes.c_double), ("terminated", ctypes.c_bool), ("truncated", ctypes.c_bool),
                ("outcome", ctypes.c_int)]


class TrapezeEnv:
    """An environment of libtrapeze."""

    def __init__(self, library, name):
        self.library = library
        library.tz_env_def_default.restype = EnvDef
        library.tz_env_state_size.restype = ctypes.c_size_t
        definition = library.tz_env_def_default()
        definition.name = name.encode()
        self.handle = ctypes.c_void_p()
        if library.tz_env_create(ctypes.byref(self.handle), ctypes.byref(definition), None) != 0:
            sys.exit(f"parity: libtrapeze cannot create {name}")
        self.state_size = library.tz_env_state_size(self.handle)

    def step(self, elapsed, qpos, qvel, warmstart, control):
        """One step from a full state: (z after it, its outcome)."""
        state = np.zeros(self.state_size)  # elapsed, time, qpos, qvel, (act,) qacc_warmstart, rest zero
        given = np.concatenate([[elapsed, 0.0], qpos, qvel, warmstart])
        state[: given.size] = given
        z, step = np.empty(qpos.size + qvel.size), Step()
        self.library.tz_env_set_state(self.handle, pointer(state))
        self.library.tz_env_step(self.handle, ctypes.byref(step), pointer(z), pointer(control))
        return z, step


def pointer(x):
    return x.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


# ---- comparisons ----


def fields(thing):
    """Yields (name, values) of the numeric attributes of an mjModel or mjOption."""
    for name in dir(thing):
        if name.startswith("_") or name.startswith(LOOKS) or name in SIZES:
            continue
        value = getattr(thing, name)
        if isinstance(value, (int, float, np.integer, np.floating, np.ndarray)) and not callable(value):
            yield name, np.asarray(value, dtype=float)


def model_difference(ours, published):
    """The largest relative difference of any field, and its name; ends the program when shapes differ."""
    worst, worst_name, n_fields = 0.0, "", 0
    for a, b in ((ours, published), (ours.opt, published.opt)):
        other = dict(fields(a))
        for name, y in fields(b):
            x = other[name]
            if x.shape != y.shape:
                sys.exit(f"parity: {name} has shape {x.shape}, expected {y.shape}")
            n_fields += 1
            if y.size and not np.array_equal(x, y):
                difference = np.max(np.abs(x - y) / np.maximum(1.0, np.abs(y)))
                if not difference <= worst:
                    worst, worst_name = difference, name
    return worst, worst_name, n_fields


def step_differences(library, name, gymnasium_id):
    """Over N_STEPS: the largest differences of state and reward, the number of ends that differ, and how many
    steps terminated and were truncated."""
    ours = TrapezeEnv(library, name)
    env = gymnasium.make(gymnasium_id, disable_env_checker=True)
    data = env.unwrapped.data
    low, high = env.unwrapped.model.actuator_ctrlrange.T
    rng = np.random.default_rng(1)
    state, reward, n_wrong_ends, n_terminated, n_truncated, elapsed = 0.0, 0.0, 0, 0, 0, 0
    env.reset(seed=1)
    for _ in range(N_STEPS):
        control = rng.choice([0.3, 1.0, 1.5]) * rng.uniform(low, high)
        z, step = ours.step(elapsed, data.qpos, data.qvel, data.qacc_warmstart, control)
        _, r, terminated, truncated, _ = env.step(control)
        elapsed += 1
        state = max(state, np.max(np.abs(z - np.concatenate([data.qpos, data.qvel]))))
        reward = max(reward, abs(step.reward - r))
        n_wrong_ends += (step.terminated, step.truncated, step.outcome) != (terminated, truncated, 0)
        n_terminated += terminated
        n_truncated += truncated
        if terminated or truncated:
            env.reset()
            elapsed = 0
    return state, reward, n_wrong_ends, n_terminated, n_truncated


def main():
    path, assets = sys.argv[1:3]
    library = ctypes.CDLL(path)
    library.mj_versionString.restype = ctypes.c_char_p
    version = library.mj_versionString().decode()
    if version != mujoco.__version__:
        print(f"parity: libtrapeze uses MuJoCo {version}, Gymnasium {mujoco.__version__}; expected the same")
        return 2

    print(f"gymnasium {gymnasium.__version__}, MuJoCo {version}, {N_STEPS} steps each")
    if "--table" in sys.argv:
        print("\n| environment | model | state | reward | ends that differ | terminated, truncated |\n|---|---|---|---|---|---|")
    agreed = True
    published_folder = os.path.join(os.path.dirname(gymnasium.__file__), "envs/mujoco/assets")
    for name, gymnasium_id, file in ENVIRONMENTS:
        ours = mujoco.MjModel.from_xml_path(os.path.join(assets, name + ".xml"))
        published = mujoco.MjModel.from_xml_path(os.path.join(published_folder, file))
        model, worst, n_fields = model_difference(ours, published)
        state, reward, n_wrong, n_terminated, n_truncated = step_differences(library, name, gymnasium_id)
        agrees = model <= TOLERANCE and state <= TOLERANCE and reward <= TOLERANCE and n_wrong == 0
        agreed = agreed and agrees
        if "--table" in sys.argv:
            print(f"| {name} | {model:.1e} | {state:.1e} | {reward:.1e} | {n_wrong} | {n_terminated}, {n_truncated} |")
        else:
            print(f"{name}: model {model:.1e} ({worst or 'equal'}, {n_fields} fields), state {state:.1e}, "
                  f"reward {reward:.1e}, {n_wrong} ends differ, {n_terminated} terminated, {n_truncated} truncated: "
                  f"{'agrees' if agrees else 'DISAGREES'}")
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
