#!/usr/bin/env python3
"""What makes long predictions good: one table over variants of a model and of its training.

    tools/prediction_table.py PROGRAM OUT [--env hopper ...] [--data hopper=DIR,DIR2] [--seeds 0 1 2 3]
                              [--variant NAME ...] [--epochs N] [--jobs N]

For each environment, variant and seed: `trapeze train` on one dataset, then `trapeze eval` of 200-step open-loop
rollouts on another. --data names both (a dataset to learn from, another to be judged on); without it they are
collected under the shipped policies. Writes OUT/table.csv (a line a run) and OUT/table.md (a line a variant: over seeds,
the mean of the runs' median and mean error, the spread of the median, diverged rollouts). A run that is there is
kept, so the same command goes on after an interruption. Choose on one pair of datasets and seeds; report on others.
"""
import argparse
import concurrent.futures
import csv
import json
import os
import statistics
import subprocess
import sys

# A variant is what `trapeze train` is told beside data, seed and epochs. `study` is the study's form.
BASE = ["--model", "node-so"]
VARIANTS = {
    "study, NODE": ["--model", "node", "--mask", "none", "--input-noise", "0"],
    "study, NODE+SO": BASE + ["--mask", "none", "--input-noise", "0"],
    "cyclic left out, NODE": ["--model", "node", "--input-noise", "0"],
    "cyclic left out": BASE + ["--input-noise", "0"],
    "noise 0.05": BASE + ["--input-noise", "0.05"],
    "noise 0.1": BASE + ["--input-noise", "0.1"],
    "noise 0.1, NODE": ["--model", "node", "--input-noise", "0.1"],
    "noise 0.2": BASE + ["--input-noise", "0.2"],
    "noise 0.2, NODE": ["--model", "node", "--input-noise", "0.2"],
    "noise 0.4": BASE + ["--input-noise", "0.4"],
    "10 states, growing": BASE + ["--input-noise", "0", "--sequence-length", "10", "--curriculum", "3"],
    "10 states, growing, noise 0.1": BASE + ["--input-noise", "0.1", "--sequence-length", "10", "--curriculum", "3"],
    "spectral limit 1": BASE + ["--input-noise", "0.1", "--spectral-limit", "1"],
    "spectral limit 0.5": BASE + ["--input-noise", "0.1", "--spectral-limit", "0.5"],
    "best epoch kept": BASE + ["--input-noise", "0.1", "--keep-best", "--rollout-every", "1"],
    "64 units": BASE + ["--input-noise", "0.1", "--hidden", "64"],
    "256 units": BASE + ["--input-noise", "0.1", "--hidden", "256"],
    "learning rate 1e-3": BASE + ["--input-noise", "0.1", "--lr", "1e-3"],
    "learning rate 2e-3": BASE + ["--input-noise", "0.1", "--lr", "2e-3"],
    "no weight decay": BASE + ["--input-noise", "0.1", "--weight-decay", "0"],
    "weight decay 1e-3": BASE + ["--input-noise", "0.1", "--weight-decay", "1e-3"],
}

# Policies to collect under, beside random controls, where no data are given.
POLICIES = {
    "half_cheetah": ["half_cheetah-expert", "half_cheetah-medium", "half_cheetah-novice"],
    "hopper": ["hopper-expert"],
    "swimmer": ["swimmer-expert"],
    "walker2d": ["walker2d-expert"],
}
COLUMNS = ["env", "variant", "seed", "nmse_mean", "nmse_median", "diverged", "rollouts", "step_ms", "model"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def collect(program, out, env, name, seed, episodes):
    """A dataset of `env` under its shipped policies and random controls; a finished one is kept."""
    folder = os.path.join(out, "data", f"{env}-{name}")
    if not os.path.exists(os.path.join(folder, "data", "main_data.hdf5")):
        policies = [word for policy in POLICIES[env] + ["random"] for word in ("--policy", policy)]
        run([program, "collect", "--env", env, *policies, "--episodes", str(episodes), "--noise", "0.5",
             "--noise-min", "0", "--noise-color", "0.8", "--no-early-end", "--seed", str(seed), "--out", folder, "--resume"])
    return folder


def measure(program, out, epochs, env, data, variant, seed):
    """Trains and judges one run; returns its line of the table."""
    folder = os.path.join(out, env, variant.replace(" ", "-").replace(",", "").replace("+", ""), f"seed-{seed}")
    result = os.path.join(folder, "eval.json")
    model = os.path.join(folder, "model.safetensors")
    if not os.path.exists(result):
        run([program, "train", "--data", data[0], *VARIANTS[variant], "--epochs", str(epochs), "--seed", str(seed),
             "--split-seed", str(seed), "--out", folder, "--threads", "1", "--quiet", "--resume"])
        text = run([program, "eval", "--data", data[1], "--split", "all", "--model", model, "--threads", "1", "--json"])
        with open(result + ".part", "w") as file:
            file.write(text)
        os.replace(result + ".part", result)
    with open(result) as file:
        report = json.load(file)
    entry = report["models"][0]
    horizon = report["horizon"]
    with open(os.path.join(folder, "side.json")) as file:
        side = json.load(file)
    return {"env": env, "variant": variant, "seed": seed, "nmse_mean": entry[f"nmse_{horizon}"],
            "nmse_median": entry[f"nmse_{horizon}_median"], "diverged": entry["diverged"],
            "rollouts": report["rollouts"],
            "step_ms": 1e3 * side["seconds"] / max(side["steps_of_this_run"], 1), "model": model}


def number(values, digits=3):
    """Mean over the runs that have a number, and their spread."""
    found = [value for value in values if value is not None]
    if not found:
        return "-"
    spread = f" +- {statistics.stdev(found):.{digits}g}" if len(found) > 1 else ""
    return f"{statistics.fmean(found):.{digits}g}{spread}"


def markdown(rows, variants, envs):
    lines = []
    for env in envs:
        lines += [f"## {env}", "", "| variant | median | mean | diverged | ms a step |", "|---|---|---|---|---|"]
        for variant in variants:
            these = [row for row in rows if row["env"] == env and row["variant"] == variant]
            if these:
                lines.append(
                    f"| {variant} | {number([row['nmse_median'] for row in these])} "
                    f"| {number([row['nmse_mean'] for row in these])} "
                    f"| {sum(row['diverged'] for row in these)}/{sum(row['rollouts'] for row in these)} "
                    f"| {statistics.median(row['step_ms'] for row in these):.2g} |")
        lines.append("")
    return "\n".join(lines)


def write(path, text):
    with open(path + ".part", "w") as file:
        file.write(text)
    os.replace(path + ".part", path)


def write_tables(out, rows, variants, envs):
    path = os.path.join(out, "table.csv")
    with open(path + ".part", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(path + ".part", path)
    write(os.path.join(out, "table.md"), markdown(rows, variants, envs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("out")
    parser.add_argument("--env", nargs="+", default=list(POLICIES))
    parser.add_argument("--data", action="append", default=[], metavar="ENV=LEARN,JUDGE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--variant", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()

    data = dict(entry.split("=", 1) for entry in args.data)
    pairs = {}
    for env in args.env:
        if env in data:
            pairs[env] = data[env].split(",")
        else:
            pairs[env] = [collect(args.program, args.out, env, "learn", 100, args.episodes),
                          collect(args.program, args.out, env, "judge", 101, max(args.episodes // 4, 1))]

    # seeds outermost: every variant has a number early
    work = [(env, variant, seed) for seed in args.seeds for env in args.env for variant in args.variant]
    rows = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(measure, args.program, args.out, args.epochs, env, pairs[env], variant, seed)
                for env, variant, seed in work]
        for done in concurrent.futures.as_completed(runs):
            row = done.result()
            rows.append(row)
            print(f"{len(rows)}/{len(work)} {row['env']} {row['variant']} seed {row['seed']}: median {row['nmse_median']}, "
                  f"mean {row['nmse_mean']}, diverged {row['diverged']}", file=sys.stderr, flush=True)
            rows.sort(key=lambda r: (args.env.index(r["env"]), args.variant.index(r["variant"]), r["seed"]))
            write_tables(args.out, rows, args.variant, args.env)
    print(open(os.path.join(args.out, "table.md")).read())


if __name__ == "__main__":
    main()
