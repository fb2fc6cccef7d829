"""tools/prediction_table.py makes every run once, splits episodes into three parts that share none, and compares by its rule."""
import csv
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")
sys.path.insert(0, TOOLS)
import prediction_table as table  # noqa: E402


def rules():
    ratios = [-0.11, -0.09, -0.1, -0.1]
    mean, half = table.interval(ratios)
    assert abs(mean + 0.1) < 1e-12 and abs(half - 3.182 * 0.0081650 / 2) < 1e-6  # t(3) s / sqrt(4)
    assert table.verdict(ratios) == "better" and table.verdict([-x for x in ratios]) == "worse"
    assert table.verdict([-1.0, 1.0]) == "undecided"

    # a ratio is taken within a seed and an environment; a seed that lacks one counts nowhere
    row = lambda env, variant, seed, error: {"phase": "screen", "env": env, "variant": variant, "seed": seed, "error": error}
    rows = [row("a", table.DEFAULT, 0, 1.0), row("b", table.DEFAULT, 0, 2.0), row("a", table.DEFAULT, 1, 1.0),
            row("a", "input noise 0.2", 0, 0.5), row("b", "input noise 0.2", 0, 2.0), row("a", "input noise 0.2", 1, 9.0),
            row("a", "input noise 0.4", 0, 0.6), row("b", "input noise 0.4", 0, 1.9),
            row("a", "1 hidden layer", 0, 0.9), row("b", "1 hidden layer", 0, 1.8),
            row("a", "NODE", 0, 0.1), row("b", "NODE", 0, 0.1)]
    assert table.log_ratios(rows, "screen", "input noise 0.2", ["a", "b"]) == [(-0.6931471805599453 + 0.0) / 2]
    # of one option the best value alone; a row that is no idea is not chosen
    assert table.choose(rows, ["a", "b"]) == ["input noise 0.2", "1 hidden layer"]


def episodes(folder):
    text = subprocess.run([os.environ["TRAPEZE"], "data", "info", folder, "--json"], capture_output=True, text=True, check=True)
    return int(__import__("json").loads(text.stdout)["episodes"])


def runs(out):
    command = [sys.executable, os.path.join(TOOLS, "prediction_table.py"), os.environ["TRAPEZE"], out, "--env", "hopper",
               "--episodes", "20", "--epochs", "1", "--sequences", "1000", "--seeds", "1", "2", "--jobs", "2",
               "--variant", table.DEFAULT, "probabilistic", "ensemble of 5", "input noise 0.1"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    parts = [episodes(os.path.join(out, "data", "hopper", name)) for name in ("learn", "choose", "report")]
    assert parts == [16, 2, 2], parts
    with open(os.path.join(out, "table.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    screened = [row for row in rows if row["phase"] == "screen"]
    by_name = {row["variant"]: row for row in screened}
    assert list(by_name) == [table.DEFAULT, "probabilistic", "ensemble of 5"], list(by_name)  # noise 0.1 is the default
    # the variance leaves the prediction as it is, and is judged; so is the ensemble's
    assert by_name["probabilistic"]["error"] == by_name[table.DEFAULT]["error"] and by_name[table.DEFAULT]["nll"] == ""
    assert float(by_name["probabilistic"]["nll"]) and float(by_name["ensemble of 5"]["nll"])
    assert {row["seed"] for row in rows if row["phase"] == "report"} == {"1", "2"}
    for name in ("table.md", "screen.png", "report.png"):
        assert os.path.getsize(os.path.join(out, name)) > 0, name

    # again: nothing is trained
    made = {path: os.stat(path).st_mtime_ns for folder, _, names in os.walk(out) for path in [os.path.join(folder, n) for n in names]
            if path.endswith(("eval.json", "model.safetensors", "main_data.hdf5"))}
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert made == {path: os.stat(path).st_mtime_ns for path in made}
    print(len(rows), "runs,", len(made), "files kept")


rules()
with tempfile.TemporaryDirectory() as out:
    runs(out)
