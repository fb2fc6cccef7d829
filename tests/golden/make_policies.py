"""Writes small archives of Stable-Baselines3 and what they do, for tests/policies/test_sb3.c.

    python make_policies.py       # in this folder, with stable_baselines3 2.9.2

SAC, TD3 and PPO for the observation (8) and control (2) of Swimmer; PPO with VecNormalize statistics in the
folder of its name, TD3 packed again, deflated. sb3/actions.safetensors holds observations and each policy's deterministic actions.
"""

import pathlib
import zipfile

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from safetensors.numpy import save_file
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common import save_util
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

ROWS = 32
save_util.get_system_info = lambda print_info: ({}, "")  # the machine that wrote them is nobody's business
rng = np.random.default_rng(7)


class Stub(gym.Env):
    observation_space = spaces.Box(-np.inf, np.inf, (8,), np.float64)
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, seed=None, options=None):
        return 1 + 3 * rng.normal(size=8), {}

    def step(self, action):
        return 1 + 3 * rng.normal(size=8), 0.0, False, False, {}


folder = pathlib.Path("sb3")
folder.mkdir(exist_ok=True)
obs = np.stack([Stub().reset()[0] for _ in range(ROWS)])
tensors = {"obs": obs}
for name, cls, net_arch in (("sac", SAC, [12, 10]), ("td3", TD3, [12]), ("ppo", PPO, [12, 10])):
    venv = DummyVecEnv([Stub])
    if cls is PPO:
        venv = VecNormalize(venv, clip_obs=1.5)
        venv.reset()
        for _ in range(50):
            venv.step(np.zeros((1, 2), np.float32))
        (folder / name).mkdir(exist_ok=True)
        venv.save(str(folder / name / "vecnormalize.pkl"))
    model = cls("MlpPolicy", venv, policy_kwargs={"net_arch": net_arch}, seed=3, device="cpu")
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter += torch.randn_like(parameter) * 0.5 / parameter.shape[-1] ** 0.5
    model.save(folder / f"{name}.zip", exclude=["rollout_buffer_class", "replay_buffer_class", "policy_class"])
    if cls is TD3:
        with zipfile.ZipFile(folder / "td3.zip") as stored:
            members = {name: stored.read(name) for name in stored.namelist()}
        with zipfile.ZipFile(folder / "td3.zip", "w", zipfile.ZIP_DEFLATED) as deflated:
            for member, content in members.items():
                deflated.writestr(member, content)
    seen = venv.normalize_obs(obs) if cls is PPO else obs
    tensors[name], _ = model.predict(seen, deterministic=True)
save_file(tensors, folder / "actions.safetensors")
