#!/usr/bin/env python3
"""Live parity with Gymnasium: one step at a time, from the same full state, under the same MuJoCo.

    parity.py LIBTRAPEZE ASSETS

For each environment, in versions 5 and 4, and once more with every argument that its constructor has at another value than
the default: every numeric field of the compiled model is compared with Gymnasium's own
file, then in 1000 steps our environment gets Gymnasium's qpos, qvel, qacc_warmstart and the lagging positions that its
reward starts from, both get the same f64 control (a third of them beyond the actuators' range), and the step must agree
to 1e-9 in state, reward, the reward's terms (as version 5 tells them) and observation, and exactly in both ends. Every 100 steps Gymnasium starts an episode of another
seed. The reward that a planner computes from (z, u, z') alone is compared with it too; its difference is reported.

Gymnasium refuses to make Pusher-v4 with MuJoCo 3 or later; the check alone is switched off here.
Prints a table for docs/environments.md. Exit status 1 when anything disagrees.

A library that was built with another MuJoCo than Gymnasium's cannot be held to that and is refused (status 2).
"""
import ctypes
import inspect
import os
import sys

import gymnasium
import mujoco
import numpy as np

N_STEPS, EPISODE_STEPS = 1000, 100
TOLERANCE = 1e-9

def body_x(env):
    return [env.data.body("torso").xpos[0], 0.0]


def centre_x(env):
    return [env.model.body_mass @ env.data.xipos[:, 0] / env.model.body_mass.sum(), 0.0]


def distance(*pairs):
    return lambda env: [np.linalg.norm(env.get_body_com(a) - env.get_body_com(b)) for a, b in pairs]


# Our name, Gymnasium's, its files of versions 5 and 4, and what our state holds of the lagging positions.
ENVIRONMENTS = [
    ("half_cheetah", "HalfCheetah", "half_cheetah", "half_cheetah", None),
    ("hopper", "Hopper", "hopper", "hopper", None),
    ("swimmer", "Swimmer", "swimmer", "swimmer", None),
    ("walker2d", "Walker2d", "walker2d_v5", "walker2d", None),
    ("inverted_pendulum", "InvertedPendulum", "inverted_pendulum", "inverted_pendulum", None),
    ("inverted_double_pendulum", "InvertedDoublePendulum", "inverted_double_pendulum", "inverted_double_pendulum",
     lambda env: env.data.site_xpos[0, [0, 2]]),
    ("reacher", "Reacher", "reacher", "reacher", distance(("fingertip", "target"))),
    ("pusher", "Pusher", "pusher_v5", "pusher", distance(("object", "goal"), ("object", "tips_arm"))),
    ("ant", "Ant", "ant", "ant", body_x),
    ("humanoid", "Humanoid", "humanoid", "humanoid", centre_x),
    ("humanoid_standup", "HumanoidStandup", "humanoidstandup", "humanoidstandup", centre_x),
]

# What version 5 calls the terms of the reward in its info, in the order of our weights.
RUN_TERMS = ("reward_forward", "reward_ctrl")
TERMS = {
    "half_cheetah": RUN_TERMS,
    "swimmer": RUN_TERMS,
    "hopper": (*RUN_TERMS, "reward_survive"),
    "walker2d": (*RUN_TERMS, "reward_survive"),
    "inverted_pendulum": (),
    "inverted_double_pendulum": ("reward_survive",),
    "reacher": ("reward_dist", "reward_ctrl"),
    "pusher": ("reward_near", "reward_dist", "reward_ctrl"),
    "ant": (*RUN_TERMS, "reward_contact", "reward_survive"),
    "humanoid": (*RUN_TERMS, "reward_contact", "reward_survive"),
    "humanoid_standup": ("reward_quadctrl", "reward_impact"),
}

# Arguments that are not the default, so that each of them shows in rewards or ends: what both versions have, what only
# version 5 has.
HOP = {"forward_reward_weight": 1.7, "ctrl_cost_weight": 0.3, "healthy_reward": 2.5, "reset_noise_scale": 0.02}
ARGUMENTS = {
    "half_cheetah": ({"forward_reward_weight": 0.4, "ctrl_cost_weight": 0.7, "reset_noise_scale": 0.2}, {}),
    "hopper": ({**HOP, "healthy_state_range": (-4.0, 6.0), "healthy_z_range": (0.9, 1.27),
                "healthy_angle_range": (-0.1, 0.3)}, {}),
    "swimmer": ({"forward_reward_weight": 3.0, "ctrl_cost_weight": 0.2, "reset_noise_scale": 0.05}, {}),
    "walker2d": ({**HOP, "healthy_z_range": (1.0, 1.3), "healthy_angle_range": (-0.3, 0.2),
                  "terminate_when_unhealthy": False}, {}),
    "inverted_pendulum": ({}, {"reset_noise_scale": 0.1}),
    "inverted_double_pendulum": ({}, {"healthy_reward": 3.0, "reset_noise_scale": 0.2}),
    "reacher": ({}, {"reward_dist_weight": 2.0, "reward_control_weight": 0.3}),
    "pusher": ({}, {"reward_near_weight": 1.5, "reward_dist_weight": 0.6, "reward_control_weight": 0.4}),
    "ant": ({"ctrl_cost_weight": 0.2, "contact_cost_weight": 0.1, "healthy_reward": 2.5, "healthy_z_range": (0.4, 0.9),
             "contact_force_range": (-0.4, 0.2), "reset_noise_scale": 0.05}, {"forward_reward_weight": 1.7}),
    "humanoid": ({"forward_reward_weight": 0.8, "ctrl_cost_weight": 0.3, "healthy_reward": 2.5,
                  "healthy_z_range": (1.2, 1.45), "reset_noise_scale": 0.02},
                 {"contact_cost_weight": 1e-4, "contact_cost_range": (0.05, 3.0)}),
    "humanoid_standup": ({}, {"uph_cost_weight": 2.0, "ctrl_cost_weight": 0.3, "impact_cost_weight": 1e-5,
                              "impact_cost_range": (0.05, 3.0), "reset_noise_scale": 0.05}),
}

# Arguments of constructors that an environment here does not take: those of the picture, of the observation and of the
# simulation. terminate_when_unhealthy is tried once.
NOT_TAKEN = {"xml_file", "frame_skip", "default_camera_config", "main_body", "use_contact_forces", "kwargs",
             "exclude_current_positions_from_observation", "include_cfrc_ext_in_observation",
             "include_cinert_in_observation", "include_cvel_in_observation", "include_qfrc_actuator_in_observation"}

# What may differ: names, looks, and memory sizes. Everything else is compared.
LOOKS = ("cam_", "light_", "mat_", "tex_", "skin_", "name", "vis", "geom_rgba", "geom_matid", "geom_group", "geom_user",
         "key_", "numeric_")
SIZES = {"nkey", "nnumeric", "nnumericdata", "ncam", "nlight", "nmat", "ntex", "ntexdata", "nnames", "nnames_map", "nbuffer", "narena", "nuser_geom",
         "signature", "text", "text_data"}


# ---- our library ----


class EnvDef(ctypes.Structure):
    _fields_ = [("cookie", ctypes.c_uint32), ("name", ctypes.c_char_p), ("version", ctypes.c_int), ("ends_early", ctypes.c_bool),
                ("max_episode_steps", ctypes.c_int), ("arguments", ctypes.c_char_p)]


class Step(ctypes.Structure):
    _fields_ = [("reward", ctypes.c_double), ("terminated", ctypes.c_bool), ("truncated", ctypes.c_bool),
                ("outcome", ctypes.c_int)]


class TaskHead(ctypes.Structure):
    """The first members of tz_task; tests/envs/test_env.c pins what follows."""

    _fields_ = [("name", ctypes.c_char * 128), ("digest", ctypes.c_char * 100), ("gymnasium_id", ctypes.c_char * 128),
                ("version", ctypes.c_int), ("nq", ctypes.c_int), ("nv", ctypes.c_int), ("nu", ctypes.c_int),
                ("n_gym_observation", ctypes.c_int)]


class TrapezeEnv:
    """An environment of libtrapeze."""

    def __init__(self, library, name, version, arguments):
        self.library = library
        library.tz_env_def_default.restype = EnvDef
        library.tz_env_state_size.restype = ctypes.c_size_t
        library.tz_task_reward.restype = ctypes.c_double
        definition = library.tz_env_def_default()
        definition.name = name.encode()
        definition.version = version
        definition.arguments = as_text(arguments).encode()
        self.handle = ctypes.c_void_p()
        if library.tz_env_create(ctypes.byref(self.handle), ctypes.byref(definition), None) != 0:
            sys.exit(f"parity: libtrapeze cannot create {name} with {arguments}")
        self.state_size = library.tz_env_state_size(self.handle)
        library.tz_env_task.restype = ctypes.POINTER(TaskHead)
        self.task = library.tz_env_task(self.handle)
        self.n_observation = self.task.contents.n_gym_observation

    def step(self, elapsed, qpos, qvel, warmstart, lagging, control):
        """One step from a full state: (z after it, its outcome)."""
        state = np.zeros(self.state_size)  # elapsed, time, qpos, qvel, qacc_warmstart, zeros, measured
        given = np.concatenate([[elapsed, 0.0], qpos, qvel, warmstart])
        state[: given.size] = given
        if len(lagging) > 0:
            state[-len(lagging) :] = lagging
        z, step = np.empty(qpos.size + qvel.size), Step()
        self.library.tz_env_set_state(self.handle, pointer(state))
        self.library.tz_env_step(self.handle, ctypes.byref(step), pointer(z), pointer(control))
        return z, step

    def observation(self):
        o = np.empty(self.n_observation)
        self.library.tz_env_gym_observation(self.handle, pointer(o))
        return o

    def terms(self):
        term = np.empty(8)
        return term[: self.library.tz_env_reward_terms(self.handle, pointer(term))]

    def planned_reward(self, z, control, z_next):
        """The reward of the task's pure function."""
        return self.library.tz_task_reward(self.task, None, pointer(z), pointer(control), pointer(z_next))


def as_text(arguments):
    """Gymnasium's arguments as tz_env_def has them."""
    values = {name: ":".join(map(repr, value)) if isinstance(value, tuple) else repr(value)
              for name, value in arguments.items()}
    return ",".join(f"{name}={value}" for name, value in values.items())


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


def make(gymnasium_name, version, arguments):
    if (gymnasium_name, version) == ("Pusher", 4):
        # the class looks at mujoco.__version__ once, when it is made
        real, mujoco.__version__ = mujoco.__version__, "2.3.7"
        try:
            return gymnasium.make("Pusher-v4", disable_env_checker=True, **arguments)
        finally:
            mujoco.__version__ = real
    return gymnasium.make(f"{gymnasium_name}-v{version}", disable_env_checker=True, **arguments)


def expected_terms(info, name, arguments):
    """Gymnasium's terms. Ours tell what a weight adds to the reward with that weight at 0, where a clipped cost is the end
    of its range that is next to 0."""
    low, high = arguments.get("contact_cost_range", arguments.get("impact_cost_range", (-np.inf, np.inf)))
    at_zero = {"reward_contact": min(max(0.0, low), high), "reward_impact": min(max(0.0, low), high)}
    return [info[key] + at_zero.get(key, 0.0) for key in TERMS[name]]


def step_differences(library, name, gymnasium_name, version, lagging, arguments):
    """Over N_STEPS: the largest differences of state, reward, its terms, observation and planned reward, the number of ends that
    differ, and how many steps terminated and were truncated."""
    ours = TrapezeEnv(library, name, version, arguments)
    env = make(gymnasium_name, version, arguments)
    data = env.unwrapped.data
    low, high = env.unwrapped.model.actuator_ctrlrange.T
    rng = np.random.default_rng(1)
    largest = dict.fromkeys(("state", "reward", "terms", "observation", "planned"), 0.0)
    n_wrong_ends, n_terminated, n_truncated, elapsed = 0, 0, 0, 0
    env.reset(seed=1)
    for t in range(N_STEPS):
        control = rng.choice([0.3, 1.0, 1.5]) * rng.uniform(low, high)
        before = np.concatenate([data.qpos, data.qvel])
        z, step = ours.step(elapsed, data.qpos, data.qvel, data.qacc_warmstart,
                            lagging(env.unwrapped) if lagging else [], control)
        o, r, terminated, truncated, info = env.step(control)
        terms = expected_terms(info, name, arguments) if version == 5 else ours.terms()
        elapsed += 1
        for what, difference in (("state", z - np.concatenate([data.qpos, data.qvel])), ("reward", step.reward - r),
                                 ("terms", ours.terms() - terms), ("observation", ours.observation() - o),
                                 ("planned", ours.planned_reward(before, control, z) - step.reward)):
            largest[what] = max(largest[what], np.max(np.abs(difference), initial=0.0))
        n_wrong_ends += (step.terminated, step.truncated, step.outcome) != (terminated, truncated, 0)
        n_terminated += terminated
        n_truncated += truncated
        if terminated or truncated or (t + 1) % EPISODE_STEPS == 0:
            env.reset(seed=t)
            elapsed = 0
    return largest, n_wrong_ends, n_terminated, n_truncated


def arguments_to_try(name, gymnasium_name, version):
    """The defaults, then other ones if the version has any."""
    both, only_v5 = ARGUMENTS[name]
    other = {**both, **(only_v5 if version == 5 else {})}
    with_all = make(gymnasium_name, version, other)
    known = set(inspect.signature(type(with_all.unwrapped)).parameters) - NOT_TAKEN - {"terminate_when_unhealthy"}
    if set(other) - {"terminate_when_unhealthy"} != known:
        sys.exit(f"parity: the constructor of {gymnasium_name}-v{version} has {sorted(known)}, tried are {sorted(other)}")
    return [{}, other] if other else [{}]


def main():
    path, assets = sys.argv[1:3]
    library = ctypes.CDLL(path)
    library.mj_versionString.restype = ctypes.c_char_p
    version = library.mj_versionString().decode()
    if version != mujoco.__version__:
        print(f"parity: libtrapeze uses MuJoCo {version}, Gymnasium {mujoco.__version__}; expected the same")
        return 2

    print(f"gymnasium {gymnasium.__version__}, MuJoCo {version}, {N_STEPS} steps each")
    print("\n| environment | model | state | reward | observation | ends that differ | terminated, truncated | "
          "planner's reward |\n|---|---|---|---|---|---|---|---|")
    agreed = True
    published_folder = os.path.join(os.path.dirname(gymnasium.__file__), "envs/mujoco/assets")
    for name, gymnasium_name, file_v5, file_v4, lagging in ENVIRONMENTS:
        for semantics, file in ((5, file_v5), (4, file_v4)):
            own = name + ("_v4" if semantics == 4 and file_v4 != file_v5 else "") + ".xml"
            ours = mujoco.MjModel.from_xml_path(os.path.join(assets, own))
            published = mujoco.MjModel.from_xml_path(os.path.join(published_folder, file + ".xml"))
            model, worst, _ = model_difference(ours, published)
            for arguments in arguments_to_try(name, gymnasium_name, semantics):
                d, n_wrong, n_terminated, n_truncated = step_differences(library, name, gymnasium_name, semantics,
                                                                         lagging, arguments)
                agrees = max(model, d["state"], d["reward"], d["terms"], d["observation"]) <= TOLERANCE and n_wrong == 0
                agreed = agreed and agrees
                print(f"| {name} v{semantics}{' with arguments' if arguments else ''} | {model:.1e} | {d['state']:.1e} | "
                      f"{d['reward']:.1e} | {d['observation']:.1e} | {n_wrong} | {n_terminated}, {n_truncated} | "
                      f"{d['planned']:.1e} |{'' if agrees else ' DISAGREES (model: ' + worst + ')'}")
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
