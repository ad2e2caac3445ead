"""Each demo shows what its docstring says."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.training import Session
from tinygrad_nn.training.files import load_experiment

DEMOS = Path(__file__).parents[1] / "demos"


def run(name: str, epochs: int | None = None, **changes) -> Session:
    experiment = load_experiment(DEMOS / f"{name}.py")
    hp = experiment.hyperparameters.replace(**changes)
    session = Session(experiment, hp)
    for _ in range(epochs or hp.epochs):
        session.next()
    return session


def test_every_demo_is_tested_here_and_says_what_to_look_for():
    names = {p.stem for p in DEMOS.glob("*.py")}
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert names <= tested
    for name in names:
        docstring = ast.get_docstring(ast.parse((DEMOS / f"{name}.py").read_text()))
        assert docstring
        assert len(docstring) > 150


def test_vanishing_gradient():
    session = run("vanishing_gradient", 6)
    (finding,) = session.findings()
    assert finding.rule == "vanishing_gradient"
    layers = session.history[-1].layers
    assert layers[0].gradient_rms < 1e-9 * layers[-1].gradient_rms
    assert session.history[-1].train_loss == pytest.approx(np.log(2), abs=0.01)
    mended = run("vanishing_gradient", activation="relu", init="auto")
    assert mended.findings() == ()
    first, *_, last = mended.history[-1].layers
    assert first.gradient_rms > 0.01 * last.gradient_rms
    assert mended.history[-1].train_loss < 0.8 * np.log(2)


def test_learning_rate():
    session = run("learning_rate", 20)
    swinging = [r.train_loss for r in session.history[4:]]
    assert max(swinging) > 4 * min(swinging)
    session.set(lr=0.05)
    for _ in range(20):
        session.next()
    calm = [r.train_loss for r in session.history[-10:]]
    assert max(calm) < 0.06
    assert max(calm) < 1.2 * min(calm)
    assert [c.name for c in session.changes] == ["lr"]


def test_overfitting():
    session = run("overfitting")
    assert session.history[-1].train_loss < 0.6 * session.history[10].train_loss
    assert session.history[-1].val_loss > 2 * min(r.val_loss for r in session.history)
    held = run("overfitting", l2=0.03)
    assert held.history[-1].val_loss < 1.05 * min(r.val_loss for r in held.history)


def test_healthy():
    session = run("healthy")
    first, last = session.history[-1].layers
    assert 0.1 < first.gradient_rms / last.gradient_rms < 10
    assert 1e-5 < first.update_ratio < 1e-2
    assert 0.3 < first.zero_fraction < 0.7
    assert session.history[-1].val_metric > 0.95
    assert session.findings() == ()
