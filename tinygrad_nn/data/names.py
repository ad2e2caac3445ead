"""What to say of a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType


def unknown(
    what: str,
    name: str,
    known: Iterable[str],
    where: str = "",
    also: Mapping[str, str] = MappingProxyType({}),
) -> ValueError:
    """The error for a `name` that is none of the `known` (`where`: "in iris.csv"): it suggests the closest.

    `also` are other names by which one of the known may be called.
    """
    known = tuple(known)
    close = difflib.get_close_matches(name, (*known, *also), n=1)
    hint = f"did you mean {also.get(close[0], close[0])}? " if close else ""
    return ValueError(f"there is no {what} {name!r}{where and f' {where}'}: {hint}They are {', '.join(known)}")
