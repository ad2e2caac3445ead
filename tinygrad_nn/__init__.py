"""tinygrad_nn: a minimal reverse-mode autograd library on NumPy, with PyTorch's names."""

import typing as _typing
from importlib import import_module as _import_module

import numpy as _np

from . import numpy_interface as _numpy_interface
from .core.backward import enable_grad, grad, is_grad_enabled, no_grad
from .creation import (
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from .generator import manual_seed
from .ops import Primitive, concatenate, einsum, maximum, minimum, one_hot, pad, stack
from .tensors import Tensor, tensor
from .tensors import above as _above
from .tensors import further_names as _further_names
from .torch_names import TensorNames as _TensorNames
from .torch_names.elsewhere import ABSENT as _ABSENT

if _typing.TYPE_CHECKING:
    from . import autograd, nn, optim
    from .anomaly import AnomalyError, detect_anomaly
    from .func import hessian, hvp, jacobian, jvp, value_and_grad, vjp
    from .torch_names.top import *  # noqa: F403

__version__ = "0.1.0"
__all__ = [
    "AnomalyError",
    "Primitive",
    "Tensor",
    "arange",
    "as_tensor",
    "autograd",
    "bernoulli",
    "concatenate",
    "detect_anomaly",
    "einsum",
    "empty",
    "empty_like",
    "enable_grad",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "linspace",
    "manual_seed",
    "maximum",
    "minimum",
    "nn",
    "no_grad",
    "normal",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "pad",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "stack",
    "tensor",
    "value_and_grad",
    "vjp",
    "where",  # noqa: F405 - found below
    "zeros",
    "zeros_like",
]

# A training step frees what the next one allocates. glibc would hand large arrays back to the system in between,
# and page faults would cost more than the arithmetic (five times, on a million elements). It learns to keep
# them from the largest block that it has ever seen freed; other allocators do not mind.
_np.empty(2**25 - 2**13, _np.uint8)


# --- what is loaded when somebody asks for it: the parts that stand on tensors, and PyTorch's names

_LATE = {
    **{name: f".{name}" for name in ("anomaly", "autograd", "func", "nn", "optim")},
    **dict.fromkeys(("AnomalyError", "detect_anomaly"), ".anomaly"),
    **dict.fromkeys(("hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"), ".func"),
}
_further_names(vars(_TensorNames), _ABSENT)


def _picture(of: Tensor) -> str | None:
    from .graph.pictures import svg_or_none

    return svg_or_none(of)


_above.ufunc, _above.function, _above.picture = _numpy_interface.ufunc, _numpy_interface.function, _picture

if not _typing.TYPE_CHECKING:

    def __getattr__(name):
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in _LATE:
            found = _import_module(_LATE[name], __name__)
            value = found if _LATE[name] == f".{name}" else getattr(found, name)
        else:
            from .torch_names import top

            value = top.find(name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    from .torch_names import top

    return sorted({*globals(), *__all__, *top.__all__})
