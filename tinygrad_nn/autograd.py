"""PyTorch's `torch.autograd`: `grad` and `backward` with its arguments and its meaning of an unused input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from .anomaly import detect_anomaly
from .core.backward import enable_grad, no_grad
from .core.backward import grad as gradients
from .missing import missing
from .tensors import Tensor

__all__ = ["backward", "detect_anomaly", "enable_grad", "grad", "no_grad"]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: Literal[True] = True,
    allow_unused: bool | None = None,
    is_grads_batched: Literal[False] = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`; see `tinygrad_nn.grad`.

    An input that no output depends on is a RuntimeError; with `allow_unused` its gradient is None, and with
    `materialize_grads` zeros.

    Raises:
        ValueError: only one of the two asks for it, or gradients in batches are asked for.
    """
    if is_grads_batched or not only_inputs:
        raise ValueError("there are no batched gradients and no gradients of all leaves here: use jacobian or backward")
    if materialize_grads:
        if allow_unused is False:
            raise ValueError("materialize_grads gives zeros to unused inputs: leave allow_unused=False out")
        allow_unused = True
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    arrived: set[int] = set()
    handles = []
    none_where_unused = allow_unused and not materialize_grads
    if none_where_unused:  # hooks are called where a gradient arrives
        watched = [(i, x) for i, x in enumerate(given) if x.requires_grad]
        handles = [x.register_hook(lambda _, i=i: arrived.add(i)) for i, x in watched]  # type: ignore[misc]
    try:
        found = gradients(
            outputs,
            given,
            grad_outputs,
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=bool(allow_unused),
        )
    finally:
        for handle in handles:
            handle.remove()
    return tuple(g if i in arrived else None for i, g in enumerate(found)) if none_where_unused else found


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradients of the sum of `tensors` to `.grad` of every leaf; `grad_tensors` weigh their elements.

    Otherwise as `Tensor.backward`.

    Raises:
        ValueError: not as many weights as tensors.
    """
    outputs = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    weights = [grad_tensors] if isinstance(grad_tensors, Tensor) else list(grad_tensors or [None] * len(outputs))
    if len(weights) != len(outputs):
        raise ValueError(f"there are {len(weights)} gradients for {len(outputs)} tensors")
    keep = create_graph if retain_graph is None else retain_graph
    for i, (output, weight) in enumerate(zip(outputs, weights, strict=True)):
        output.backward(weight, retain_graph=keep or i < len(outputs) - 1, create_graph=create_graph)


if not TYPE_CHECKING:  # a type checker shall know that there are no other names
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            "Function": "a function of one's own is a tinygrad_nn.Primitive (docs/library.md)",
            "Variable": "write Tensor(data, requires_grad=True)",
            "functional": "jacobian, hessian, hvp, vjp and jvp are in tinygrad_nn itself",
            "gradcheck": "it is in tinygrad_nn.testing",
            "gradgradcheck": "it is in tinygrad_nn.testing",
            "set_grad_enabled": "write enable_grad() or no_grad()",
            "inference_mode": "write no_grad()",
            "set_detect_anomaly": "write with detect_anomaly():",
        },
    )
