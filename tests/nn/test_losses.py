"""Losses: numbers worked out by hand, reductions, and shapes that must agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import nn, ops, tensor

LOG2 = math.log(2)
E = math.e

# loss, input, target, the single losses
BY_HAND: dict[str, tuple[Any, list[Any], list[Any], list[Any]]] = {
    "mse": (nn.MSELoss, [[1.0, 2.0], [3.0, 0.0]], [[0.0, 2.0], [1.0, -3.0]], [[1, 0], [4, 9]]),
    "l1": (nn.L1Loss, [1.0, 2.0, -3.0], [0.0, 2.0, 1.0], [1, 0, 4]),
    "huber": (nn.HuberLoss, [0.0, 0.5, 1.0, 3.0, -4.0], [0.0] * 5, [0, 0.125, 0.5, 2.5, 3.5]),
    "huber, delta 2": (
        lambda reduction="mean": nn.HuberLoss(reduction, delta=2),
        [1.0, 2.0, 5.0],
        [0.0] * 3,
        [0.5, 2, 8],
    ),
    "cross entropy": (
        nn.CrossEntropyLoss,
        [[0.0, 0.0], [1.0, 0.0]],
        [1, 0],
        [LOG2, math.log(1 + 1 / E)],
    ),
    "nll": (nn.NLLLoss, [[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0]], [2, 0], [3, 4]),
    "bce from logits": (
        nn.BCEWithLogitsLoss,
        [[0.0], [1.0], [-1.0]],
        [[1.0], [0.0], [0.5]],
        [[LOG2], [math.log(1 + E)], [math.log(1 + 1 / E) + 0.5]],
    ),
    "bce": (nn.BCELoss, [0.5, 0.25, 0.75], [1.0, 0.0, 0.5], [LOG2, math.log(4 / 3), -0.5 * math.log(3 / 16)]),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_by_hand(case: str) -> None:
    loss, *given, expected = BY_HAND[case]
    x, target = (tensor(np.array(values)) for values in given)
    single = np.array(expected, float)
    none = loss(reduction="none")(x, target)
    assert none.shape == single.shape
    assert none.data == pytest.approx(single, rel=1e-14, abs=1e-15)
    assert loss(reduction="sum")(x, target).item() == pytest.approx(single.sum(), rel=1e-14)
    assert loss()(x, target).item() == pytest.approx(single.mean(), rel=1e-14)
    assert loss()(x, target).shape == ()


@pytest.mark.parametrize("case", BY_HAND)
def test_the_reductions_have_the_same_gradient_up_to_the_count(case: str) -> None:
    loss, x, target, expected = BY_HAND[case]
    gradients = {}
    for reduction in ("mean", "sum", "none"):
        p = nn.Parameter(np.array(x))
        loss(reduction=reduction)(p, np.array(target)).sum().backward()
        assert p.grad is not None
        gradients[reduction] = p.grad.data
    assert gradients["none"] == pytest.approx(gradients["sum"], rel=1e-14)
    assert gradients["mean"] * np.array(expected).size == pytest.approx(gradients["sum"], rel=1e-14)
    assert np.abs(gradients["sum"]).max() > 0.1


@pytest.mark.parametrize("case", BY_HAND)
def test_targets_may_be_lists_or_arrays_of_another_dtype_and_the_loss_keeps_the_inputs(case: str) -> None:
    loss, values, target, _ = BY_HAND[case]
    x = tensor(values)
    assert x.dtype == np.float32
    expected = loss()(x, tensor(np.array(target))).item()
    for given in (target, np.array(target)):
        value = loss()(x, given)
        assert value.dtype == np.float32
        assert value.item() == expected


ELEMENTWISE = [nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.BCEWithLogitsLoss, nn.BCELoss]


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_a_column_against_a_vector_is_an_error_that_says_what_to_do(loss: Any) -> None:
    column, vector = np.full((4, 1), 0.5), np.ones(4)
    for reduction in ("mean", "sum", "none"):
        with pytest.raises(ValueError, match=r"shape \(4, 1\) and target \(4,\): use target.reshape\(4, 1\)"):
            loss(reduction=reduction)(tensor(column), vector)
        with pytest.raises(ValueError, match=r"shape \(4,\) and target \(4, 1\): use target.reshape\(4,\)"):
            loss(reduction=reduction)(tensor(column[:, 0]), vector[:, None])


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_no_reshape_is_advised_where_it_would_mix_things_up(loss: Any) -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and target \(3, 2\): a loss compares them one to one"):
        loss()(tensor(np.full((2, 3), 0.5)), np.zeros((3, 2)))


CLASSIFYING = [nn.CrossEntropyLoss, nn.NLLLoss]


@pytest.mark.parametrize("loss", CLASSIFYING)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_class_indices_must_be_indices_of_classes(loss: Any, reduction: Any) -> None:
    criterion, scores = loss(reduction=reduction), tensor(np.zeros((2, 3)))
    for target in ([[0], [1]], [0], [0, 1, 2]):
        with pytest.raises(ValueError, match=r"\(batch, classes, ...\) and target \(batch, ...\)"):
            criterion(scores, np.array(target))
    with pytest.raises(ValueError, match=r"\(batch, classes, ...\) and target \(batch, ...\)"):
        criterion(scores[0], np.array([0, 1]))
    for wrong in (3, -1):
        with pytest.raises(ValueError, match=f"target {wrong} is not a class"):
            criterion(scores, np.array([0, wrong]))
    with pytest.raises(TypeError, match="class indices, integers"):
        criterion(scores, np.array([0.0, 1.0]))


def test_from_logits_nothing_is_lost_however_sure_the_network_is() -> None:
    far = tensor(np.array([[200.0], [-200.0]], np.float32), requires_grad=True)
    loss = nn.BCEWithLogitsLoss(reduction="none")(far, [[0.0], [1.0]])
    assert loss.data.tolist() == [[200], [200]]
    loss.sum().backward()
    assert far.grad is not None
    assert far.grad.data.tolist() == [[1], [-1]]
    logits = tensor(np.array([[200.0, -200.0]], np.float32))
    assert nn.CrossEntropyLoss(reduction="none")(logits, [1]).data.tolist() == [400]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_of_a_sure_mistake_is_large_but_finite_and_so_is_its_gradient(dtype: Any) -> None:
    p = nn.Parameter(np.array([0.0, 1.0, 0.0, 1.0], dtype))
    loss = nn.BCELoss(reduction="none")(p, [1.0, 0.0, 0.0, 1.0])
    assert loss.data.tolist() == [100, 100, 0, 0]
    (loss.sum() * 1000).backward()
    assert p.grad is not None
    assert np.isfinite(p.grad.data).all()


def test_bce_refuses_logits() -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1, not -2\.0 to 0\.5: put a Sigmoid"):
        nn.BCELoss()(tensor([-2.0, 0.5]), [0.0, 1.0])


@pytest.mark.parametrize("loss", [*ELEMENTWISE, nn.CrossEntropyLoss, nn.NLLLoss])
def test_nan_goes_through_to_be_diagnosed(loss: Any) -> None:
    x = tensor(np.array([[np.nan, 0.5], [0.5, 0.5]]))
    target = np.array([0, 1]) if loss in CLASSIFYING else np.ones((2, 2))
    with np.errstate(invalid="ignore"):
        assert math.isnan(loss()(x, target).item())


# --- weights and smoothing, by their formulas


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


RNG = np.random.default_rng(11)
SCORES = RNG.normal(size=(12, 3)) * 3
CLASSES = RNG.integers(0, 3, 12)
CLASS_WEIGHT = np.array([0.5, 1.0, 4.0])


@pytest.mark.parametrize("weight", [None, CLASS_WEIGHT], ids=["no weight", "weight"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_cross_entropy_by_its_formula(weight: Any, smoothing: float) -> None:
    w = np.ones(3) if weight is None else weight
    log_p = np.log(softmax(SCORES))
    single = [
        -(1 - smoothing) * w[t] * row[t] - smoothing / 3 * (w * row).sum()
        for row, t in zip(log_p, CLASSES, strict=True)
    ]
    expected = {"none": single, "sum": np.sum(single), "mean": np.sum(single) / w[CLASSES].sum()}
    for reduction, value in expected.items():
        loss = nn.CrossEntropyLoss(weight, reduction=reduction, label_smoothing=smoothing)  # type: ignore[arg-type]
        np.testing.assert_allclose(loss(tensor(SCORES), CLASSES).data, value, rtol=1e-12)


def test_cross_entropy_is_the_nll_of_log_softmax() -> None:
    loss, nll = nn.CrossEntropyLoss(CLASS_WEIGHT), nn.NLLLoss(CLASS_WEIGHT)
    x = tensor(SCORES)
    assert loss(x, CLASSES).item() == pytest.approx(nll(x.log_softmax(), CLASSES).item(), rel=1e-14)


@pytest.mark.parametrize("n", [1, 4096, 4097, 20_000])
def test_a_mean_over_few_or_many(n: int) -> None:
    rng = np.random.default_rng(n)
    x, t = rng.normal(size=(n, 1)), rng.uniform(size=(n, 1))
    expected = (np.logaddexp(x, 0) - x * t).mean()
    assert ops.binary_cross_entropy_with_logits(tensor(x), t).item() == pytest.approx(expected, rel=1e-12)
    single = ops.binary_cross_entropy_with_logits(tensor(x.astype(np.float32)), t.astype(np.float32))
    assert (single.dtype, single.shape) == (np.float32, ())
    assert single.item() == pytest.approx(expected, rel=1e-5)
    logits, target = rng.normal(size=(n, 3)), rng.integers(0, 3, n)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_p[np.arange(n), target].mean()
    assert ops.cross_entropy(tensor(logits), target).item() == pytest.approx(expected, rel=1e-12)


def test_the_mean_of_nothing_is_nan() -> None:
    assert math.isnan(ops.cross_entropy(tensor(np.zeros((0, 3))), np.zeros(0, int)).item())
    assert math.isnan(ops.binary_cross_entropy_with_logits(tensor(np.zeros((0, 1))), np.zeros((0, 1))).item())


def test_without_weights_and_smoothing_cross_entropy_is_one_primitive() -> None:
    logits = nn.Parameter(SCORES)
    for loss, target in ((nn.CrossEntropyLoss(), CLASSES), (nn.BCEWithLogitsLoss(), np.ones((12, 3)))):
        node = loss(logits, target).node
        assert node is not None
        assert node.primitive.name in ("cross_entropy", "bce_with_logits")


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_by_its_formula(smoothing: float) -> None:
    t = np.array([[0.0, 1.0, 0.25]] * 12)
    p, soft = 1 / (1 + np.exp(-SCORES)), t * (1 - smoothing) + smoothing / 2
    single = CLASS_WEIGHT * (-7.0 * soft * np.log(p) - (1 - soft) * np.log(1 - p))
    for reduction, value in {"none": single, "sum": single.sum(), "mean": single.mean()}.items():
        loss = nn.BCEWithLogitsLoss(CLASS_WEIGHT, reduction=reduction, pos_weight=7.0, label_smoothing=smoothing)  # type: ignore[arg-type]
        np.testing.assert_allclose(loss(tensor(SCORES), t).data, value, rtol=1e-9)
    plain = CLASS_WEIGHT * (-t * np.log(p) - (1 - t) * np.log(1 - p))
    np.testing.assert_allclose(nn.BCELoss(CLASS_WEIGHT)(tensor(p), t).item(), plain.mean(), rtol=1e-9)


def test_two_classes_cost_the_same_as_one_logit_or_as_two() -> None:
    x, t = SCORES[:, 0], CLASSES % 2
    two = tensor(np.stack([np.zeros(12), x], axis=1))
    for smoothing in (0.0, 0.3):
        one = nn.BCEWithLogitsLoss(label_smoothing=smoothing)(tensor(x), t).item()
        assert nn.CrossEntropyLoss(label_smoothing=smoothing)(two, t).item() == pytest.approx(one, rel=1e-12)


def test_weights_keep_the_dtype_of_the_input_and_belong_to_the_state() -> None:
    x = tensor(SCORES.astype(np.float32))
    losses: list[Any] = [
        nn.CrossEntropyLoss(CLASS_WEIGHT, label_smoothing=0.1),
        nn.BCEWithLogitsLoss(CLASS_WEIGHT, pos_weight=CLASS_WEIGHT),
    ]
    for loss, target in zip(losses, (CLASSES, np.ones((12, 3))), strict=True):
        assert loss(x, target).dtype == np.float32
        assert np.array_equal(loss.state_dict()["weight"], CLASS_WEIGHT)
        assert list(loss.parameters()) == []


def test_nothing_is_lost_with_weights_either() -> None:
    far = nn.Parameter(np.array([200.0, -200.0, 200.0], np.float32))
    loss = nn.BCEWithLogitsLoss(reduction="none", pos_weight=3.0)(far, [0.0, 1.0, 1.0])
    assert loss.data.tolist() == [200, 600, 0]
    loss.sum().backward()
    assert far.grad is not None
    assert far.grad.data.tolist() == [1, -3, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.CrossEntropyLoss([1.0, 2.0])(tensor(SCORES), CLASSES), r"shape \(2,\): 3 classes need one weight"),
        (lambda: nn.NLLLoss(1.0)(tensor(SCORES), CLASSES), r"shape \(\): 3 classes need one weight each"),
        (lambda: nn.BCELoss([1.0, 2.0])(tensor([0.5]), [1.0]), r"weight has shape \(2,\).* to the input's \(1,\)"),
        (
            lambda: nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0])(tensor(SCORES), SCORES),
            r"pos_weight has shape \(2,\), which does not broadcast to the input's \(12, 3\)",
        ),
        (lambda: nn.CrossEntropyLoss(label_smoothing=1.5), r"label_smoothing must be in \[0, 1\], not 1.5"),
        (lambda: nn.BCEWithLogitsLoss(label_smoothing=-0.1), r"label_smoothing must be in \[0, 1\], not -0.1"),
    ],
)
def test_weights_that_do_not_fit_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_settings_are_checked_and_shown() -> None:
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none', not 'average'"):
        nn.MSELoss("average")  # type: ignore[arg-type]
    for delta in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="delta must be positive"):
            nn.HuberLoss(delta=delta)
    assert repr(nn.MSELoss("sum")) == "MSELoss(reduction='sum')"
    assert repr(nn.HuberLoss()) == "HuberLoss(reduction='mean', delta=1.0)"
