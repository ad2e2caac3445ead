"""Normalisation as functions: activations brought to mean 0 and variance 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...core.writes import note_write
from ...tensors import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) · weight + bias, for each channel (Ioffe & Szegedy 2015, alg. 1).

    x (batch, channels, ...). In `training` mean and (biased) variance are taken over all elements of a channel, and the
    running ones, if given, follow in place: running += momentum · (batch's - running), the variance unbiased. Otherwise
    the running ones are used.

    Raises:
        ValueError: fewer than two elements a channel in training, none to use outside it, or shapes that do not fit.
    """
    if input.ndim < 2:
        raise ValueError(f"batch_norm takes inputs (batch, channels, ...), not {input.shape}")
    channels = input.shape[1]
    for values in (running_mean, running_var, weight, bias):
        if values is not None and values.data.shape != (channels,):
            raise ValueError(f"what belongs to {channels} channels has shape ({channels},), not {values.shape}")
    behind = input.shape[2:]
    axes = (0, *range(2, input.ndim)) if behind else 0

    def over(values: Tensor) -> Tensor:
        """Beside the input, whose axes behind the channel it lacks."""
        return values.reshape(channels, *(1 for _ in behind)) if behind else values

    if training:
        n = input.size // channels if channels else 0
        if n < 2:
            raise ValueError(f"in training batch_norm needs 2 elements a channel or more: {input.shape} has {n}")
        mean = input.mean(axis=axes)
        shifted = input - over(mean)
        var = (shifted * shifted).mean(axis=axes)
        for running, batch in ((running_mean, mean.data), (running_var, var.data * (n / (n - 1)))):
            if running is not None:
                running.data += momentum * (batch - running.data)
                note_write(running.data)
        y = shifted / over((var + eps).sqrt())
    elif running_mean is None or running_var is None:
        raise ValueError("outside training batch_norm needs running_mean and running_var")
    else:
        y = (input - over(running_mean)) / over((running_var + eps).sqrt())
    return _scaled(y, None if weight is None else over(weight), None if bias is None else over(bias))


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int] | int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) · weight + bias, over the last axes of each example (Ba et al. 2016, eq. 4).

    The last axes of x are `normalized_shape`, as are weight and bias.

    Raises:
        ValueError: they have other shapes.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm over {shape} takes inputs whose last axes are these, not {input.shape}")
    for name, values in {"weight": weight, "bias": bias}.items():
        if values is not None and values.shape != shape:
            raise ValueError(f"{name} has the shape that is normalised, {shape}, not {values.shape}")
    axes = tuple(range(-len(shape), 0)) if len(shape) > 1 else -1
    shifted = input - input.mean(axis=axes, keepdims=True)
    var = (shifted * shifted).mean(axis=axes, keepdims=True)
    return _scaled(shifted / (var + eps).sqrt(), weight, bias)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`layer_norm` over groups of channels and all that lies behind them (Wu & He 2018), then scaled by channel.

    x (batch, channels, ...), weight and bias (channels,).

    Raises:
        ValueError: the channels do not make `num_groups` groups.
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(f"group_norm cannot make {num_groups} groups of the channels of {input.shape}")
    batch, channels, *behind = input.shape
    grouped = input.reshape(batch, num_groups, channels // num_groups * math.prod(behind))
    y = layer_norm(grouped, grouped.shape[2], eps=eps).reshape(input.shape)
    shape = (channels, *(1 for _ in behind))
    return _scaled(y, None if weight is None else weight.reshape(shape), None if bias is None else bias.reshape(shape))


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias
