"""Numbers for people, apart from what draws, since commands that only print take no time to import it."""

from __future__ import annotations

from math import isfinite, isnan
from typing import Any


def format_number(value: Any) -> str:
    """A number in few characters: `0.012`, `3.1e-05`, `504`, `12.4k`, `nan`; `–` for None."""
    if value is None:
        return "–"
    number = float(value)
    if isnan(number) or not isfinite(number):
        return str(number)
    if number == int(number) and abs(number) < 10_000:
        return str(int(number))
    size = abs(float(f"{number:.3g}"))
    if size < 1e-3 or size >= 1e12:
        return f"{number:.1e}"
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{number / unit:.3g}{suffix}"
    return f"{number:.3g}"
