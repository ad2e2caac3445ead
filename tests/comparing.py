"""When a result is the same as PyTorch's, and when an exception is a refusal in words."""

from __future__ import annotations

import dis
import re
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

import tinygrad_nn
from tinygrad_nn import Tensor

try:
    import torch
except ImportError:  # who imports this has asked for it first
    torch = None  # type: ignore[assignment]

HOME = str(Path(tinygrad_nn.__file__).parent)


class Unlike(Exception):
    """Something of PyTorch's that has no counterpart here: complex numbers, sparse tensors."""


class Difference(AssertionError):
    """A result that is not PyTorch's."""


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """NumPy's name for one of PyTorch's dtypes."""
    name = str(dtype).removeprefix("torch.")
    if dtype.is_complex or not hasattr(np, name):
        raise Unlike(f"the dtype {name}")
    return np.dtype(getattr(np, name))


# --- results

# How far two results may be apart, as a share of the number itself and of the largest number that went into it.
Tolerance = tuple[float, float]
EXACT: dict[str, Tolerance] = {"float64": (1e-10, 1e-12), "float32": (2e-5, 2e-6), "float16": (2e-3, 2e-3)}


def same(ours: Any, theirs: Any, what: str, *, values: bool = True, largest: float = 1.0, slack: float = 1.0) -> None:
    """Difference where two results differ in structure, dtype, shape or values.

    `largest` is the largest number that went in, and `slack` multiplies what rounding is granted.
    """
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, Tensor):
            raise Difference(f"{what} is {_short(ours)}, not a tensor of shape {tuple(theirs.shape)}")
        if ours.dtype != numpy_dtype(theirs.dtype):
            raise Difference(f"{what} is {ours.dtype}, not {numpy_dtype(theirs.dtype)}")
        if ours.shape != tuple(theirs.shape):
            raise Difference(f"{what} has shape {ours.shape}, not {tuple(theirs.shape)}")
        if values:
            _close(ours.data, theirs.detach().numpy(force=True), what, largest, slack)
    elif isinstance(theirs, tuple | list):
        if not isinstance(ours, tuple | list) or len(ours) != len(theirs):
            raise Difference(f"{what} is {_short(ours)}, not {_short(theirs)}")
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same(a, b, f"{what}, part {i}", values=values, largest=largest, slack=slack)
    elif isinstance(theirs, np.ndarray):
        if not isinstance(ours, np.ndarray) or (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise Difference(f"{what} is {_short(ours)}, not an array {theirs.shape} of {theirs.dtype}")
        _close(ours, theirs, what, largest, slack)
    elif isinstance(theirs, torch.dtype):
        if np.dtype(ours) != numpy_dtype(theirs):
            raise Difference(f"{what} is {ours}, not {theirs}")
    elif isinstance(theirs, torch.device):
        if str(ours) != str(theirs):
            raise Difference(f"{what} is {ours}, not {theirs}")
    elif isinstance(theirs, int | float) and isinstance(ours, int | float) and not isinstance(theirs, bool):
        if values:
            _close(np.asarray(ours, float), np.asarray(theirs, float), what, largest, slack)
    elif values and (type(ours) is not type(theirs) or ours != theirs):
        raise Difference(f"{what} is {_short(ours)}, not {_short(theirs)}")


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 200 else text[:200] + "..."


def _close(ours: Any, theirs: Any, what: str, largest: float, slack: float) -> None:
    if theirs.dtype.kind != "f":
        wrong = ours != theirs
    else:
        share, of_largest = EXACT[theirs.dtype.name]
        finite = theirs[np.isfinite(theirs)]
        largest = max(1.0, largest, float(np.abs(finite).max()) if finite.size else 0.0)
        with np.errstate(all="ignore"):
            off = np.abs(ours - theirs)
            wrong = ~((off <= slack * (share * np.abs(theirs) + of_largest * largest)) | (ours == theirs))
        wrong &= ~(np.isnan(ours) & np.isnan(theirs))
        wrong |= np.isinf(theirs) & (ours != theirs)
    if np.any(wrong):
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        count = f", {int(np.sum(wrong))} of {wrong.size} differ" if wrong.size > 1 else ""
        raise Difference(f"{what} is {ours[place]!r} at {place}, not {theirs[place]!r}{count}")


# --- exceptions

CALL = re.compile(r"(?P<name>[\w.<>]+)\(\) (got|takes|missing) ")


def in_words(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether an exception is a refusal in words: of one of these kinds, and raised by the library on purpose.

    Or by Python before the library is reached, which has no such argument or operator. What falls out of Python or of
    NumPy within the library is neither.
    """
    if not isinstance(error, kinds) or "<lambda>" in str(error):
        return False
    call = CALL.match(str(error))
    if call and isinstance(error, TypeError):
        name = call["name"].split(".")[-1]
        return not name.startswith("_") or name.startswith("__")
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not any(name.startswith(HOME) for name in frames):
        return True
    return frames[-1].startswith(HOME) and _raised(error.__traceback__)


def _raised(tb: TracebackType | None) -> bool:
    """Whether the exception came of a `raise`."""
    assert tb is not None
    while tb.tb_next is not None:
        tb = tb.tb_next
    return dis.opname[tb.tb_frame.f_code.co_code[tb.tb_lasti]] in ("RAISE_VARARGS", "RERAISE")
