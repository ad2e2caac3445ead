"""What operations are defined for: where one gave NaN or infinity because of its input, no smaller step mends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..records import Remedy

Range = tuple[float, float] | None
ABOVE_0 = "above 0: keep it there by clip(), or add a small number before"
BETWEEN = "between -1 and 1: keep it there by clip()"
# By operation: which input, from which lowest and highest value on it is outside, and where it must be.
DOMAINS: dict[str, tuple[int, Callable[[float, float], bool], str]] = {
    "log": (0, lambda low, high: low <= 0, ABOVE_0),
    "log2": (0, lambda low, high: low <= 0, ABOVE_0),
    "log10": (0, lambda low, high: low <= 0, ABOVE_0),
    "log1p": (0, lambda low, high: low <= -1, "above -1: keep it there by clip()"),
    "sqrt": (0, lambda low, high: low <= 0, ABOVE_0),
    "rsqrt": (0, lambda low, high: low <= 0, ABOVE_0),
    "reciprocal": (0, lambda low, high: low <= 0 <= high, "other than 0: add a small number before"),
    "div": (1, lambda low, high: low <= 0 <= high, "other than 0: add a small number before"),
    "arcsin": (0, lambda low, high: low <= -1 or high >= 1, BETWEEN),
    "arccos": (0, lambda low, high: low <= -1 or high >= 1, BETWEEN),
    "arctanh": (0, lambda low, high: low <= -1 or high >= 1, BETWEEN),
}


def guard(operation: str, ranges: Sequence[Range]) -> Remedy | None:
    """What to do where an operation was given what it is not defined for; None where it was not.

    `ranges` are the lowest and the highest value of each input.
    """
    if operation == "pow":
        return _of_power(ranges)
    if operation not in DOMAINS:
        return None
    place, outside, where = DOMAINS[operation]
    found = ranges[place] if place < len(ranges) else None
    if found is None or not outside(*found):
        return None
    what = "the divisor" if operation == "div" else "its input"
    return Remedy(f"guard {operation}: {what} goes from {found[0]:.3g} to {found[1]:.3g} and must be {where}")


def _of_power(ranges: Sequence[Range]) -> Remedy | None:
    base, exponent = (*ranges, None, None)[:2]
    if base is None or exponent is None or base[0] > 0:
        return None
    negative = exponent[0] < 0 and base[0] <= 0 <= base[1]
    if not negative and all(end.is_integer() for end in exponent):
        return None
    return Remedy(
        f"guard pow: its base goes from {base[0]:.3g} to {base[1]:.3g}, and for an exponent of {exponent[0]:.3g} it "
        f"must be {ABOVE_0}"
    )
