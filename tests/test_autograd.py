"""tinygrad_nn.autograd: PyTorch's arguments and its meanings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import autograd


def leaves(make: Any) -> list[Any]:
    return [make(np.array([1.0, -2.0, 3.0]) * k, requires_grad=True) for k in (1, 2, 3)]


def test_an_unused_input_is_none_or_zeros_or_an_error():
    x, y, z = leaves(tn.tensor)
    h = x * 2
    loss = lambda: (h * h * y).sum()  # noqa: E731
    found = autograd.grad(loss(), (x, z, h, y), allow_unused=True)
    assert found[1] is None
    np.testing.assert_allclose(found[0].data, 8 * x.data * y.data)
    np.testing.assert_allclose(found[2].data, 2 * h.data * y.data)
    np.testing.assert_allclose(found[3].data, h.data**2)
    h = x * 2
    assert autograd.grad(loss(), z, materialize_grads=True)[0].tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="no output depends on input 0"):
        autograd.grad(loss(), z)
    assert x.node.hooks == {} or not x.node.hooks
    assert x.grad is None


def test_what_is_not_there_is_refused():
    x = tn.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="no batched gradients"):
        autograd.grad(x * 2, x, is_grads_batched=True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="leave allow_unused=False out"):
        autograd.grad(x * 2, x, allow_unused=False, materialize_grads=True)
    with pytest.raises(RuntimeError, match="input 0 of grad\\(\\) does not require gradients"):
        autograd.grad(x * 2, tn.zeros(1), allow_unused=True)
    with pytest.raises(ValueError, match="2 gradients for 1 tensors"):
        autograd.backward([x * 2], [None, None])
    for name, message in {
        "Function": "tinygrad_nn.Primitive",
        "functional": "jacobian",
        "grab": "did you mean grad",
    }.items():
        with pytest.raises(AttributeError, match=message):
            getattr(autograd, name)


def test_backward_of_several_with_weights():
    x, y, z = leaves(tn.tensor)
    h = x * y
    autograd.backward([h.sum(), h], [None, z.detach()])
    np.testing.assert_allclose(x.grad.data, y.data * (1 + z.data))
    with pytest.raises(RuntimeError, match="freed"):
        h.sum().backward()


# What both libraries must answer alike; `x`, `y` and `z` are leaves, `ag` the module.
CALLS = {
    "grad": [
        "ag.grad((x * y).sum(), x)",
        "ag.grad((x * y).sum(), [x, z, y], allow_unused=True)",
        "ag.grad((x * y).sum(), (x, z), materialize_grads=True)",
        "ag.grad(x * y, [y], grad_outputs=z.detach())",
        "ag.grad([x * y, y.exp()], [x, y], [z.detach(), z.detach() * 2])",
        "ag.grad(ag.grad((x**3 * y).sum(), x, create_graph=True)[0].sum(), (x, y), retain_graph=True)",
        "ag.grad(x.sum(), (x, x))",
        "ag.grad(x.sum() * 0 + z.sum(), (x, y), allow_unused=True)",
        "ag.grad((x * y).sum(), x, None, True, True)",
        "failing(lambda: ag.grad((x * y).sum(), z))",
        "failing(lambda: ag.grad(x * y, x))",
        "failing(lambda: ag.grad((x * y).sum(), x.detach(), allow_unused=True))",
    ],
    "backward": [
        "[ag.backward((x * y).sum()), x.grad, y.grad, z.grad]",
        "[ag.backward([x.sum(), (x * y).sum()]), x.grad]",
        "[ag.backward([x * y, z * x], [z.detach(), x.detach()]), x.grad, y.grad, z.grad]",
        "[ag.backward(x * y, z.detach(), retain_graph=True), x.grad]",
        "failing(lambda: ag.backward(x * y))",
    ],
    "no_grad": ["[inside(ag.no_grad(), lambda: (x * 2).requires_grad)]"],
    "enable_grad": ["[inside(ag.no_grad(), lambda: inside(ag.enable_grad(), lambda: (x * 2).requires_grad))]"],
    "detect_anomaly": ["failing(lambda: inside(ag.detect_anomaly(), lambda: ((x - x) ** 0.5 * 0).sum().backward()))"],
}


def failing(call: Any) -> bool:
    try:
        call()
    except Exception:
        return True
    return False


def inside(context: Any, call: Any) -> Any:
    with context:
        return call()


@pytest.mark.parametrize("call", [call for calls in CALLS.values() for call in calls])
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_as_pytorch(call):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    answers = []
    for module, make in ((autograd, tn.tensor), (torch.autograd, torch.tensor)):
        x, y, z = leaves(make)
        answers.append(eval(call, {"ag": module, "x": x, "y": y, "z": z, "failing": failing, "inside": inside}))
    ours, theirs = answers
    if isinstance(ours, bool):
        assert ours == theirs
        return
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine is None) == (other is None)
        if isinstance(mine, bool):
            assert mine == other
        elif mine is not None:
            assert mine.requires_grad == other.requires_grad
            np.testing.assert_allclose(mine.data, other.detach().numpy(), rtol=1e-12)


def test_every_name_shared_with_pytorch_is_compared():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert {name for name in autograd.__all__ if hasattr(torch.autograd, name)} == CALLS.keys()
