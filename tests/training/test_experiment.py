"""The built-in recipe: what its hyperparameters make of the loss."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_nn import nn, tensor
from tinygrad_nn.data import Dataset
from tinygrad_nn.training import Experiment, Hyperparameters, NeedsRestart, Session
from tinygrad_nn.training.experiment import class_weights


def clouds(*counts: int, spread: float = 1.5) -> Dataset:
    """Overlapping clouds in the plane, so many examples of each class."""
    rng = np.random.default_rng(4)
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.stack([y, y % 2], axis=1) * 1.5 + rng.normal(size=(len(y), 2)) * spread
    names = tuple(f"class {c}" for c in range(len(counts)))
    return Dataset("clouds", x.astype(np.float32), y, ("a", "b"), names, "classification")


def trained(data: Dataset | str, **changes) -> Session:
    session = Session(Experiment(data, Hyperparameters(hidden=(8,), lr=0.02, epochs=15).replace(**changes)))
    while not session.finished:
        session.next()
    return session


def outputs_of(session: Session) -> np.ndarray:
    with session.evaluating():
        return session.model(tensor(session.validation.x)).data


def recall(session: Session, rare: int) -> float:
    output = outputs_of(session)
    predicted = output.argmax(axis=1) if output.shape[1] > 1 else output[:, 0] > 0
    return float((predicted == rare)[session.validation.y == rare].mean())


def test_balanced_weights_are_scikit_learns():
    utils = pytest.importorskip("sklearn.utils.class_weight", reason="scikit-learn is the independent implementation")
    data = clouds(5, 20, 75)
    theirs = utils.compute_class_weight("balanced", classes=np.arange(3), y=data.y)
    np.testing.assert_allclose(class_weights(data), theirs, rtol=1e-12)
    assert class_weights(data)[data.y].mean() == pytest.approx(1)


def test_a_class_without_examples_has_no_weight_and_disturbs_none():
    data = clouds(10, 0, 30)
    assert class_weights(data).tolist() == [2, 0, pytest.approx(2 / 3)]


@pytest.mark.parametrize(("counts", "rare"), [((360, 40), 1), ((40, 360), 0), ((300, 300, 30), 2)], ids=str)
def test_balanced_class_weights_raise_the_recall_of_the_rare_class(counts, rare):
    plain, balanced = (trained(clouds(*counts), class_weight=choice) for choice in ("none", "balanced"))
    assert recall(balanced, rare) > recall(plain, rare) + 0.2


@pytest.mark.parametrize("rare", [0, 1])
def test_balanced_classes_cost_the_same_in_all_at_one_logit(rare):
    data = clouds(*((30, 120) if rare == 0 else (120, 30)))
    loss = Experiment(data).loss(Hyperparameters(class_weight="balanced"), data)
    logits = np.random.default_rng(0).normal(size=(150, 1))
    p = 1 / (1 + np.exp(-logits[:, 0]))
    single = -np.log(np.where(data.y == 1, p, 1 - p))
    expected = (single[data.y == 0].mean() + single[data.y == 1].mean()) / 2
    assert loss(tensor(logits), data.y[:, None]).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("data", ["iris", "xor"])
def test_label_smoothing_lowers_the_spread_of_the_logits(data):
    spreads = []
    for smoothing in (0.0, 0.2):
        session = trained(data, label_smoothing=smoothing, epochs=60)
        output = outputs_of(session)
        spreads.append(float(np.ptp(output, axis=1).mean() if output.shape[1] > 1 else np.abs(output).mean()))
        assert session.history[-1].val_metric > 0.9
    # With smoothing the logits have an optimum: log((1 - ε + ε/K) / (ε/K)) apart.
    classes = session.train.n_classes
    apart = np.log((0.8 + 0.2 / classes) / (0.2 / classes))
    assert spreads[1] < 1.3 * apart
    assert spreads[0] > 1.5 * spreads[1]


def test_a_regression_with_wild_targets_is_learnt_better_by_the_absolute_and_by_hubers_loss():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    clean = x @ np.array([2.0, -1.0])
    wild = rng.uniform(size=400) < 0.1
    y = np.where(wild, clean + 40, clean).astype(np.float32)
    data = Dataset("line", x, y, ("a", "b"), ("y",), "regression")
    errors = {}
    for choice in ("mse", "l1", "huber"):
        session = trained(data, loss=choice, hidden=(), epochs=60, target_scaling="none", scaling="none")
        prediction = outputs_of(session)[:, 0]
        sound = np.abs(session.validation.x @ [2.0, -1.0] - session.validation.y) < 20
        errors[choice] = np.abs(prediction - session.validation.y)[sound].mean()
    assert errors["mse"] > 2
    assert errors["l1"] < 0.2
    assert errors["huber"] < 0.5


def test_the_losses_of_a_regression():
    data = Session(Experiment("diabetes")).train
    kinds = {"mse": nn.MSELoss, "l1": nn.L1Loss, "huber": nn.HuberLoss}
    for choice, kind in kinds.items():
        assert type(Experiment("diabetes").loss(Hyperparameters(loss=choice), data)) is kind


@pytest.mark.parametrize("change", [{"loss": "l1"}, {"label_smoothing": 0.1}, {"class_weight": "balanced"}])
def test_another_loss_is_another_run(change):
    session = Session(Experiment("xor"))
    with pytest.raises(NeedsRestart, match=f"{next(iter(change))} makes another network, loss or data"):
        session.set(**change)
