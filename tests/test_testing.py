"""The checkers are checked: wrong gradients are planted, and must be found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.lanes import examples
from tinygrad_nn import Primitive, Tensor, grad, no_grad
from tinygrad_nn.testing import GradcheckError, gradcheck, gradgradcheck


def draw(*shape: int, seed: int = 0) -> Tensor:
    values = np.random.default_rng(seed).uniform(0.25, 2, shape)
    return Tensor(np.asarray(values), requires_grad=True)


def square(x: Any) -> Any:
    return x * x


def detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


# What can be wrong with a rule, and which of the two checks finds it.
FIRST_ORDER: dict[str, Primitive] = {
    "factor": Primitive("p", square, lambda g, y, x: g * x),
    "sign": Primitive("p", square, lambda g, y, x: -(g * 2 * x)),
    "term left out": Primitive("p", lambda x: x * x + x, lambda g, y, x: g * 2 * x),
    "1% off": Primitive("p", square, lambda g, y, x: g * x * 2.02),
    "gradient of the output ignored": Primitive("p", square, lambda g, y, x: 2 * x),
    "output for input": Primitive("p", square, lambda g, y, x: g * 2 * y),
    "another element's": Primitive("p", square, lambda g, y, x: (g * 2 * x)[::-1]),
    "NaN": Primitive("p", square, lambda g, y, x: g * x * float("nan")),
    "infinite": Primitive("p", square, lambda g, y, x: g * x * float("inf")),
}
SECOND_ORDER: dict[str, Primitive] = {
    "cut off from the graph": Primitive("p", square, lambda g, y, x: g * 2 * detached(x)),
    "cut off from its own gradient": Primitive("p", square, lambda g, y, x: detached(g) * 2 * x),
    "other numbers when recorded": Primitive("p", square, lambda g, y, x: g * x * (3 if isinstance(g, Tensor) else 2)),
}
in_both_modes = pytest.mark.parametrize("fast_mode", [False, True])


@in_both_modes
@pytest.mark.parametrize("fault", FIRST_ORDER)
def test_a_wrong_rule_is_found(fault: str, fast_mode: bool) -> None:
    planted, x = FIRST_ORDER[fault], draw(3, 2)
    with np.errstate(invalid="ignore"), pytest.raises(GradcheckError, match="gradcheck failed: input 0, "):
        gradcheck(planted, x, fast_mode=fast_mode)
    with np.errstate(invalid="ignore"):
        assert gradcheck(planted, x, fast_mode=fast_mode, raise_exception=False) is False


@in_both_modes
@pytest.mark.parametrize("fault", SECOND_ORDER)
def test_a_rule_that_is_wrong_when_recorded_is_found_by_gradgradcheck(fault: str, fast_mode: bool) -> None:
    planted, x = SECOND_ORDER[fault], draw(3, 2)
    assert gradcheck(planted, x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="gradgradcheck failed: "):
        gradgradcheck(planted, x, fast_mode=fast_mode)
    assert gradgradcheck(planted, x, fast_mode=fast_mode, raise_exception=False) is False


@in_both_modes
def test_right_rules_pass(fast_mode: bool) -> None:
    right = Primitive("p", lambda a, b: a * b * b, lambda g, y, a, b: g * b * b, lambda g, y, a, b: 2 * g * a * b)
    inputs = (draw(2, 1, 3), draw(4, 1, seed=1))
    assert gradcheck(right, inputs, fast_mode=fast_mode) is True
    assert gradgradcheck(right, inputs, fast_mode=fast_mode) is True


@examples(30)
@given(data=st.data(), error=st.sampled_from([-1.0, -0.02, 0.02, 1e6]))
def test_one_wrong_element_is_found_wherever_it_is(data: st.DataObject, error: float) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=3))
    wrong = data.draw(st.tuples(*(st.integers(0, n - 1) for n in shape)))
    factor = np.full(shape, 2.0)
    factor[wrong] += error
    planted = Primitive("p", square, lambda g, y, x: g * x * factor)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(planted, draw(*shape))
    assert f"input 0, element {wrong}, output element {wrong}: numerical " in str(caught.value)


def test_the_entry_that_is_furthest_off_is_named_with_both_values() -> None:
    off = np.array([[0, 0.1, 0], [0.2, 0, 0]])
    planted = Primitive("p", lambda a, b: (a * b).sum(axis=1), None, lambda g, y, a, b: g.reshape((-1, 1)) * a + off)
    a, b = Tensor(np.full((2, 3), 0.5)), draw(2, 3)
    message = (
        r"^gradcheck failed: input 1, element \(1, 0\), output element \(0,\): numerical 0, analytical 0\.2 \(4 of"
    )
    with pytest.raises(GradcheckError, match=message):
        gradcheck(planted, (a, b))
    message = r"input 1, element \(1, 0\), output 1 element \(0,\): numerical 0\.5, analytical 0\.7 \(2 of 6 entries"
    with pytest.raises(GradcheckError, match=message):
        gradcheck(lambda a, b: (b * 2, planted(a, b)[1:]), (a, b))


def test_what_goes_missing_counts_as_0() -> None:
    with pytest.raises(GradcheckError, match=r"input 0, element \(\), output element \(\): numerical 2, analytical 0"):
        gradcheck(lambda x: x.detach() * 2, draw())
    with pytest.raises(
        GradcheckError, match=r"input 1, element \(\), output 1 element \(\): numerical 1, analytical 0"
    ):
        gradcheck(lambda x, y: (x + y, x + y.detach()), (draw(), draw()))
    forgotten = Primitive("p", np.multiply, lambda g, y, a, b: g * b, None)
    with pytest.raises(GradcheckError, match="input 1, "):
        gradcheck(forgotten, (draw(2), draw(2, seed=1)))


@pytest.mark.parametrize(
    ("fn", "at"), [(lambda x: x.relu(), 0.0), (lambda x: x.relu().sign(), 0.0), (lambda x: x.clip(1.0, 2.0), 1.0)]
)
def test_a_kink_is_called_one(fn: Callable[[Tensor], Tensor], at: float) -> None:
    with pytest.raises(GradcheckError, match=r"the slope is .* on one side and .* on the other: .* a kink or a jump"):
        gradcheck(fn, Tensor(np.array([3.0, at]), requires_grad=True))


def test_a_wrong_rule_is_not_called_a_kink() -> None:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(FIRST_ORDER["factor"], draw(3, 2))
    assert "kink" not in str(caught.value)


def test_a_function_that_changes_from_call_to_call_is_found() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(GradcheckError, match="another at every call"):
        gradcheck(lambda x: x * rng.uniform(size=3), draw(3))


def test_the_edge_of_a_domain_is_no_crash() -> None:
    with pytest.raises(GradcheckError, match="numerical nan"):
        gradcheck(lambda x: x.log(), Tensor(np.array([1.0, 1e-7]), requires_grad=True))


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (lambda g: g.astype(np.float32), r"dtype float64, its gradient has \(2, 3\) and float32"),
        (lambda g: g[:1], r"input 0 has shape \(2, 3\) and dtype float64, its gradient has \(1, 3\)"),
    ],
)
def test_gradients_must_have_their_inputs_shape_and_dtype(hook: Callable[[Tensor], Tensor], message: str) -> None:
    def hooked(x: Tensor) -> Tensor:
        x.register_hook(hook)
        return x * 2

    with pytest.raises(GradcheckError, match=message):
        gradcheck(hooked, draw(2, 3))
    with pytest.raises(GradcheckError, match="its gradient has"):
        gradcheck(lambda x: hooked(x)[:0], draw(2, 3))  # even of an empty output


def test_large_functions_in_fast_mode() -> None:
    w, x = draw(300, 200), draw(50, 300, seed=1)
    assert gradcheck(lambda w, x: (x @ w).tanh(), (w, x), fast_mode=True)
    assert gradgradcheck(lambda w, x: (x @ w * 1e-2).tanh().mean(), (w, x), fast_mode=True)
    planted = FIRST_ORDER["1% off"]
    with pytest.raises(GradcheckError, match="input 1, output, along random directions: numerical "):
        gradcheck(lambda w, x: planted(x) @ w, (w, x), fast_mode=True)


@in_both_modes
def test_inputs_of_all_kinds(fast_mode: bool) -> None:
    kinds = [draw(), draw(0), draw(2, 0), draw(3, 2).detach().T.requires_grad_(), Tensor(np.ones(6)[::2], True)]
    kinds.append(Tensor(np.broadcast_to(1.5, (2, 2)), requires_grad=True))
    for x in kinds:
        for fn in (lambda x: x * x, lambda x: (x * x).sum(), lambda x: x):
            assert gradcheck(fn, x, fast_mode=fast_mode)
            assert gradgradcheck(fn, [x], fast_mode=fast_mode)


def test_what_needs_no_gradient_is_passed_on_as_it_is() -> None:
    seen = []

    def fn(x: Tensor, n: int, mask: Tensor, name: str, fixed: Tensor) -> tuple[Tensor, Tensor]:
        seen.append((n, mask, name, fixed))
        return (x**n) * mask * fixed, x.argmax()  # an integer beside it has no derivative

    others = (3, Tensor(np.array([True, False])), "x", Tensor(np.ones(2, np.float32)))
    assert gradcheck(fn, (draw(2), *others))
    assert gradgradcheck(fn, (draw(2), *others))
    assert all(all(a is b for a, b in zip(call, others, strict=True)) for call in seen)


def test_the_callers_tensors_stay_as_they_are() -> None:
    x = draw(3)
    y = x * 2
    before = x.data.copy()
    assert gradcheck(lambda a, b: a * b, (x, y))
    assert gradgradcheck(lambda a, b: a * b, (x, y), x)
    assert x.grad is None
    assert np.array_equal(x.data, before)
    y.sum().backward()  # the graph that made an input is still there, and is not walked
    assert x.grad is not None
    assert x.grad.data.tolist() == [2, 2, 2]


def test_one_tensor_given_twice_counts_as_two() -> None:
    x = draw(2)
    assert gradcheck(lambda a, b: a * b, (x, x))
    assert gradgradcheck(lambda a, b: a * b * b, (x, x))


def test_a_function_may_differentiate_inside_and_the_mode_does_not_matter() -> None:
    def penalty(x: Tensor) -> Tensor:
        (g,) = grad((x * x * x).sum(), x, create_graph=True)
        return (g * g).sum()

    with no_grad():
        assert gradcheck(penalty, draw(2))
        assert gradgradcheck(penalty, draw(2))
        with pytest.raises(GradcheckError):
            gradcheck(FIRST_ORDER["factor"], draw(2))


def test_own_grad_outputs_are_used() -> None:
    weights = Tensor(np.array([1.0, -2.0]))
    assert gradgradcheck(lambda x: (x * x, x.exp()), draw(2), [weights, weights])
    kinked = Primitive("p", square, lambda g, y, x: g * (g > 0) * 2 * x)  # which shows only where g is 0
    assert gradgradcheck(kinked, draw(2))
    assert gradgradcheck(kinked, draw(2), weights)
    with pytest.raises(GradcheckError, match=r"grad_outputs 0, element \(0,\), gradient 0 element \(0,\)"):
        gradgradcheck(kinked, draw(2), Tensor(np.array([0.0, 1.0])))


def test_the_step_and_the_tolerances_are_those_asked_for() -> None:
    planted, x = FIRST_ORDER["1% off"], draw(3)
    assert gradcheck(planted, x, rtol=0.02)
    assert gradcheck(planted, x, atol=0.1)
    # Of x ** 3 the central difference is off by eps ** 2 exactly.
    assert gradcheck(lambda x: x**3, draw(1), eps=0.01, rtol=0, atol=1.01e-4)
    assert not gradcheck(lambda x: x**3, draw(1), eps=0.01, rtol=0, atol=0.99e-4, raise_exception=False)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
@pytest.mark.parametrize(
    ("fn", "inputs", "error", "message"),
    [
        (square, Tensor([1.0], True), TypeError, "input 0 is float32: finite differences need float64"),
        (lambda x, y: x * y, (draw(2), Tensor([1.0], True)), TypeError, "input 1 is float32"),
        (square, Tensor(np.ones(2)), ValueError, "no input requires gradients"),
        (square, (), ValueError, "no input requires gradients"),
        (lambda x: x.astype(np.float32), draw(2), TypeError, "output 0 of the function is float32"),
        (lambda x: x.data, draw(2), TypeError, "is not a Tensor but"),
        (lambda x: x.argmax(), draw(2), ValueError, "no floating-point output"),
        (lambda x: (), draw(2), ValueError, "no floating-point output"),
    ],
)
def test_misuse_is_named(check: Any, fn: Any, inputs: Any, error: type[Exception], message: str) -> None:
    for raise_exception in (True, False):  # a mistake in the call is no verdict on the gradient
        with pytest.raises(error, match=message):
            check(fn, inputs, raise_exception=raise_exception)


def test_misuse_of_gradgradcheck_is_named() -> None:
    with pytest.raises(ValueError, match="no output of the function has a gradient"):
        gradgradcheck(lambda x: x.detach(), draw(2))
    with pytest.raises(ValueError, match=r"must have the shapes .*\[\(2,\)\], not \[\(3,\)\]"):
        gradgradcheck(square, draw(2), Tensor(np.ones(3)))
    with pytest.raises(ValueError, match=r"must have the shapes"):
        gradgradcheck(square, draw(2), [draw(2), draw(2)])
    with pytest.raises(TypeError, match="grad_outputs 0 is float32"):
        gradgradcheck(square, draw(2), Tensor([1.0, 2.0]))
