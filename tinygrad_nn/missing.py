"""What a module says of a name that PyTorch's module has and this one has not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn


def missing(module: str, here: Callable[[], list[str]], instead: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """The `__getattr__` of `module`, whose names `here` gives. It refuses a name that the module does not have.

    `instead` says what to write for it; otherwise the closest name is suggested.
    """

    def getattr_(name: str) -> NoReturn:
        if name.startswith("_"):  # asked for by Python itself
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        if name in instead:
            raise AttributeError(f"{module} has no {name}: {instead[name]}")
        from difflib import get_close_matches

        close = get_close_matches(name, here(), n=1)
        raise AttributeError(f"{module} has no {name}" + (f": did you mean {close[0]}?" if close else ""))

    return getattr_
