"""What to say of a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> ValueError:
    """The error for a `name` that is none of the `known` (`where`: "in iris.csv"): it suggests the closest."""
    known = tuple(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return ValueError(f"there is no {what} {name!r}{where and f' {where}'}: {hint}They are {', '.join(known)}")
