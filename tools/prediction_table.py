#!/usr/bin/env python3
"""What makes 200-step prediction good: one table over variants of a model and of its training.

    tools/prediction_table.py PROGRAM OUT [--env hopper ...] [--data hopper=DIR ...] [--jobs N] [--forecast]

Protocol. The episodes of each dataset are split once: 80 % to learn from, 10 % to choose by, 10 % to report on.
  1. screen   every variant, seed 0, judged by open-loop rollouts of 200 steps on the episodes to choose by.
  2. choose   of each option the best value, if it is better than the default by 2 % or more on average over the
              environments; the four best of these ideas, and their combination.
  3. report   the default, the study's form, the chosen ideas and their combination, on the episodes to report on,
              which nothing has seen, with the seeds 1 2 3 4.
The error of a run is the geometric mean over its rollouts of the normalised MSE (each counts as at most 100, also
when it diverged), so that neither a few wild rollouts nor the easy ones alone decide; mean, median and diverged
rollouts stand beside it. A variant is better (worse) than the default when the 95 % interval of its log-ratio,
paired by seed and averaged over the environments, lies below (above) 0.

Without --data, episodes are collected under the shipped policies. Writes OUT/table.csv (a line a run), OUT/table.md,
OUT/screen.png and OUT/report.png. A finished run is not run again: the same command goes on after an interruption.
"""
import argparse
import concurrent.futures
import csv
import json
import math
import os
import statistics
import subprocess
import sys

# A variant is what `trapeze train` is told beside data, seed and epochs: options that differ from the default.
DEFAULT, STUDY_NODE, STUDY_SO = "default", "study's form, NODE", "study's form, NODE+SO"
VARIANTS = {
    DEFAULT: {},
    "NODE": {"--model": "node"},
    STUDY_NODE: {"--study": None, "--model": "node"},
    STUDY_SO: {"--study": None},
    "cyclic coordinates seen": {"--mask": "none"},
    "rotations as cosine and sine": {"--embed-angles": "unbounded"},
    "all angles as cosine and sine": {"--embed-angles": "all"},
    "no input noise": {"--input-noise": "0"},
    "input noise 0.05": {"--input-noise": "0.05"},
    "input noise 0.1": {"--input-noise": "0.1"},
    "input noise 0.2": {"--input-noise": "0.2"},
    "input noise 0.4": {"--input-noise": "0.4"},
    "10 states, growing": {"--sequence-length": "10", "--curriculum": "3"},
    "spectral limit 1": {"--spectral-limit": "1"},
    "spectral limit 2": {"--spectral-limit": "2"},
    "range limit 1": {"--range-limit": "1"},
    "best epoch kept": {"--keep-best": None, "--rollout-every": "1"},
    "probabilistic": {"--probabilistic": None},
    "learning rate 1e-3": {"--lr": "1e-3"},
    "learning rate 2e-3": {"--lr": "2e-3"},
    "learning rate 5e-3": {"--lr": "5e-3"},
    "learning rate 1e-2": {"--lr": "1e-2"},
    "no weight decay": {"--weight-decay": "0"},
    "weight decay 1e-5": {"--weight-decay": "1e-5"},
    "weight decay 1e-3": {"--weight-decay": "1e-3"},
    "64 units": {"--hidden": "64"},
    "256 units": {"--hidden": "256"},
    "1 hidden layer": {"--layers": "1"},
    "3 hidden layers": {"--layers": "3"},
    "ensemble of 5": {"--members": "5"},
    "512 units": {"--hidden": "512"},
}
COMBINATION = "combination"
# What the program does when it is not told: a variant that says the same is the default and is not run.
PROGRAM_DEFAULTS = {"--input-noise": "0.1", "--lr": "5e-3"}
# Rows that are compared but are not single ideas to choose.
NOT_IDEAS = {DEFAULT, "NODE", STUDY_NODE, STUDY_SO, COMBINATION}
CAP = 100.0  # of a rollout's error
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
N_CHOSEN, WORTH = 4, math.log(0.98)

# Policies to collect under, beside random controls, where no data are given.
POLICIES = {
    "hopper": ["hopper-expert"],
    "half_cheetah": ["half_cheetah-expert", "half_cheetah-medium", "half_cheetah-novice"],
    "swimmer": ["swimmer-expert"],
    "walker2d": ["walker2d-skilled"],
}
COLUMNS = ["phase", "env", "variant", "seed", "error", "nmse_median", "nmse_mean", "diverged", "rollouts", "nll",
           "within_1sd", "seconds", "options"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def write(path, text):
    with open(path + ".part", "w") as file:
        file.write(text)
    os.replace(path + ".part", path)


def keep_settings(out, **settings):
    """Notes what the results in OUT are made with; ends where those there were made otherwise."""
    path = os.path.join(out, "settings.json")
    if os.path.exists(path):
        with open(path) as file:
            before = json.load(file)
        if before != settings:
            raise SystemExit(f"{path}: made with {before}, not with {settings}: name another OUT")
    else:
        os.makedirs(out, exist_ok=True)
        write(path, json.dumps(settings))


# ---- data


def collect(program, out, env, episodes):
    folder = os.path.join(out, "data", env, "all")
    if os.path.exists(os.path.join(out, "data", env, "complete")):  # split already
        return folder
    policies = [word for policy in POLICIES[env] + ["random"] for word in ("--policy", policy)]
    run([program, "collect", "--env", env, *policies, "--episodes", str(episodes), "--noise", "0.5", "--noise-min", "0",
         "--noise-color", "0.8", "--no-early-end", "--seed", "100", "--out", folder, "--resume", "--quiet"])
    return folder


def split(program, out, env, source):
    """Folders of episodes to learn from, to choose by and to report on; made once."""
    parts = [os.path.join(out, "data", env, name) for name in ("learn", "choose", "report")]
    rest = os.path.join(out, "data", env, "rest")
    complete = os.path.join(out, "data", env, "complete")
    if os.path.exists(complete):
        with open(complete) as file:
            made_from = file.read().strip()
        if made_from != os.path.abspath(source):
            raise SystemExit(f"{complete}: made from {made_from}, not from {source}: name another OUT, or remove what is there of {env}")
    else:
        for folder in [*parts, rest]:
            subprocess.run(["rm", "-rf", folder], check=True)
        os.makedirs(os.path.dirname(complete), exist_ok=True)
        run([program, "data", "split", source, "--test-fraction", "0.2", "--out-train", parts[0], "--out-test", rest])
        run([program, "data", "split", rest, "--test-fraction", "0.5", "--out-train", parts[1], "--out-test", parts[2]])
        subprocess.run(["rm", "-rf", rest], check=True)
        write(complete, os.path.abspath(source) + "\n")
    return dict(zip(("learn", "screen", "report"), parts))


# ---- runs


def folder_of(out, phase, env, variant, options, seed):
    if variant == COMBINATION:  # other choices are other runs
        words = [word for key, value in sorted(options.items()) for word in (key[2:], value or "")]
        variant = "-".join(["combination", *words])
    slug = "".join(c if c.isalnum() or c in ".-" else "-" for c in variant.replace("'", ""))
    return os.path.join(out, phase, env, slug, f"seed-{seed}")


def measure(args, data, phase, env, variant, options, seed):
    """Trains and judges one run; returns its line of the table."""
    folder = folder_of(args.out, phase, env, variant, options, seed)
    result = os.path.join(folder, "eval.json")
    if not os.path.exists(result):
        words = [word for key, value in options.items() for word in ([key] if value is None else [key, value])]
        reply = json.loads(run(
            [args.program, "train", "--data", data["learn"], *words, "--epochs", str(args.epochs),
             "--sequences", str(args.sequences), "--seed", str(seed), "--split-seed", str(seed), "--test-fraction", "0.05", "--out", folder, "--threads", "1", "--quiet", "--json",
             "--resume"]))
        report = json.loads(run([args.program, "eval", "--data", data[phase], "--split", "all", "--model", reply["model"],
                                 "--threads", "1", "--json"]))
        report["train"] = reply
        write(result, json.dumps(report))
    with open(result) as file:
        report = json.load(file)
    entry, horizon = report["models"][0], report["horizon"]
    logs = [math.log(min(CAP, CAP if e is None else max(e, 1e-12))) for e in entry["rollout"]]
    return {"phase": phase, "env": env, "variant": variant, "seed": seed, "error": math.exp(statistics.fmean(logs)),
            "nmse_median": entry[f"nmse_{horizon}_median"], "nmse_mean": entry[f"nmse_{horizon}"],
            "diverged": entry["diverged"], "rollouts": report["rollouts"], "nll": entry.get("nll"),
            "within_1sd": entry.get("within_1sd"), "seconds": report["train"]["seconds"],
            "options": " ".join(f"{k} {v}" if v is not None else k for k, v in options.items())}


def cost(options):
    """Work of a run in units of the default's."""
    hidden, layers = int(options.get("--hidden", 128)), int(options.get("--layers", 2))
    work = {64: 0.4, 128: 1.0, 256: 2.9, 512: 10.0}.get(hidden, (hidden / 128) ** 2) * {1: 0.5, 2: 1.0, 3: 1.7}.get(layers, 2.5)
    work *= 1.0 + (int(options.get("--sequence-length", 3)) - 3) / 2.0
    work *= 1.5 if "--probabilistic" in options else 1.0
    return work * int(options.get("--members", 1)) * (1.4 if "--keep-best" in options else 1.0)


def forecast(args, work, data, rows):
    """Prints how many runs are to be made, and how long that takes: by those before, else by 12 s for one of 10 epochs."""
    units = [row["seconds"] / cost(parse(row["options"])) for row in rows if row["seconds"] > 1.0]
    unit = statistics.median(units) if units else 12.0 * args.epochs / 10.0 * args.sequences / 40000
    left = [o for phase, env, variant, o, seed in work
            if not os.path.exists(os.path.join(folder_of(args.out, phase, env, variant, o, seed), "eval.json"))]
    print(f"{len(work) - len(left)} of {len(work)} runs are there; the others take about "
          f"{unit * sum(cost(o) + 0.3 for o in left) / 60.0:.0f} minutes of one core", file=sys.stderr, flush=True)


def parse(words):
    options, key = {}, None
    for word in words.split():
        if word.startswith("--"):
            key = word
            options[key] = None
        else:
            options[key] = word
    return options


def first_come(pool, runs):
    """Their results as they come; after the first trouble, or Ctrl-C, those that wait are not begun."""
    try:
        for done in concurrent.futures.as_completed(runs):
            yield done.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def run_all(args, data, work, rows):
    """Makes what is missing of `work`, appends its lines to rows and keeps the tables up to date."""
    forecast(args, work, data, rows)
    if args.forecast:
        return
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(measure, args, data[env], phase, env, variant, options, seed)
                for phase, env, variant, options, seed in work]
        for i, row in enumerate(first_come(pool, runs)):
            rows.append(row)
            print(f"{row['phase']} {i + 1}/{len(work)} {row['env']}, {row['variant']}, seed {row['seed']}: error {row['error']:.4g}, "
                  f"median {number([row['nmse_median']], 4)}, diverged {row['diverged']}, {row['seconds']:.0f} s",
                  file=sys.stderr, flush=True)
            write_tables(args, rows)


# ---- comparison


def log_ratios(rows, phase, variant, envs):
    """By seed, the mean over environments of log(error / default's error); only seeds that have all of them."""
    errors = {(r["env"], r["variant"], r["seed"]): r["error"] for r in rows if r["phase"] == phase}
    result = []
    for seed in sorted({seed for _, _, seed in errors}):
        pairs = [(errors.get((env, variant, seed)), errors.get((env, DEFAULT, seed))) for env in envs]
        if all(a is not None and b is not None for a, b in pairs):
            result.append(statistics.fmean(math.log(a / b) for a, b in pairs))
    return result


def interval(values):
    """Mean and half width of its 95 % interval (0 for one value)."""
    n = len(values)
    half = T_975.get(n - 1, 2.0) * statistics.stdev(values) / math.sqrt(n) if n > 1 else 0.0
    return statistics.fmean(values), half


def verdict(values):
    if len(values) < 2:
        return ""
    mean, half = interval(values)
    return "better" if mean + half < 0 else "worse" if mean - half > 0 else "undecided"


def choose(rows, envs):
    """The best ideas by the screening, best first, none twice for one option."""
    ideas = []
    for variant, options in VARIANTS.items():
        ratios = log_ratios(rows, "screen", variant, envs)
        if variant not in NOT_IDEAS and ratios and statistics.fmean(ratios) <= WORTH:
            ideas.append((statistics.fmean(ratios), variant))
    chosen = []
    for _, variant in sorted(ideas):
        keys = set(VARIANTS[variant])
        if len(chosen) < N_CHOSEN and not any(keys & set(VARIANTS[other]) for other in chosen):
            chosen.append(variant)
    return chosen


# ---- output


def number(values, digits=3):
    found = [value for value in values if value is not None]
    return f"{statistics.fmean(found):.{digits}g}" if found else "-"


def markdown(rows, envs):
    lines = []
    for phase, title in (("screen", "Screening: one seed, episodes to choose by"), ("report", "Report: untouched episodes, new seeds")):
        of_phase = [row for row in rows if row["phase"] == phase]
        variants = list(dict.fromkeys(v for v in [*VARIANTS, COMBINATION] if any(r["variant"] == v for r in of_phase)))
        if not variants:
            continue
        variants.sort(key=lambda v: statistics.fmean(log_ratios(rows, phase, v, envs) or [math.inf]))
        lines += [f"## {title}", "", "| variant | error / default | " + " | ".join(envs) + " | mean | diverged | NLL | within 1 sd | s a run |",
                  "|---|---|" + "---|" * len(envs) + "---|---|---|---|---|"]
        for variant in variants:
            these = [row for row in of_phase if row["variant"] == variant]
            ratios = log_ratios(rows, phase, variant, envs)
            text = "-"
            if ratios:
                mean, half = interval(ratios)
                text = f"{math.exp(mean):.3f}"
                if len(ratios) > 1:
                    text += f" ({math.exp(mean - half):.3f} to {math.exp(mean + half):.3f}) {verdict(ratios)}"
            cells = [number([r["error"] for r in these if r["env"] == env]) for env in envs]
            lines.append(f"| {variant} | {text} | {' | '.join(cells)} | {number([r['nmse_mean'] for r in these])} "
                         f"| {sum(r['diverged'] for r in these)}/{sum(r['rollouts'] for r in these)} "
                         f"| {number([r['nll'] for r in these])} | {number([r['within_1sd'] for r in these])} "
                         f"| {number([r['seconds'] for r in these], 2)} |")
        lines.append("")
    return "\n".join(lines)


def picture(out, rows, envs):
    """Error over the default's by variant: each environment's point, and the mean."""
    for phase in ("screen", "report"):
        of_phase = [row for row in rows if row["phase"] == phase]
        order = [(statistics.fmean(r), v) for v in [*VARIANTS, COMBINATION] if (r := log_ratios(rows, phase, v, envs))]
        if len(order) < 2:
            continue
        order.sort(reverse=True)
        blocks, labels = [], []
        for env in [None, *envs]:
            lines = []
            for y, (mean, variant) in enumerate(order):
                ratios = log_ratios(rows, phase, variant, [env] if env else envs)
                half = interval(ratios)[1] if env is None else 0.0
                center = statistics.fmean(ratios)
                lines.append(f"{math.exp(center)} {y} {math.exp(center - half)} {math.exp(center + half)}")
            blocks.append("\n".join(lines))
        labels = ", ".join(f'"{variant.replace(chr(39), "")}" {y}' for y, (_, variant) in enumerate(order))
        plots = [f"'-' using 1:2:3:4 with xerrorbars pt 7 ps 1.3 lc rgb 'black' title 'mean of all'"]
        plots += [f"'-' using 1:2 with points pt {i + 4} ps 1 title '{env.replace('_', ' ')}'" for i, env in enumerate(envs)]
        script = "\n".join([
            f"set terminal pngcairo size 1000,{160 + 24 * len(order)}", f"set output '{os.path.join(out, f'{phase}.png')}'",
            "set logscale x 2", "set grid x", "set key outside top center horizontal maxcols 3", "set xlabel \"error / default's error\"",
            f"set yrange [-0.7:{len(order) - 0.3}]", f"set ytics ({labels})", "set arrow from 1,graph 0 to 1,graph 1 nohead dt 2",
            "plot " + ", ".join(plots), *[block + "\ne" for block in blocks], ""])
        try:
            subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
        except FileNotFoundError:
            print("gnuplot is not there: no pictures", file=sys.stderr)
            return


def write_tables(args, rows):
    path = os.path.join(args.out, "table.csv")
    order = {name: i for i, name in enumerate([*VARIANTS, COMBINATION])}
    rows.sort(key=lambda r: (r["phase"] != "screen", args.env.index(r["env"]), order[r["variant"]], r["seed"]))
    with open(path + ".part", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(path + ".part", path)
    write(os.path.join(args.out, "table.md"), markdown(rows, args.env))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("out")
    parser.add_argument("--env", nargs="+", default=list(POLICIES))
    parser.add_argument("--data", action="append", default=[], metavar="ENV=DIR")
    parser.add_argument("--variant", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME", help="to screen")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4], help="of the report")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--sequences", type=int, default=40000)
    parser.add_argument("--episodes", type=int, default=200, help="collected where no data are given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time, one thread each")
    parser.add_argument("--phase", choices=["screen", "all"], default="all")
    parser.add_argument("--forecast", action="store_true", help="say how long it takes, and run nothing")
    args = parser.parse_args()

    for env in args.env:
        if env not in POLICIES:
            parser.error(f"--env {env}: expected some of {', '.join(POLICIES)}")
    for entry in args.data:
        if entry.split("=", 1)[0] not in args.env or "=" not in entry:
            parser.error(f"--data {entry}: expected ENV=DIR with an environment of --env")
    given = dict(entry.split("=", 1) for entry in args.data)
    if not args.forecast:
        keep_settings(args.out, epochs=args.epochs, sequences=args.sequences, episodes=args.episodes)
    data = {}
    for env in args.env if not args.forecast else []:
        source = given.get(env) or collect(args.program, args.out, env, args.episodes)
        data[env] = split(args.program, args.out, env, source)

    # screening, cheap runs first; what says the default's own value is the default
    new = {v: VARIANTS[v] for v in args.variant if v == DEFAULT or any(PROGRAM_DEFAULTS.get(k, "") != x for k, x in VARIANTS[v].items())}
    screen = [("screen", env, variant, options, 0) for variant, options in sorted(new.items(), key=lambda v: cost(v[1])) for env in args.env]
    rows = []
    run_all(args, data, screen, rows)
    if args.phase == "all" and not args.forecast:
        chosen = choose(rows, args.env)
        together = {key: value for variant in chosen for key, value in VARIANTS[variant].items()}
        print(f"chosen: {', '.join(chosen) or 'nothing is better than the default'}", file=sys.stderr, flush=True)
        compared = {variant: VARIANTS[variant] for variant in [DEFAULT, STUDY_NODE, STUDY_SO, "NODE", *chosen]}
        if len(chosen) > 1:
            compared[COMBINATION] = together
        report = [("report", env, variant, options, seed) for seed in args.seeds for variant, options in compared.items() for env in args.env]
        run_all(args, data, report, rows)
    if rows:
        picture(args.out, rows, args.env)
        print(markdown(rows, args.env))


if __name__ == "__main__":
    main()
