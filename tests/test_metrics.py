"""Metrics by numbers worked out by hand, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn import metrics
from tinygrad_nn.metrics import (
    accuracy,
    accuracy_score,
    aic,
    balanced_accuracy_score,
    bic,
    confusion_matrix,
    f1,
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    precision,
    precision_score,
    r2_score,
    recall,
    recall_score,
    root_mean_squared_error,
)

# Of three cats, two are seen as cats and one as a dog; of two dogs one is seen as a bird; the bird is seen as a bird.
TRUE = ["cat", "cat", "cat", "dog", "dog", "bird"]
PRED = ["cat", "cat", "dog", "dog", "bird", "bird"]


def test_classes_by_hand():
    assert accuracy(TRUE, PRED) == 4 / 6
    assert confusion_matrix(TRUE, PRED).tolist() == [[1, 0, 0], [0, 2, 1], [1, 0, 1]]  # bird, cat, dog
    assert confusion_matrix(TRUE, PRED, labels=["cat", "dog", "bird"]).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    np.testing.assert_allclose(precision(TRUE, PRED, average=None), [1 / 2, 1, 1 / 2])
    np.testing.assert_allclose(recall(TRUE, PRED, average=None), [1, 2 / 3, 1 / 2])
    np.testing.assert_allclose(f1(TRUE, PRED, average=None), [2 / 3, 4 / 5, 1 / 2])
    assert precision(TRUE, PRED, average="macro") == pytest.approx(2 / 3)
    assert recall(TRUE, PRED, average="macro") == pytest.approx(13 / 18)
    assert f1(TRUE, PRED, average="macro") == pytest.approx(59 / 90)
    for metric in (precision, recall, f1):
        assert metric(TRUE, PRED, average="micro") == pytest.approx(accuracy(TRUE, PRED))


def test_two_classes_by_hand():
    true, pred = [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 1, 1, 0]  # TP 3, FN 1, FP 2, TN 1
    assert precision(true, pred) == pytest.approx(3 / 5)
    assert recall(true, pred) == pytest.approx(3 / 4)
    assert f1(true, pred) == pytest.approx(2 / 3)
    assert recall(true, pred, pos_label=0) == pytest.approx(1 / 3)
    assert recall(np.array(true, bool), np.array(pred, bool), pos_label=True) == pytest.approx(3 / 4)


def test_a_share_of_nothing_is_zero():
    never_predicted = ([0, 1], [0, 0])
    assert precision(*never_predicted) == 0
    assert f1(*never_predicted) == 0
    assert recall([0, 0], [0, 1]) == 0
    assert recall([0, 0], [0, 0]) == 0
    np.testing.assert_array_equal(recall([0, 1], [0, 1], average=None, labels=[0, 1, 2]), [1, 1, 0])
    assert f1([0, 1], [0, 1], average="macro", labels=[0, 1, 2]) == pytest.approx(2 / 3)


def test_numbers_by_hand():
    true, pred = [1, 2, 3, 6], [2, 2, 1, 6]  # mean 3, residuals 1 0 2 0, spread 4 + 1 + 0 + 9
    assert mean_absolute_error(true, pred) == 3 / 4
    assert r2_score(true, pred) == pytest.approx(1 - 5 / 14)
    assert r2_score(true, [3, 3, 3, 3]) == 0
    assert r2_score(np.stack([true, true], axis=1), np.stack([pred, true], axis=1)) == pytest.approx(1 - 5 / 28)
    assert r2_score([0.1] * 3, [0.1] * 3) == 1
    assert r2_score([0.1] * 3, [0.1, 0.1, 0.2]) == 0


def test_information_criteria_by_hand():
    assert aic(-10.0, 3) == 26
    assert bic(-10.0, 3, 100) == pytest.approx(20 + 3 * math.log(100))
    assert bic(-10.0, 3, 1) == 20
    for wrong, message in (
        (lambda: aic(math.nan, 1), "log_likelihood must be finite"),
        (lambda: aic(0.0, -1), "n_parameters must be 0 or more, not -1"),
        (lambda: bic(0.0, 1, 0), "n_samples must be at least 1, not 0"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()


def test_more_by_hand():
    assert accuracy_score(TRUE, PRED, normalize=False) == 4
    assert balanced_accuracy_score(TRUE, PRED) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert balanced_accuracy_score([0, 1, 1], [0, 1, 0], adjusted=True) == pytest.approx((0.75 - 0.5) / 0.5)
    assert confusion_matrix([0, 1, 1], [0, 1, 0], normalize="true").tolist() == [[1, 0], [0.5, 0.5]]
    assert confusion_matrix([0, 1, 1], [0, 0, 0], normalize="pred").tolist() == [[1 / 3, 0], [2 / 3, 0]]
    assert confusion_matrix([0, 1, 1], [0, 1, 0], normalize="all").tolist() == [[1 / 3, 0], [1 / 3, 1 / 3]]
    assert f1_score(TRUE, PRED, average="weighted") == pytest.approx((2 / 3 + 3 * 4 / 5 + 2 * 1 / 2) / 6)
    assert recall_score(TRUE, PRED, average=None, labels=["dog", "cat"]).tolist() == [1 / 2, 2 / 3]
    assert mean_squared_error([1, 2, 3, 6], [2, 2, 1, 6]) == 5 / 4
    assert root_mean_squared_error([1, 2, 3, 6], [2, 2, 1, 6]) == math.sqrt(5) / 2
    assert root_mean_squared_error([[0.0, 0], [0, 0]], [[2.0, 1], [2, 1]]) == 1.5
    assert log_loss([0, 1, 1], [0.5, 0.25, 1.0]) == pytest.approx((math.log(2) + math.log(4)) / 3)
    assert log_loss(["a", "b"], [[0.5, 0.5], [0.75, 0.25]], normalize=False) == pytest.approx(math.log(8))
    assert log_loss([0, 1], [1.0, 1.0]) == pytest.approx(-math.log(np.finfo(float).eps) / 2)


def test_a_share_of_nothing_warns_or_is_what_is_asked_for():
    with pytest.warns(UserWarning, match="precision is a share of nothing here, and counts as 0: pass zero_division="):
        assert precision_score([0, 1], [0, 0]) == 0
    with pytest.warns(UserWarning, match="recall is a share of nothing for 1 of 2 classes"):
        assert recall_score([0, 0], [0, 1], average="macro") == 0.25
    assert precision_score([0, 1], [0, 0], zero_division=1) == 1
    assert math.isnan(precision_score([0, 1], [0, 0], zero_division=math.nan))
    assert recall_score([0, 0], [0, 1], average="macro", zero_division=math.nan) == 0.5  # NaN is left out


@pytest.mark.parametrize("n_classes", [2, 5])
def test_classes_agree_with_scikit_learn(n_classes):
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent implementation")
    rng = np.random.default_rng(n_classes)
    true = rng.integers(0, n_classes, 200)
    pred = np.where(rng.random(200) < 0.5, true, rng.integers(0, n_classes, 200))
    labels = list(range(n_classes + 1))[::-1]
    assert accuracy(true, pred) == pytest.approx(theirs.accuracy_score(true, pred))
    np.testing.assert_array_equal(confusion_matrix(true, pred), theirs.confusion_matrix(true, pred))
    np.testing.assert_array_equal(
        confusion_matrix(true, pred, labels=labels), theirs.confusion_matrix(true, pred, labels=labels)
    )
    for ours, name in ((precision, "precision_score"), (recall, "recall_score"), (f1, "f1_score")):
        for average in (None, "macro", "micro", *(["binary"] if n_classes == 2 else [])):
            expected = getattr(theirs, name)(true, pred, average=average)
            np.testing.assert_allclose(ours(true, pred, average=average), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_numbers_agree_with_scikit_learn(shape):
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent implementation")
    rng = np.random.default_rng(0)
    true = rng.normal(5, 2, shape)
    pred = true + rng.normal(0, 1, shape)
    assert mean_absolute_error(true, pred) == pytest.approx(theirs.mean_absolute_error(true, pred), rel=1e-12)
    assert r2_score(true, pred) == pytest.approx(theirs.r2_score(true, pred), rel=1e-12)


SHARED = {
    "accuracy_score": ["(true, pred)", "(true, pred, normalize=False)", "(texts, texts[::-1])"],
    "balanced_accuracy_score": ["(true, pred)", "(true, pred, adjusted=True)"],
    "confusion_matrix": [
        "(true, pred)",
        "(texts, texts[::-1])",
        *(f"(true, pred, normalize={how!r}, labels=[4, 3, 2, 1, 0, 9])" for how in ("true", "pred", "all")),
    ],
    **{
        f"{name}_score": [
            "(two, few)",
            "(two, few, pos_label=0)",
            "(two < 1, few < 1, pos_label=True)",
            *(f"(true, pred, average={average!r})" for average in ("macro", "micro", "weighted", None)),
            *(
                f"(true, rare, average={average!r}, labels={labels}, zero_division={zero})"
                for average in ("macro", "micro", "weighted", None)
                for labels in (None, [3, 0], [0, 7], [7])
                for zero in (0, 1, "np.nan")
            ),
            *(f"(two, two * 0, zero_division={zero})" for zero in (0.0, 1.0, "np.nan")),
            *(f"(two * 0, two * 0, zero_division={zero})" for zero in (0.0, 1.0, "np.nan")),
        ]
        for name in ("precision", "recall", "f1")
    },
    "log_loss": [
        "(two, p)",
        "(two, p, normalize=False)",
        "(true, shares)",
        "(np.where(two, 'yes', 'no'), p)",
        "(two * 0 + 1, p, labels=[0, 1])",
        "(two, np.round(p))",
    ],
    "mean_absolute_error": ["(x, y)", "(x[:, 0], y[:, 0])"],
    "mean_squared_error": ["(x, y)", "(x[:, 0], y[:, 0])"],
    "r2_score": ["(x, y)", "(x[:, 0], y[:, 0])"],
    "root_mean_squared_error": ["(x, y)", "(x[:, 0], y[:, 0])"],
}


@pytest.mark.parametrize("call", [f"{name}{call}" for name, calls in SHARED.items() for call in calls])
def test_the_same_call_in_scikit_learn(call):
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent implementation")
    rng = np.random.default_rng(4)
    true, two, p = rng.integers(0, 5, 80), rng.integers(0, 2, 80), rng.random(80)
    pred, few = np.where(rng.random(80) < 0.5, true, rng.integers(0, 5, 80)), np.where(p < 0.7, two, 1 - two)
    shares, x = rng.dirichlet(np.ones(5), 80), rng.normal(size=(80, 3))
    given = {"np": np, "true": true, "pred": pred, "rare": np.where(pred == 3, 2, pred), "two": two, "few": few, "p": p}
    given |= {"texts": np.array(list("abcabca")), "shares": shares, "x": x, "y": x + rng.normal(size=x.shape)}
    ours = eval(f"kit.{call}", given | {"kit": metrics})
    np.testing.assert_allclose(ours, eval(f"kit.{call}", given | {"kit": theirs}), rtol=1e-12, atol=1e-12)


def test_every_metric_shared_with_scikit_learn_is_compared():
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent implementation")
    own = {n for n, f in vars(metrics).items() if getattr(f, "__module__", "") == metrics.__name__ and n[0] != "_"}
    assert {name for name in own if hasattr(theirs, name)} == SHARED.keys()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: accuracy([1, 2], [1]), r"y_true has shape \(2,\) and y_pred \(1,\)"),
        (lambda: accuracy([], []), "no samples"),
        (lambda: accuracy(np.eye(2), np.eye(2)), r"take argmax\(axis=1\)"),
        (lambda: accuracy([0, 1], [0.2, 0.9]), "y_pred must hold classes, not numbers such as 0.2"),
        (lambda: accuracy(["0", "1"], [0, 1]), "classes must be of one kind"),
        (lambda: confusion_matrix([0, 3], [0, 1], labels=[0, 1]), "class 3 is not among the labels"),
        (lambda: confusion_matrix([0, 1], [0, 1], labels=[0, 1, 1]), "labels must be different"),
        (lambda: precision([0, 1, 2], [0, 1, 2]), "there are 3 classes, not two"),
        (lambda: recall([0, 2], [0, 2]), r"pos_label is 1, but the classes are \[0, 2\]"),
        (lambda: f1([0, 1], [0, 1], average="samples"), "average must be .* not 'samples'"),
        (lambda: precision_score([0, 1], [0, 1], zero_division=2), "zero_division must be 0, 1, NaN or 'warn', not 2"),
        (lambda: confusion_matrix([0, 1], [0, 1], normalize="rows"), "normalize must be .* not 'rows'"),
        (lambda: balanced_accuracy_score([1, 1], [1, 0], adjusted=True), "2 classes or more in y_true"),
        (lambda: log_loss([1, 1], [0.2, 0.3]), "there are 1 classes: give labels="),
        (lambda: log_loss([0, 1, 2], [0.2, 0.3, 0.1]), "there are 3 classes"),
        (lambda: log_loss([0, 1], [[0.2, 0.3, 0.5]] * 2), r"shape \(2, 3\) do not fit 2 classes"),
        (lambda: log_loss([0, 5], [0.2, 0.3], labels=[0, 1]), r"class 5 is not among the labels \[0, 1\]"),
        (lambda: log_loss([0, 1], [-0.2, 0.3]), "from 0 to 1, not -0.2 to 0.3"),
        (lambda: log_loss([0, 1], [[0.9, 0.2], [0.1, 0.9]]), "of each sample must sum to 1"),
        (lambda: mean_absolute_error([1.0, np.nan], [1, 2]), "y_true has a value that is nan"),
        (lambda: r2_score([1.0, 2], [[1.0], [2]]), "they must be the same"),
        (lambda: r2_score([1.0], [1.0]), "2 samples or more"),
    ],
)
def test_what_metrics_refuse(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
