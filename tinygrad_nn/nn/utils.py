"""PyTorch's `torch.nn.utils`: clipping gradients, and parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from .. import ops
from ..core.writes import note_write
from ..missing import missing
from ..optim.clip import clip_grad_norm_, clip_grad_value_
from ..tensors import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters, one after another, as a vector; gradients pass.

    Raises:
        ValueError: no parameters.
    """
    flat = [ops.reshape(p, shape=(-1,)) for p in parameters]
    if not flat:
        raise ValueError("there are no parameters to make a vector of")
    y: Tensor = ops.concatenate(flat)
    return y


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of `vec` into the parameters, in place and one after another.

    ValueError, and nothing is written, where their numbers differ.
    """
    tensors = list(parameters)
    if vec.shape != (sum(p.size for p in tensors),):
        raise ValueError(f"the vector has shape {vec.shape}, the parameters {sum(p.size for p in tensors)} elements")
    ends = np.cumsum([p.size for p in tensors])
    for p, end in zip(tensors, ends.tolist(), strict=True):
        p.data[...] = vec.data[end - p.size : end].reshape(p.shape)
        note_write(p.data)


if not TYPE_CHECKING:
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            "rnn": "docs/sequences.md composes recurrent networks; sequences of one length make a batch",
            "clip_grad_norm": "write clip_grad_norm_",
        },
    )
