"""Each demo shows what its docstring says."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.training import Session
from tinygrad_nn.training.files import load_experiment

pytestmark = pytest.mark.program

DEMOS = Path(__file__).parents[1] / "demos"


def run(name: str, epochs: int | None = None, **changes) -> Session:
    (file,) = DEMOS.glob(f"{name}.*")
    experiment = load_experiment(file)
    hp = experiment.hyperparameters.replace(**changes)
    session = Session(experiment, hp)
    for _ in range(epochs or hp.epochs):
        session.next()
    return session


def test_every_demo_is_tested_here_and_says_what_to_look_for():
    demos = [p for p in DEMOS.iterdir() if p.suffix in (".py", ".toml")]
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {p.stem for p in demos} <= tested
    for demo in demos:
        text = demo.read_text(encoding="utf-8")
        said = ast.get_docstring(ast.parse(text)) if demo.suffix == ".py" else text.partition("\n\n")[0]
        assert said
        assert len(said) > 150


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


def test_straight_line():
    for lr in (0.01, 0.1):
        session = run("straight_line", lr=lr)
        assert session.history[-1].train_loss == pytest.approx(np.log(2), abs=0.02)
        assert session.history[-1].val_loss == pytest.approx(np.log(2), abs=0.02)
    assert run("straight_line", hidden=(4,)).history[-1].val_metric > 0.9
    for hidden in ((4,), (16, 16)):
        assert 0.8 < run("straight_line", hidden=hidden, noise=0.4).history[-1].val_metric < 0.9
