"""Where an operation was called: the user's source line, and the modules whose `forward` it was in.

Both are read off Python's frames, which is slow: only what watches operations one by one (`detect_anomaly`,
`graph.recording`) asks.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

PACKAGE = os.path.dirname(os.path.realpath(__file__))
OWN = tuple(os.path.join(package, "") for package in (PACKAGE, os.path.join(os.path.dirname(PACKAGE), "tui")))


@dataclass(frozen=True)
class Place:
    """Where an operation was called.

    The user's source line (0: no line is theirs), and the module whose forward() it was in.
    """

    file: str
    line: int
    code: str
    module: str

    def __str__(self) -> str:
        if not self.line:
            return f"in module {self.module}" if self.module else "called by the library itself"
        inside = f", in module {self.module}" if self.module else ""
        return f"{self.file}, line {self.line}{inside}:\n    {self.code}"


def caller(until: FrameType | None = None) -> Place:
    """The innermost frame outside the library, and the path of the innermost module around it.

    What called `until` is not the user's: where the library itself began to watch, that is how it was started.
    """
    user = inner = outer = None
    sought = True
    for frame in stack(sys._getframe(1)):
        if sought and not own(frame):
            user, sought = frame, False
        sought = sought and frame is not until
        module = module_of(frame)
        if module is not None:
            inner = module if inner is None else inner
            outer = module
    path = next((n or type(m).__name__ for n, m in outer.named_modules() if m is inner), "") if outer else ""
    if user is None:
        return Place("", 0, "", path)
    file, line = user.f_code.co_filename, user.f_lineno
    return Place(file, line, linecache.getline(file, line).strip(), path)


def stack(frame: FrameType | None, until: FrameType | None = None) -> Iterator[FrameType]:
    """`frame` and its callers, innermost first, no further than `until`."""
    while frame is not None:
        yield frame
        if frame is until:
            return
        frame = frame.f_back


def own(frame: FrameType) -> bool:
    """Whether a frame is the project's, and so none of the user's business."""
    return frame.f_code.co_filename.startswith(OWN)


def module_of(frame: FrameType) -> Any:
    """The module whose `forward` a frame runs, or None; a module is known by what it can do, for `nn` lies above."""
    module = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
    return module if hasattr(module, "named_modules") else None
