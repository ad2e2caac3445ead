"""PyTorch's `torch.nn.functional`: activations, layers and losses as functions of tensors, without a state.

    import tinygrad_nn.nn.functional as F
    loss = F.cross_entropy(F.linear(F.relu(x), weight, bias), target)

The formulas are here; modules keep the settings and parameters and call them. `inplace=True` makes the argument itself
the result, as in PyTorch; where a graph goes through it, a tensor that shares its memory (by `detach()` or `reshape()`)
keeps the old values, and of a part, `x[0]`, it is refused. What is random takes `rng`, and draws from the default
generator without it.
"""

from typing import TYPE_CHECKING

from ...missing import missing
from .activations import (
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    relu6,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from .layers import (
    avg_pool2d,
    conv1d,
    conv2d,
    cosine_similarity,
    dropout,
    dropout2d,
    embedding,
    linear,
    max_pool2d,
    normalize,
    one_hot,
    pad,
)
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from .normalization import batch_norm, group_norm, layer_norm

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

if not TYPE_CHECKING:  # a type checker shall know that there are no other names
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            **{f"{name}_": f"write {name}(x, inplace=True)" for name in ("relu", "leaky_relu", "elu", "hardtanh")},
            "scaled_dot_product_attention": "docs/sequences.md composes attention in a few lines",
            "multi_head_attention_forward": "docs/sequences.md composes attention in a few lines",
            "embedding_bag": "write embedding(input, weight).mean(1), or .sum(1)",
            "gumbel_softmax": "write softmax((logits - log(-log(u))) / tau, dim=-1) with u = rand_like(logits)",
            "softmin": "write softmax(-x, dim=dim)",
            "pairwise_distance": "write the norm of x1 - x2 + 1e-6 over the last axis",
            "interpolate": "it is not there",
            "upsample": "it is not there",
            "hardswish": "write x * relu6(x + 3) / 6",
            "hardsigmoid": "write relu6(x + 3) / 6",
            "mish": "write x * tanh(softplus(x))",
            "softsign": "write x / (1 + x.abs())",
            "tanhshrink": "write x - tanh(x)",
            "selu": "write 1.0507009873554805 * elu(x, 1.6732632423543772)",
            "celu": "write elu(x / alpha) with alpha times as much, or elu(x) for alpha = 1",
            "glu": "split x in two along the axis, a and b, and write a * sigmoid(b)",
            "unfold": "it is not there: ops.windows cuts windows out of images",
        },
    )
