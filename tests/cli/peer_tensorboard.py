"""TensorBoard reads the event files of train, sac and mpc, and finds in them what the CSV files say."""
import csv
import math
import os
import subprocess
import tempfile

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TRAPEZE = os.environ["TRAPEZE"]


def trapeze(*words):
    subprocess.run([TRAPEZE, *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def rows(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def same(a, b):
    # event files hold floats, the CSV of sac six digits
    return math.isclose(a, float(numpy.float32(b)), rel_tol=5e-6)


def compare(folder, step_column, tags):
    """Each scalar of the event file is the CSV's column, at every step where that has a value."""
    events = EventAccumulator(folder).Reload()
    table = rows(os.path.join(folder, "metrics.csv"))
    assert sorted(events.Tags()["scalars"]) == sorted(tags), events.Tags()["scalars"]
    for tag, column in tags.items():
        found = [(e.step, e.value) for e in events.Scalars(tag)]
        expected = [(int(float(r[step_column])), float(r[column])) for r in table if r[column] not in ("", "nan")]
        assert len(found) == len(expected) > 0, (tag, len(found), len(expected))
        for (step, value), (csv_step, csv_value) in zip(found, expected):
            assert step == csv_step and same(value, csv_value), (tag, step, value, csv_step, csv_value)
    print(folder, "agrees in", len(tags), "curves of", len(table), "steps")


folder = tempfile.TemporaryDirectory(prefix="trapeze-tensorboard-")
os.chdir(folder.name)
trapeze("collect", "--env", "inverted_pendulum", "--policy", "random", "--episodes", "20", "--out", "data")
TRAIN = ["train", "--data", "data", "--hidden", "16", "--sequences", "400", "--epochs", "5", "--rollout-every", "2",
         "--horizon", "5", "--rollouts", "10", "--out", "model"]
trapeze(*TRAIN)
TRAIN_TAGS = {"loss/train": "train_loss", "loss/held_out": "test_loss", "rollout/nmse": "rollout_nmse",
              "rollout/nmse_median": "rollout_nmse_median", "rollout/diverged": "rollout_diverged",
              "optimiser/learning_rate": "learning_rate", "optimiser/grad_norm": "grad_norm"}
compare("model", "epoch", TRAIN_TAGS)

# a record that a kill cut off is gone after --resume
name = os.path.join("model", "events.out.tfevents.trapeze")
whole = os.path.getsize(name)
os.truncate(name, whole - 7)
trapeze(*TRAIN, "--resume")
assert os.path.getsize(name) == whole
compare("model", "epoch", TRAIN_TAGS)

trapeze("sac", "--env", "inverted_pendulum", "--steps", "900", "--learning-starts", "100", "--eval-every", "300",
        "--eval-episodes", "2", "--checkpoint-every", "300", "--hidden", "16", "--batch", "16", "--out", "sac")
compare("sac", "step", {"return/evaluation": "return_mean", "return/evaluation_std": "return_std",
                        "return/training": "training_return", "return/episode_length": "length_mean",
                        "loss/critic": "critic_loss", "loss/actor": "actor_loss", "sac/temperature": "temperature",
                        "sac/entropy": "entropy", "sac/q": "q_mean"})

trapeze("mpc", "--env", "inverted_pendulum", "--model", "sim", "--samples", "8", "--horizon", "4", "--steps", "10",
        "--episodes", "3", "--out", "mpc")
events = EventAccumulator("mpc").Reload()
for episode, scalar in enumerate(events.Scalars("return/obtained")):
    rewards = [float(r["reward"]) for r in rows("mpc/metrics.csv") if int(r["episode"]) == episode]
    assert scalar.step == episode and same(scalar.value, sum(rewards)), (episode, scalar, sum(rewards))
assert len(events.Scalars("return/obtained")) == 3
print("mpc agrees in its returns")
