"""Policies of Stable-Baselines3 and CleanRL act in Trapeze as at home, and Trapeze's in Stable-Baselines3.

    peer_policies.py ACT_ON_STATES     # the program that lets a policy act on states

Real archives of SAC, TD3 and PPO, of several shapes and activations, with and without VecNormalize, are
written by Stable-Baselines3; deterministic actions for the same observations differ by at most 1e-5, and the
mean and spread of sampled actions are those of its distributions. Actors as CleanRL's scripts define them go
through tools/cleanrl_policy.py; Trapeze's through tools/policy_to_sb3.py and back, and through
tools/policy_to_onnx.py into onnxruntime.
"""

import ctypes
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gymnasium as gym
import numpy as np
import onnxruntime
import torch
from gymnasium import spaces
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).parents[2]
ACT, TRAPEZE = sys.argv[1], os.environ["TRAPEZE"]
sys.path.insert(0, str(ROOT / "tools"))
import cleanrl_policy  # noqa: E402
import policy_to_onnx  # noqa: E402
import policy_to_sb3  # noqa: E402

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


def states_of(env, obs):
    return np.concatenate([np.full((len(obs), ENVS[env][1]), 7.0), obs], axis=1)


def act(policy, env, obs, folder):
    """Trapeze's deterministic control and draws at the states of the observations."""
    return act_at(policy, env, states_of(env, obs), folder)


def act_at(policy, env, z, folder):
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
    own_form = home / "own.safetensors"
    export_policy("--safetensors", home / "model.zip", "--env", env, "--out", own_form)
    report(f"{what} by ONNX", np.max(np.abs(u - run_onnx(open_onnx(own_form), states_of(env, obs)))), TOLERANCE)
    if cls is TD3:
        report(f"{what}, draws", np.max(np.abs(draws - u)), TOLERANCE)
    elif bound is None:
        check_draws(what, model, seen, draws, -own, own)


# ---- CleanRL's actors, as its scripts define them


class CleanRL(torch.nn.Module):
    def __init__(self, kind, n, nu, bound):
        super().__init__()
        self.kind = kind
        linear = torch.nn.Linear
        if kind == "ppo":
            tanh = torch.nn.Tanh
            self.actor_mean = torch.nn.Sequential(linear(n, 64), tanh(), linear(64, 64), tanh(), linear(64, nu))
            self.actor_logstd = torch.nn.Parameter(torch.full((1, nu), -1.0))
            self.critic = linear(n, 1)
            return
        self.fc1, self.fc2 = linear(n, 48), linear(48, 48)
        if kind == "sac":
            self.fc_mean, self.fc_logstd = linear(48, nu), linear(48, nu)
        else:
            self.fc_mu = linear(48, nu)
        self.register_buffer("action_scale", torch.full((nu,), bound))
        self.register_buffer("action_bias", torch.zeros(nu))

    def forward(self, x):
        """Mean and log sigma, before the squashing or the clipping."""
        if self.kind == "ppo":
            return self.actor_mean(x), self.actor_logstd.expand(len(x), -1)
        x = torch.relu(self.fc2(torch.relu(self.fc1(x))))
        if self.kind == "sac":
            return self.fc_mean(x), -5 + 0.5 * 7 * (torch.tanh(self.fc_logstd(x)) + 1)
        return self.fc_mu(x), None


def check_cleanrl(folder, kind, normalised):
    torch.manual_seed(5)
    n, _, nu, bound = ENVS["inverted_pendulum"]
    actor = CleanRL(kind, n, nu, bound)
    obs = np.clip(1 + 3 * rng.normal(size=(ROWS, n)), -10, 10)
    mean, var = rng.normal(size=n), 1 + rng.random(n)
    np.savez(f"{folder}/statistics.npz", mean=mean, var=var)
    state = actor.state_dict()
    torch.save((state, {}) if kind == "td3" else state, f"{folder}/actor.pt")
    save = cleanrl_policy.convert(f"{folder}/actor.pt", f"{folder}/statistics.npz" if normalised else None)
    save_torch(save[0], f"{folder}/cleanrl.safetensors", save[1])

    seen = np.clip((obs - mean) / np.sqrt(var + 1e-8), -10, 10) if normalised else obs
    with torch.no_grad():
        mu, log_std = actor(torch.as_tensor(seen, dtype=torch.float32))
    expected = mu.clip(-bound, bound) if kind == "ppo" else torch.tanh(mu) * bound
    u, draws = act(f"{folder}/cleanrl.safetensors", "inverted_pendulum", obs, folder)
    report(f"CleanRL {kind}", np.max(np.abs(u - expected.numpy())), TOLERANCE)
    if kind == "sac":
        x = np.arctanh(draws.astype(np.float64) / bound)
        inside = np.abs(mu.numpy()) + 4 * log_std.exp().numpy() < 5
        assert inside.any()
        report("CleanRL sac, spread of draws", np.max(np.abs(x.std(0) / log_std.exp().numpy() - 1)[inside]),
               5 / np.sqrt(2 * DRAWS))


# ---- Trapeze's policies in Stable-Baselines3


def check_critics(folder):
    """Critics come along: any SAC's of Hopper's sizes, beside a shipped policy of the same hidden layers."""
    other = SAC("MlpPolicy", Stub("hopper"), policy_kwargs={"net_arch": [128, 128]}, seed=9, device="cpu")
    theirs = {name: x.contiguous() for name, x in other.policy.state_dict().items() if name.startswith("critic")}
    save_torch(theirs, f"{folder}/critics.safetensors")
    policy_to_sb3.convert(ROOT / "policies/hopper-expert.safetensors", f"{folder}/critics.safetensors").save(
        f"{folder}/whole.zip"
    )
    loaded = SAC.load(f"{folder}/whole.zip", device="cpu").policy.state_dict()
    report("critics in Stable-Baselines3", max(float((loaded[name] - x).abs().max()) for name, x in theirs.items()), 0)


def check_loaded_back(folder):
    for env, policy in (("hopper", "hopper-expert"),):
        path = ROOT / "policies" / f"{policy}.safetensors"
        policy_to_sb3.convert(path).save(f"{folder}/{policy}.zip")
        model = SAC.load(f"{folder}/{policy}.zip", device="cpu")
        n, skipped, _, _ = ENVS[env]
        obs = rng.normal(size=(ROWS, n))
        u, _ = act(str(path), env, obs, folder)
        loaded, _ = model.predict(obs, deterministic=True)
        report(f"{policy} in Stable-Baselines3", np.max(np.abs(u - loaded)), TOLERANCE)
        again, _ = act(f"{folder}/{policy}.zip", env, obs, folder)
        report(f"{policy}, there and back", np.max(np.abs(u - again)), TOLERANCE)


# ---- Trapeze's policies in onnxruntime


def export_policy(*words):
    subprocess.run([TRAPEZE, "policy", "export", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def open_onnx(path):
    return onnxruntime.InferenceSession(policy_to_onnx.convert(path).SerializeToString(), providers=["CPUExecutionProvider"])


def run_onnx(session, source):
    return session.run(["action"], {"observation": source.astype(np.float32)})[0]


def act_in_c(path, source, nu, folder):
    """What the exported C file makes of the sources."""
    export_policy("--c", path, "--out", f"{folder}/policy.c")
    library = f"{folder}/{path.stem}.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, f"{folder}/policy.c", "-lm"], check=True)
    control = ctypes.CDLL(library).policy_control
    u = np.zeros((len(source), nu))
    for row in range(len(source)):
        control(ctypes.c_void_p(u[row].ctypes.data), ctypes.c_void_p(source[row].ctypes.data))
    return u


def check_onnx(folder):
    """Every shipped policy acts as in the library or, where it sees more than a state, as its C file does."""
    for path in sorted((ROOT / "policies").glob("*.safetensors")):
        if path.stem.endswith("-critics"):
            continue
        session = open_onnx(path)
        metadata = session.get_modelmeta().custom_metadata_map
        assert [x.name for x in session.get_inputs() + session.get_outputs()] == ["observation", "action"]
        assert metadata["origin_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        # float32 holds these numbers, so that both see the same; some lie beyond the clipping
        source = np.clip(4 * rng.normal(size=(ROWS, session.get_inputs()[0].shape[1])), -15, 15)
        source = source.astype(np.float32).astype(float)
        u = run_onnx(session, source)
        if metadata["observation_source"] == "state":
            expected, _ = act_at(str(path), metadata["env"], source, folder)
        else:
            expected = act_in_c(path, source, u.shape[1], folder)
        assert u.shape == expected.shape and np.std(u) > 0.01
        report(f"{path.stem} by ONNX", np.max(np.abs(u - expected)), TOLERANCE)


def check_onnx_refused(folder):
    """Files that look like policies and are none: one sentence that names the file, and nothing is written."""
    good = (ROOT / "policies/hopper-expert.safetensors").read_bytes()
    length = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + length])

    def changed(change):
        other = json.loads(json.dumps(header))
        change(other)
        text = json.dumps(other).encode()
        return len(text).to_bytes(8, "little") + text + good[8 + length :]

    first = "actor.latent_pi.0.weight"
    cases = {
        "cut": good[:-4],
        "header": good[:100],
        "huge": (1 << 62).to_bytes(8, "little") + good[8:],
        "list": (2).to_bytes(8, "little") + b"[]",
        "index": changed(lambda h: h["__metadata__"].pop("observation_index")),
        "sign": changed(lambda h: h["__metadata__"].update(observation_index=json.dumps([-1] * 11))),
        "many": changed(lambda h: h["__metadata__"].update(observation_index="[1" + "0" * 400 + "]")),
        "range": changed(lambda h: h["__metadata__"].update(control_low="[1, 1, 1]")),
        "words": changed(lambda h: h["__metadata__"].update(squash="softmax")),
        "layer": changed(lambda h: h.update({"actor.latent_pi.6.weight": h.pop("actor.latent_pi.2.weight")})),
        "shape": changed(lambda h: h[first].update(shape=[1 << 60, 1 << 60])),
        "type": changed(lambda h: h[first].update(dtype="F16")),
        "none": changed(lambda h: h.pop(first)),
        "number": good[:-4] + np.float32(np.nan).tobytes(),
    }
    for name, content in cases.items():
        wrong, out = pathlib.Path(folder) / f"{name}.safetensors", pathlib.Path(folder) / "out.onnx"
        wrong.write_bytes(content)
        done = subprocess.run([sys.executable, str(ROOT / "tools/policy_to_onnx.py"), wrong, out], capture_output=True, text=True)
        lines = done.stderr.splitlines()
        good_end = done.returncode == 2 and len(lines) == 1 and wrong.name in lines[0] and not out.exists()
        report(f"ONNX refused: {lines[-1] if lines else 'nothing said'}", 0.0 if good_end else np.inf, 0)


def check_refused(folder):
    """A wrong file is one sentence that names it, and exit status 2."""
    wrong = f"{folder}/wrong.bin"
    pathlib.Path(wrong).write_bytes(b"no weights at all")
    torch.save({"fc1": 3}, f"{folder}/other.pt")
    critics = f"{folder}/critics.safetensors"
    for words in (["policy_to_sb3.py", "absent.safetensors"], ["policy_to_sb3.py", wrong], ["policy_to_sb3.py", critics],
                  ["policy_to_onnx.py", "absent.safetensors"], ["policy_to_onnx.py", wrong], ["policy_to_onnx.py", critics],
                  ["cleanrl_policy.py", "absent.pt"], ["cleanrl_policy.py", wrong], ["cleanrl_policy.py", f"{folder}/other.pt"]):
        done = subprocess.run([sys.executable, str(ROOT / "tools" / words[0]), words[1], f"{folder}/out"],
                              capture_output=True, text=True)
        lines = done.stderr.splitlines()
        good = done.returncode == 2 and len(lines) == 1 and words[1] in lines[0]
        report(f"refused: {lines[-1] if lines else 'nothing said'}", 0.0 if good else np.inf, 0)


with tempfile.TemporaryDirectory() as folder:
    for kind, normalised in (("sac", False), ("td3", False), ("ppo", True)):
        check_cleanrl(folder, kind, normalised)
    check_loaded_back(folder)
    check_critics(folder)
    check_onnx(folder)
    check_onnx_refused(folder)
    check_refused(folder)
    check_archive(folder, 0, SAC, "hopper", False)
    check_archive(folder, 1, SAC, "inverted_pendulum", True, net_arch=[32, 16, 8], activation_fn=torch.nn.Tanh)
    check_archive(folder, 2, TD3, "hopper", False, net_arch=[40, 30])
    check_archive(folder, 3, TD3, "inverted_pendulum", True, net_arch=[16])
    check_archive(folder, 4, PPO, "hopper", True)
    check_archive(folder, 5, PPO, "inverted_pendulum", False, activation_fn=torch.nn.ReLU, net_arch=dict(pi=[24], vf=[8]))
    check_archive(folder, 6, PPO, "inverted_pendulum", False, bound=1.0, net_arch=[16, 16])
    check_archive(folder, 7, SAC, "inverted_pendulum", False, bound=1.0, net_arch=[16, 16])
sys.exit(failed)
