"""What a person should know of a column before it is learnt from, a line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from .dataset import Array

FAR = 20.0  # so many times the spread of the others lies what looks like a mark for no value
CODES = (-999, -9999, -99, 9999, 99999, 999)  # numbers that often stand for a missing value


def of_numbers(name: str, column: Array) -> list[str]:
    """That it says nothing, is too fine for float32, has values far from all others, or is rather a code."""
    present = column[~np.isnan(column)]
    low, high = float(present.min()), float(present.max())
    if low == high:
        return [f"{name}: {low:.6g} in every row, so that it tells nothing"]
    found = []
    if high - low < 1e-3 * max(abs(low), abs(high)):  # else float32 has digits enough
        distinct = np.unique(present)
        kept = len(np.unique(distinct.astype(np.float32)))
        if kept < 0.9 * len(distinct):
            found.append(
                f"{name}: of {len(distinct)} distinct values float32 keeps {kept} apart: subtract or multiply something"
            )
    lower, middle, upper = np.percentile(present, [5, 50, 95])
    spread = float(upper - lower)
    with np.errstate(over="ignore"):
        far = np.abs(present - middle) > FAR * max(spread, 1e-12 * abs(float(middle)))
    if spread and far.any() and np.count_nonzero(far) <= 0.05 * len(present):
        values = np.unique(present[far])
        mark = next((v for v in CODES if v in values), None)
        shown = ", ".join(f"{v:.6g}" for v in values[:3]) + (", ..." if len(values) > 3 else "")
        if mark is not None:
            found.append(f"{name}: {shown} is far from all other values: write nothing if it stands for a missing one")
        elif (present.std() or 1.0) > FAR * spread:
            found.append(
                f"{name}: {shown} is so far from the others that scaling leaves them no difference: set scaling=robust"
            )
    whole = len(present) > 50 and low >= 10_000 and bool((present == np.floor(present)).all())
    if whole and high < 100_000 and len(np.unique(present)) > 0.1 * len(present):
        found.append(f"{name}: whole numbers of five digits: if they are codes, such as zip codes, say text")
    return found


def near_equal(name: str, texts: Iterable[str]) -> list[str]:
    """Texts that differ in case or spaces alone."""
    alike = defaultdict(list)
    for text in texts:
        alike[" ".join(str(text).lower().split())].append(text)
    return [
        f"{name}: {' and '.join(map(repr, same))} differ in case or spaces alone, and count as different"
        for same in alike.values()
        if len(same) > 1
    ]
