"""A state as bytes: nested plain values and arrays, without executing anything when it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.node import Array

MAGIC = b"nn-state 1\n"


def pack(state: Any) -> bytes:
    """Mappings, lists, tuples, arrays, numbers, texts and None as bytes.

    A JSON description of the structure, then the arrays' bytes one after another.

    Raises:
        TypeError: anything else.
    """
    arrays: list[Array] = []
    head = json.dumps(_described(state, arrays), separators=(",", ":")).encode()
    return b"".join([MAGIC, len(head).to_bytes(8, "little"), head, *(a.tobytes() for a in arrays)])


def unpack(packed: bytes) -> Any:
    """What `pack` was given.

    Raises:
        ValueError: the bytes are not its.
    """
    start = len(MAGIC) + 8
    try:
        if packed[: len(MAGIC)] != MAGIC:
            raise ValueError("they begin with something else")
        end = start + int.from_bytes(packed[len(MAGIC) : start], "little")
        state, rest = _rebuilt(json.loads(packed[start:end]), memoryview(packed)[end:])
        if len(rest):
            raise ValueError(f"{len(rest)} bytes are left over")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"these {len(packed)} bytes are not a state of a run: {error}") from None
    return state


def _described(value: Any, arrays: list[Array]) -> Any:
    """The value as JSON; what JSON does not have is an object with one key that says what it is."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": [value.dtype.str, value.shape]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {"mapping": [[_described(k, arrays), _described(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_described(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_described(v, arrays) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a state holds plain values and arrays, not {value!r}")


def _rebuilt(value: Any, rest: memoryview) -> tuple[Any, memoryview]:
    """The value again, and the bytes that it left."""
    if isinstance(value, list):
        items = []
        for item in value:
            rebuilt, rest = _rebuilt(item, rest)
            items.append(rebuilt)
        return items, rest
    if not isinstance(value, dict):
        return value, rest
    ((kind, content),) = value.items()
    if kind == "array":
        dtype, shape = np.dtype(content[0]), tuple(content[1])
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        if len(rest) < size:
            raise ValueError(f"an array of shape {shape} is cut off")
        return np.frombuffer(rest[:size], dtype).reshape(shape).copy(), rest[size:]
    items, rest = _rebuilt(content, rest)
    return (tuple(items) if kind == "tuple" else dict(items)), rest
