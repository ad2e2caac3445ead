"""The closing report against scikit-learn's definitions, worked out by hand or by another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, no_grad
from tinygrad_nn.data import Dataset, load_diabetes
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.report import ClassificationReport, RegressionReport, evaluate


def trained(experiment: Experiment, epochs: int = 3, **changes) -> Session:
    session = Session(experiment, experiment.hyperparameters.replace(**changes))
    for _ in range(epochs):
        session.next()
    return session


def outputs(session: Session, x) -> np.ndarray:
    with session.evaluating(), no_grad():
        return session.model(Tensor(x)).data.astype(np.float64)


@pytest.mark.parametrize("name", ["iris", "breast_cancer"])
def test_classes(name):
    session = trained(Experiment(name))
    report = evaluate(session)
    assert isinstance(report, ClassificationReport)
    scores = outputs(session, session.validation.x)
    predicted = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
    true = session.validation.y
    for index, one in enumerate(report.classes):
        hits = int(((true == index) & (predicted == index)).sum())
        assert one.name == session.train.target_names[index]
        assert one.support == int((true == index).sum()) == report.confusion[index].sum()
        assert one.recall == pytest.approx(hits / one.support)
        assert one.precision == pytest.approx(hits / max((predicted == index).sum(), 1))
        assert one.f1 == pytest.approx(2 * hits / (one.support + (predicted == index).sum()))
    assert report.macro.f1 == pytest.approx(np.mean([one.f1 for one in report.classes]))
    assert report.macro.support == len(true)
    assert report.accuracy == pytest.approx(session.history[-1].val_metric)
    # The loss is the mean of -ln p, so that n times it is -ln L.
    loss, _ = session.evaluate(session.train.x, session.experiment.targets(session.hyperparameters, session.train))
    parameters, n = sum(p.size for p in session.model.parameters()), session.train.n_samples
    assert report.aic == pytest.approx(2 * parameters + 2 * n * loss, rel=1e-5)
    assert report.bic == pytest.approx(parameters * math.log(n) + 2 * n * loss, rel=1e-5)


@pytest.mark.parametrize("target_scaling", ["standard", "none"])
def test_numbers_are_judged_in_their_own_unit(target_scaling):
    session = trained(Experiment("diabetes"), target_scaling=target_scaling)
    report = evaluate(session)
    assert isinstance(report, RegressionReport)
    (target,) = report.targets
    plain = Session(session.experiment, session.hyperparameters.replace(target_scaling="none"))
    scaled = target_scaling == "standard"
    mean, deviation = (plain.train.y.mean(), plain.train.y.std()) if scaled else (0.0, 1.0)

    def errors(part: str) -> np.ndarray:
        return getattr(plain, part).y - (outputs(session, getattr(session, part).x)[:, 0] * deviation + mean)

    error = errors("validation")
    assert target.name == load_diabetes().target_names[0]
    assert target.mae == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert target.rmse == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert target.mae > 20  # of progressions from 25 to 346
    assert target.r2 == pytest.approx(session.history[-1].val_metric, abs=1e-5)
    error = errors("train")
    variance = (error**2).mean()
    log_likelihood = (-0.5 * np.log(2 * np.pi * variance) - error**2 / (2 * variance)).sum()  # of a normal density
    n, parameters = len(error), sum(p.size for p in session.model.parameters()) + 1
    assert report.aic == pytest.approx(2 * parameters - 2 * log_likelihood, rel=1e-5)
    assert report.bic == pytest.approx(parameters * math.log(n) - 2 * log_likelihood, rel=1e-5)


def test_each_target_has_its_own_scores():
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = np.stack([x.sum(axis=1), 1000 * x[:, 0]], axis=1)
    session = trained(Experiment(Dataset("two", x, y, ("a", "b"), ("small", "large"), "regression")), lr=0.01)
    small, large = evaluate(session).targets
    assert (small.name, large.name) == ("small", "large")
    assert large.mae > 100 * small.mae


def test_it_changes_nothing():
    looked, other = trained(Experiment("xor")), trained(Experiment("xor"))
    evaluate(looked)
    assert looked.next().train_loss == other.next().train_loss
    assert looked.model.training


def test_a_likelihood_needs_a_cross_entropy():
    class Hinged(Experiment):
        dataset = "xor"

        def loss(self, hp, train):
            return nn.MSELoss()

    report = evaluate(trained(Hinged()))
    assert math.isnan(report.aic)
    assert math.isnan(report.bic)
    assert sum(one.support for one in report.classes) == 100


def test_errors_of_exactly_0_have_no_likelihood():
    class Exact(Experiment):
        dataset = Dataset("zero", np.ones((9, 1)), np.zeros(9), ("x",), ("y",), "regression")
        hyperparameters = Hyperparameters(hidden=(), init="zeros", target_scaling="none")

    report = evaluate(trained(Exact()))
    assert report.targets[0].mae == 0
    assert math.isnan(report.aic)


def test_nothing_is_said_of_outputs_that_mean_something_else():
    class OwnScore(Experiment):
        dataset = "xor"

        def score(self, task, output, target):
            return 0.0

    class OwnTargets(Experiment):
        dataset = "diabetes"

        def targets(self, hp, part):
            return super().targets(hp, part) * 2

    assert evaluate(Session(OwnScore())) is None
    assert evaluate(Session(OwnTargets())) is None
    diverged = Session(Experiment("diabetes"))
    diverged.parameters[0].data[...] = np.nan
    assert evaluate(diverged) is None
