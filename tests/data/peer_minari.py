#!/usr/bin/env python3
"""Minari reads what we write, and we read what Minari writes.

    TRAPEZE=path/of/the/program peer_minari.py

Ours: a dataset of `trapeze collect` is opened by minari.load_dataset; its values are those that h5py finds and that
`trapeze data info` counts; the environment that it names can be made; Minari's own append works on it.
Theirs: a dataset that Minari writes of Gymnasium's HalfCheetah is read and validated, reward by reward.
"""
import json
import os
import subprocess
import sys
import tempfile

import gymnasium
import h5py
import numpy as np

root = tempfile.TemporaryDirectory()
os.environ["MINARI_DATASETS_PATH"] = root.name
import minari  # noqa: E402 (reads the path above)
from minari.data_collector import EpisodeBuffer  # noqa: E402

# All eleven, and those whose observation Gymnasium has in no form.
ENVIRONMENTS = ["half_cheetah", "hopper", "swimmer", "walker2d", "inverted_pendulum", "inverted_double_pendulum", "reacher",
                "pusher", "ant", "humanoid", "humanoid_standup"]
OTHER_OBSERVATION = ["inverted_double_pendulum", "reacher", "pusher"]


def trapeze(*words, status=0):
    done = subprocess.run([os.environ["TRAPEZE"], *words], capture_output=True, text=True)
    assert done.returncode == status, f"trapeze {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout) if "--json" in words else done.stdout


def info(path, *words):
    return trapeze("data", "info", path, "--json", *words)


def check_statistics(found, episodes):
    """What `data info` counts against numpy on the values that Minari hands out."""
    z = np.concatenate([e.observations for e in episodes])
    u = np.concatenate([e.actions for e in episodes]).astype(np.float64)
    assert found["episodes"] == len(episodes)
    assert found["steps"] == sum(len(e) for e in episodes)
    np.testing.assert_allclose(found["return_mean"], np.mean([e.rewards.sum() for e in episodes]), rtol=1e-12, atol=1e-12)
    for name, values in (("z", z), ("u", u)):
        assert [c["low"] for c in found[name]] == list(values.min(axis=0))
        assert [c["high"] for c in found[name]] == list(values.max(axis=0))
        np.testing.assert_allclose([c["mean"] for c in found[name]], values.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose([c["std"] for c in found[name]], values.std(axis=0), rtol=1e-9, atol=1e-12)


def ours_is_read_by_minari(name):
    dataset_id = f"{name}-random-v2"
    path = os.path.join(root.name, dataset_id)
    trapeze("collect", "--env", name, "--policy", "random", "--policy", "zero", "--noise", "0.2", "--noise-color", "0.5",
            "--episodes", "4", "--steps", "50", "--seed", "3", "--out", path, "--quiet")
    dataset = minari.load_dataset(dataset_id)
    assert dataset.id == dataset_id and dataset.total_episodes == 4
    episodes = list(dataset.iterate_episodes())
    assert dataset.total_steps == sum(len(e) for e in episodes)

    # The same values through h5py, with the types that Minari's own collector gives.
    with h5py.File(os.path.join(path, "data", "main_data.hdf5")) as file:
        for episode in episodes:
            group = file[f"episode_{episode.id}"]
            for key in ("observations", "actions", "rewards", "terminations", "truncations"):
                np.testing.assert_array_equal(getattr(episode, key), group[key][()])
            assert group.attrs["id"] == episode.id and group.attrs["total_steps"] == len(episode)
    for episode in episodes:
        assert episode.observations.dtype == np.float64 and len(episode.observations) == len(episode) + 1
        assert episode.actions.dtype == np.float32 and episode.terminations.dtype == np.bool_
        assert dataset.observation_space.contains(episode.observations[0])
        assert all(dataset.action_space.contains(u) for u in episode.actions)
        assert episode.terminations[-1] or episode.truncations[-1]
        assert episode.infos == {}
    metadata = list(dataset.storage.get_episode_metadata(range(4)))
    for episode, attributes in zip(episodes, metadata):
        np.testing.assert_allclose(attributes["rewards_sum"], episode.rewards.sum(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(attributes["rewards_std"], episode.rewards.std(), rtol=1e-9, atol=1e-12)
    check_statistics(info(path), episodes)

    # The environment of the dataset gives observations of this kind: its first one is the raw state.
    environment = dataset.recover_environment()
    registered = gymnasium.spec(environment.spec.id)
    assert (environment.spec.entry_point, environment.spec.reward_threshold) == (
        registered.entry_point, registered.reward_threshold)
    assert environment.action_space == dataset.action_space
    same = environment.observation_space.shape == dataset.observation_space.shape
    assert same == (name not in OTHER_OBSERVATION)
    if same:
        observation, _ = environment.reset(seed=0)
        data = environment.unwrapped.data
        np.testing.assert_array_equal(observation, np.concatenate([data.qpos, data.qvel]))
    environment.close()

    # Minari appends an episode; the file stays one that we read and find whole.
    last = episodes[0]
    dataset.update_dataset_from_buffer([EpisodeBuffer(
        id=None, observations=list(last.observations), actions=list(last.actions), rewards=list(last.rewards),
        terminations=list(last.terminations), truncations=list(last.truncations), infos={})])
    check_statistics(info(path), list(minari.load_dataset(dataset_id).iterate_episodes()))
    trapeze("data", "validate", path)


def write_theirs(environment, dataset_id):
    """Minari's dataset of three episodes of random controls; closes the environment."""
    environment.action_space.seed(1)
    buffers = []
    for seed in range(3):
        z, _ = environment.reset(seed=seed)
        episode = EpisodeBuffer(id=None, seed=seed, observations=[z], actions=[], rewards=[], terminations=[],
                                truncations=[], infos={})
        ends = False
        while not ends:
            u = environment.action_space.sample()
            z, reward, terminated, truncated, _ = environment.step(u)
            ends = terminated or truncated
            for values, value in ((episode.observations, z), (episode.actions, u), (episode.rewards, reward),
                                  (episode.terminations, terminated), (episode.truncations, truncated)):
                values.append(value)
        buffers.append(episode)
    minari.create_dataset_from_buffers(
        dataset_id=dataset_id, buffer=buffers, env=environment, algorithm_name="random", description="theirs",
        author="trapeze", author_email="trapeze@example.org", code_permalink="none")
    environment.close()
    return os.path.join(root.name, *dataset_id.split("/"))


# Arguments that change rewards, ends and starts, ours and as Gymnasium has them.
WITH_ARGUMENTS = [
    ("half_cheetah", "HalfCheetah-v5", {"ctrl_cost_weight": 0.7, "forward_reward_weight": 2.0}),
    ("hopper", "Hopper-v4", {"healthy_z_range": (0.9, float("inf")), "healthy_reward": 3, "reset_noise_scale": 0.1}),
    ("ant", "Ant-v5", {"contact_cost_weight": 0.3, "contact_force_range": (-2.0, 0.5), "terminate_when_unhealthy": False}),
]


def spelled(value):
    return ":".join(map(str, value)) if isinstance(value, tuple) else str(value)


def arguments_of_ours_make_their_environment(gymnasium_id, arguments):
    dataset_id = f"{gymnasium_id[:-3]}-arguments-v0"
    words = [word for name, value in arguments.items() for word in ("--env-arg", f"{name}={spelled(value)}")]
    trapeze("collect", "--env", gymnasium_id, "--policy", "random", "--episodes", "2", "--steps", "30", "--out",
            os.path.join(root.name, dataset_id), "--quiet", *words)
    environment = minari.load_dataset(dataset_id).recover_environment()
    for name, value in arguments.items():
        found = getattr(environment.unwrapped, "_" + name)
        assert tuple(found) == value if isinstance(value, tuple) else found == value, (name, found)
    environment.close()


def arguments_of_theirs_are_minded(name, gymnasium_id, arguments):
    hidden = {"include_cfrc_ext_in_observation": False} if gymnasium_id == "Ant-v5" else {}
    environment = gymnasium.make(gymnasium_id, exclude_current_positions_from_observation=False, max_episode_steps=40,
                                 **arguments, **hidden)
    path = write_theirs(environment, f"gymnasium/{name}-arguments-v0")
    found = info(path)
    assert all(f"{key}={spelled(value)}".replace(".0", "") in found["env_arguments"].replace(".0", "")
               for key, value in arguments.items() if key != "terminate_when_unhealthy"), found["env_arguments"]
    verdict = trapeze("data", "validate", path, "--json")
    assert verdict["valid"], verdict


def theirs_is_read_by_us():
    environment = gymnasium.make("HalfCheetah-v5", exclude_current_positions_from_observation=False, max_episode_steps=40)
    path = write_theirs(environment, "gymnasium/cheetah-v0")
    dataset = minari.load_dataset("gymnasium/cheetah-v0")
    found = info(path)
    assert found["env"] == "half_cheetah" and found["nq"] == 9 and found["truncated"] == 3
    check_statistics(found, list(dataset.iterate_episodes()))

    # Rewards, ends and ranges are what our task functions say.
    verdict = trapeze("data", "validate", path, "--json")
    assert verdict["valid"], verdict

    # A bare file of theirs needs its environment named.
    check_statistics(info(os.path.join(path, "data", "main_data.hdf5"), "--env", "half_cheetah"),
                     list(dataset.iterate_episodes()))


for environment_name in ENVIRONMENTS:
    ours_is_read_by_minari(environment_name)
    print(f"{environment_name}: Minari reads ours")
theirs_is_read_by_us()
print("we read Minari's")
for environment_name, its_id, its_arguments in WITH_ARGUMENTS:
    arguments_of_ours_make_their_environment(its_id, its_arguments)
    arguments_of_theirs_are_minded(environment_name, its_id, its_arguments)
print("both mind arguments")
root.cleanup()
sys.exit(0)
