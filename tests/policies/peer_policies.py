"""Policies of Stable-Baselines3 act in Trapeze as they do at home, and Trapeze's act in Stable-Baselines3.

    peer_policies.py ACT_ON_STATES     # the program that lets a policy act on states

Real archives of SAC, TD3 and PPO, of several shapes and activations, with and without VecNormalize, are
written by Stable-Baselines3; deterministic actions for the same observations differ by at most 1e-5, and the
mean and spread of sampled actions are those of its distributions.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from safetensors.numpy import load_file, save_file
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).parents[2]
ACT, TRAPEZE = sys.argv[1], os.environ["TRAPEZE"]
TOLERANCE = 1e-5
ROWS, DRAWS = 64, 2000

# name: observations, states before them, controls, their bound
ENVS = {"hopper": (11, 1, 3, 1.0), "inverted_pendulum": (4, 0, 1, 3.0)}

rng = np.random.default_rng(1)
failed = False


def report(what, error, tolerance):
    global failed
    print(f"{what}: {error:.2e}, tolerated {tolerance:.0e}")
    failed |= not error <= tolerance


class Stub(gym.Env):
    """The spaces of an environment, and observations around 1 with spread 3."""

    def __init__(self, name, bound=None):
        n, _, nu, own_bound = ENVS[name]
        bound = own_bound if bound is None else bound
        self.observation_space = spaces.Box(-np.inf, np.inf, (n,), np.float64)
        self.action_space = spaces.Box(-bound, bound, (nu,), np.float32)

    def observe(self):
        return np.clip(1 + 3 * rng.normal(size=self.observation_space.shape), -10, 10)

    def reset(self, seed=None, options=None):
        return self.observe(), {}

    def step(self, action):
        return self.observe(), 0.0, False, False, {}


def act(policy, env, obs, folder):
    """Trapeze's deterministic control and draws at the states of the observations."""
    skipped = ENVS[env][1]
    z = np.concatenate([np.full((len(obs), skipped), 7.0), obs], axis=1)
    save_file({"z": z}, f"{folder}/states.safetensors")
    subprocess.run([ACT, policy, env, f"{folder}/states.safetensors", f"{folder}/u.safetensors"], check=True)
    out = load_file(f"{folder}/u.safetensors")
    return out["u"], out["draws"]


def perturb(model, seed):
    """Weights as after training: away from their initial values, log sigma too."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.policy.named_parameters():
            parameter += torch.randn_like(parameter) * 0.5 / parameter.shape[-1] ** 0.5
            parameter -= 1.5 if "log_std" in name and parameter.ndim == 1 else 0.0


def check_draws(what, model, obs, draws, low, high):
    """Mean and spread of mu + sigma e, seen before the squashing or the clipping."""
    tensor = torch.as_tensor(obs, dtype=torch.float32)
    if isinstance(model, SAC):
        mu, log_std, _ = model.actor.get_action_dist_params(tensor)
        x = np.arctanh(np.clip((draws - low) / (high - low) * 2 - 1, -1 + 1e-7, 1 - 1e-7).astype(np.float64))
        inside = np.abs(mu.detach().numpy()) + 4 * log_std.exp().detach().numpy() < 5
    else:
        distribution = model.policy.get_distribution(tensor).distribution
        mu, log_std = distribution.mean, distribution.stddev.log()
        x = draws.astype(np.float64)
        inside = np.abs(mu.detach().numpy()) + 4 * log_std.exp().detach().numpy() < high
    mu, sigma = mu.detach().numpy(), log_std.exp().detach().numpy()
    inside &= sigma > 0.01  # float32 resolves the spread
    assert inside.any()
    # five standard errors, of the largest of ROWS x nu values
    report(f"{what}, mean of draws", np.max((np.abs(x.mean(0) - mu) / sigma)[inside]), 5 / np.sqrt(DRAWS))
    report(f"{what}, spread of draws", np.max(np.abs(x.std(0) / sigma - 1)[inside]), 5 / np.sqrt(2 * DRAWS))


def check_archive(folder, number, cls, env, normalised, bound=None, **policy_kwargs):
    what = f"{cls.__name__} {env}{' normalised' if normalised else ''} {policy_kwargs}"
    home = pathlib.Path(folder) / str(number)
    home.mkdir()
    venv = DummyVecEnv([lambda: Stub(env, bound)])
    obs = np.stack([venv.envs[0].observe() for _ in range(ROWS)])
    if normalised:
        venv = VecNormalize(venv, clip_obs=2.0)
        venv.reset()
        for _ in range(100):
            venv.step(np.zeros((1, ENVS[env][2]), np.float32))
        venv.save(str(home / "vecnormalize.pkl"))
    model = cls("MlpPolicy", venv, policy_kwargs=policy_kwargs, seed=number, device="cpu")
    perturb(model, number)
    model.save(home / "model.zip")

    seen = venv.normalize_obs(obs) if normalised else obs
    expected, _ = model.predict(seen, deterministic=True)
    own = ENVS[env][3]
    expected = expected if bound is None else expected * own / bound
    u, draws = act(str(home / "model.zip"), env, obs, folder)
    report(what, np.max(np.abs(u - expected)), TOLERANCE)
    assert np.std(u) > 0.01
    if cls is TD3:
        report(f"{what}, draws", np.max(np.abs(draws - u)), TOLERANCE)
    elif bound is None:
        check_draws(what, model, seen, draws, -own, own)


with tempfile.TemporaryDirectory() as folder:
    check_archive(folder, 0, SAC, "hopper", False)
    check_archive(folder, 1, SAC, "inverted_pendulum", True, net_arch=[32, 16, 8], activation_fn=torch.nn.Tanh)
    check_archive(folder, 2, TD3, "hopper", False, net_arch=[40, 30])
    check_archive(folder, 3, TD3, "inverted_pendulum", True, net_arch=[16])
    check_archive(folder, 4, PPO, "hopper", True)
    check_archive(folder, 5, PPO, "inverted_pendulum", False, activation_fn=torch.nn.ReLU, net_arch=dict(pi=[24], vf=[8]))
    check_archive(folder, 6, PPO, "inverted_pendulum", False, bound=1.0, net_arch=[16, 16])
    check_archive(folder, 7, SAC, "inverted_pendulum", False, bound=1.0, net_arch=[16, 16])
sys.exit(failed)
