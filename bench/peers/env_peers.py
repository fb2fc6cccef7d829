#!/usr/bin/env python3
"""Environment steps a second here, in Gymnasium and in EnvPool, in turns in one run.

    python bench/peers/env_peers.py build/release/src/cli/trapeze [--threads 2] [--rounds 3] [--seconds 0.5] [--env NAME]...

Needs gymnasium[mujoco]==1.4.0 and envpool==1.2.5. All sides take uniform random controls in episodes of 100 steps
that do not end early where the peer has the choice; Gymnasium steps one environment on one thread, EnvPool 32 on one
thread and on --threads. Prints one JSON object an environment: the best of the rounds in steps a second.
"""
import argparse
import json
import subprocess
import time

import envpool
import gymnasium
import numpy as np

STEPS, WORLDS = 100, 32
HEALTHY = {"Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5"}  # environments whose early end can be switched off


def options(gymnasium_id):
    return {"terminate_when_unhealthy": False} if gymnasium_id in HEALTHY else {}


def gymnasium_rate(gymnasium_id, seconds):
    env = gymnasium.make(gymnasium_id, **options(gymnasium_id))
    controls = np.random.default_rng(0).uniform(env.action_space.low, env.action_space.high, (STEPS, *env.action_space.shape))
    best, end, episode = 0.0, time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        env.reset(seed=episode)
        episode += 1
        start, n = time.perf_counter(), 0
        for u in controls:
            _, _, terminated, _, _ = env.step(u)
            n += 1
            if terminated:
                break
        best = max(best, n / (time.perf_counter() - start))
    env.close()
    return best


def envpool_rate(gymnasium_id, threads, seconds):
    env = envpool.make_gymnasium(gymnasium_id, num_envs=WORLDS, num_threads=threads, max_episode_steps=STEPS, seed=0,
                                 **options(gymnasium_id))
    space = env.action_space
    controls = np.random.default_rng(0).uniform(space.low, space.high, (STEPS, WORLDS, *space.shape))
    env.reset()
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for u in controls:
            env.step(u)
        best = max(best, STEPS * WORLDS / (time.perf_counter() - start))
    env.close()
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trapeze")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--env", action="append")
    arguments = parser.parse_args()
    listed = json.loads(subprocess.run([arguments.trapeze, "envs", "--json"], check=True, capture_output=True, text=True).stdout)
    for env in listed["environments"]:
        name, gymnasium_id = env["name"], env["gymnasium_id"]
        if not gymnasium_id or (arguments.env and name not in arguments.env):
            continue
        best = {}
        for _ in range(arguments.rounds):
            line = subprocess.run([arguments.trapeze, "bench", "env", "--env", name, "--threads", str(arguments.threads),
                                   "--worlds", str(WORLDS), "--seconds", str(3 * arguments.seconds), "--json"],
                                  check=True, capture_output=True, text=True).stdout
            ours = json.loads(line)["envs"][0]
            seen = {"bare": ours["bare_steps_per_s"], "trapeze": ours["steps_per_s"],
                    "trapeze_threads": ours["threads_steps_per_s"], "trapeze_vector": ours["vector_steps_per_s"],
                    "gymnasium": gymnasium_rate(gymnasium_id, arguments.seconds),
                    "envpool": envpool_rate(gymnasium_id, 1, arguments.seconds),
                    "envpool_threads": envpool_rate(gymnasium_id, arguments.threads, arguments.seconds)}
            best = {key: max(value, best.get(key, 0.0)) for key, value in seen.items()}
        print(json.dumps({"env": name, "threads": arguments.threads, **{k: round(v) for k, v in best.items()},
                          "of_bare": round(best["trapeze"] / best["bare"], 3),
                          "threads_of_bare": round(best["trapeze_threads"] / best["bare"], 2),
                          "over_gymnasium": round(best["trapeze"] / best["gymnasium"], 2),
                          "over_envpool": round(best["trapeze"] / best["envpool"], 2),
                          "threads_over_envpool": round(best["trapeze_vector"] / best["envpool_threads"], 2)}), flush=True)


if __name__ == "__main__":
    main()
