#!/usr/bin/env python3
"""Whether second-order structure helps where nobody steers: NODE and NODE+SO on episodes of AR(1)-random controls.

    tools/random_controls_table.py PROGRAM OUT [--jobs N] [--epochs N] [--env E ...] [--lr LR ...] [--noise S] [--noise-color C]

Protocol, the study's for robots with its form of the models (`trapeze train --study`) but for data and epochs: 100
episodes of each robot under AR(1) noise around zero controls, early ends off, a fifth held out; 40 epochs; learning
rates 2e-4 and 2e-3 with all coordinates seen, 2e-3 with the root's x and y left out; seeds 0 and 1. Errors are
normalised MSEs of 200 open-loop rollouts of 50 and of 200 steps from the held-out episodes.

--env and --lr choose among them, --noise and --noise-color are the controls' (of an OUT of its own).

Writes OUT/table.csv, a line a run and horizon, and OUT/table.md. A finished run is not run again: the same command
goes on after an interruption.
"""
import argparse
import concurrent.futures
import csv
import io
import itertools
import json
import math
import os
import subprocess

from prediction_table import first_come, keep_settings, write

ROBOTS = ["half_cheetah", "hopper", "swimmer"]
MODELS = ["node", "node-so"]
SETTINGS = [("2e-4", "none"), ("2e-3", "none"), ("2e-3", "cyclic")]  # learning rate, coordinates left out
SEEDS = [0, 1]
HORIZONS = [50, 200]
COLUMNS = ["env", "model", "lr", "mask", "seed", "horizon", "nmse_mean", "nmse_median", "diverged", "train_loss"]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def data_of(out, env):
    return os.path.join(out, "data", env + "-v0")


def train(args, env, model, setting, seed):
    """Trains a model and measures it: a row for each horizon."""
    lr, mask = setting
    folder = os.path.join(args.out, env, f"{model}_lr{lr}_{mask}_s{seed}")
    model_file = os.path.join(folder, "model.safetensors")
    if not os.path.exists(os.path.join(folder, "done.json")):
        run(args.program, "train", "--data", data_of(args.out, env), "--model", model, "--study", "--lr", lr, "--mask", mask,
            "--epochs", str(args.epochs), "--test-fraction", "0.2", "--seed", str(seed), "--threads", "1",
            "--rollout-every", str(args.epochs), "--out", folder, "--resume", "--quiet")
        rows = []
        with open(os.path.join(folder, "metrics.csv")) as file:
            train_loss = list(csv.DictReader(file))[-1]["train_loss"]
        for horizon in HORIZONS:
            found = json.loads(run(args.program, "eval", "--data", data_of(args.out, env), "--model", model_file, "--horizon",
                                   str(horizon), "--rollouts", "200", "--threads", "1", "--json"))["models"][0]
            rows.append([env, model, lr, mask, seed, horizon, found[f"nmse_{horizon}"], found[f"nmse_{horizon}_median"], found["diverged"],
                         train_loss])
        write(os.path.join(folder, "done.json"), json.dumps(rows))
    with open(os.path.join(folder, "done.json")) as file:
        return json.load(file)


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def write_tables(out, envs, settings, rows):
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([COLUMNS, *rows])
    write(os.path.join(out, "table.csv"), table.getvalue())
    text = ("| robot | lr | left out | steps | NODE, median | NODE+SO, median | NODE+SO / NODE | NODE, mean | NODE+SO, mean |\n"
            "|---|---|---|---|---|---|---|---|---|\n")
    for env, (lr, mask), horizon in itertools.product(envs, settings, HORIZONS):
        def of(model, column):
            found = [row[column] for row in rows if row[:4] == [env, model, lr, mask] and row[5] == horizon]
            return geometric_mean([value if value is not None else math.inf for value in found])
        node, so = of("node", 7), of("node-so", 7)
        text += (f"| {env} | {lr} | {mask} | {horizon} | {node:.3g} | {so:.3g} | {so / node:.2f} | {of('node', 6):.3g} | "
                 f"{of('node-so', 6):.3g} |\n")
    write(os.path.join(out, "table.md"), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("out")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--env", action="append", choices=ROBOTS)
    parser.add_argument("--lr", action="append", choices=sorted({lr for lr, _ in SETTINGS}))
    parser.add_argument("--noise", default="0.5", help="standard deviation, in half control ranges")
    parser.add_argument("--noise-color", default="0.9", help="coefficient of the AR(1) process")
    args = parser.parse_args()
    envs = args.env or ROBOTS
    settings = [(lr, mask) for lr, mask in SETTINGS if args.lr is None or lr in args.lr]
    keep_settings(args.out, epochs=args.epochs)
    for env in envs:
        run(args.program, "collect", "--env", env, "--policy", "zero", "--noise", args.noise, "--noise-color", args.noise_color, "--episodes",
            str(args.episodes), "--no-early-end", "--seed", "0", "--out", data_of(args.out, env), "--resume", "--quiet")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(train, args, *job) for job in itertools.product(envs, MODELS, settings, SEEDS)]
        for _ in first_come(pool, jobs):
            pass
    rows = [row for job in jobs for row in job.result()]
    write_tables(args.out, envs, settings, rows)


if __name__ == "__main__":
    main()
