"""Where a run on a table of one's own starts, by its size; and that it is recorded, shown and the same on resume."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from tinygrad_nn.data import Dataset
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.defaults import EPOCHS, STEPS, for_table
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runs import resume
from tinygrad_nn.training.source import Source


def table(rows: int, seed: int = 0) -> Dataset:
    """A target that a straight line misses."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)).astype(np.float32)
    return Dataset("mine", x, np.abs(x[:, 0]) + 0.5 * x[:, 1], tuple("abc"), ("y",), "regression")


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "mine.csv"
    data = table(60)
    rows = [",".join(map(str, (*x, y))) for x, y in zip(data.x.tolist(), data.y.tolist(), strict=True)]
    path.write_text("\n".join(["a,b,c,y", *rows]) + "\n")
    return path


@pytest.mark.parametrize("rows", [2, 30, 41, 500, 10_000, 1_000_000])
@pytest.mark.parametrize("batch_size", [1, 32, 1000])
def test_the_steps_are_enough_and_the_penalty_fades(rows, batch_size):
    hp = Hyperparameters(batch_size=batch_size)
    data = Dataset("t", np.zeros((rows, 1)), np.zeros(rows), ("a",), ("y",), "regression")
    chosen = for_table(data, hp)
    learnt = rows - round(hp.validation * rows)
    per_epoch = math.ceil(learnt / batch_size)
    assert chosen["epochs"] == EPOCHS or (chosen["epochs"] - 1) * per_epoch < STEPS <= chosen["epochs"] * per_epoch
    assert chosen["epochs"] >= EPOCHS
    assert chosen["l2"] * learnt == pytest.approx(10, rel=0.06)
    hp.replace(**chosen)  # all of it is allowed


def test_what_somebody_has_set_stays(csv):
    class Mine(Experiment):
        hyperparameters = Hyperparameters(lr=0.5)

    data = table(60)
    chosen = Experiment(data)
    assert chosen.hyperparameters == Hyperparameters(**for_table(data, Hyperparameters()))
    assert chosen.notes == ("chosen for 60 rows: lr=0.003, schedule=cosine, epochs=250, l2=0.21",)
    assert Mine(data).hyperparameters == Mine.hyperparameters
    assert not Mine(data).notes
    assert Experiment(data, Hyperparameters()).hyperparameters == Hyperparameters()
    assert Experiment("digits").hyperparameters == Hyperparameters()
    experiment, hp = Source(data=str(csv), settings=("lr=0.1", "epochs=7")).load()
    assert hp == experiment.hyperparameters.replace(lr=0.1, epochs=7)
    assert experiment.hyperparameters == chosen.hyperparameters
    assert experiment.notes[-1] == chosen.notes[0]


def test_what_was_chosen_is_recorded_and_the_same_on_resume(csv, tmp_path, monkeypatch):
    source = Source(data=str(csv))
    recorder = Recorder(str(tmp_path / "run.nndb"), asdict(source))
    session = Session(*source.load(), listeners=[recorder])
    session.next(3)
    recorder.close()
    monkeypatch.setattr("tinygrad_nn.training.defaults.STEPS", 10)  # as if another version chose otherwise
    again, log = resume(tmp_path / "run.nndb")
    log.close()
    assert again.hyperparameters == session.hyperparameters
    assert again.hyperparameters.epochs == 250


def test_a_small_table_is_learnt():
    """With 30 epochs at 0.001, of two batches each, it would end at an R² of about 0.2."""
    session = Session(experiment := Experiment(table(60)), experiment.hyperparameters)
    session.run_until()
    assert session.history[-1].val_metric > 0.6
    plain = Session(Experiment(table(60), Hyperparameters()), Hyperparameters())
    plain.run_until()
    assert plain.history[-1].val_metric < 0.4
