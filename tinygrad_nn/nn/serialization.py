"""Weights in files: safetensors, with the names, shapes and layouts of PyTorch's state_dict.

    nn.save(model, "model.safetensors")
    model.load_state_dict(nn.load("model.safetensors"))

PyTorch reads such a file by `safetensors.torch.load_file`, and `load` reads the ones it wrote: a
`Linear` weight is (out, in) on both sides, nothing is turned or renamed. Needs the extra `weights`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..core.node import Array, as_array
from ..tensors import Tensor
from .module import Module

if TYPE_CHECKING:
    from pathlib import Path

StrPath: TypeAlias = str | os.PathLike[str]

CHECKSUM = "tinygrad_nn.crc32"  # safetensors itself would not notice a flipped bit in a weight
BFLOAT16 = "BF16"  # NumPy has no such numbers: they are the upper halves of float32
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", BFLOAT16: "<u2",
}  # fmt: skip


def save(state: Module | Mapping[str, ArrayLike | Tensor], path: StrPath) -> None:
    """Write a module's `state_dict`, or one given as a mapping, to the safetensors file `path`.

    The file is replaced as a whole: if the process or the machine stops at any moment, `path` holds
    all of the old or all of the new, and at worst a hidden temporary file is left in the folder. What is
    used in two places is written under both names.

    Raises:
        OSError: a full disk, a folder that is missing or not writable; the old file is as it was, and nothing is left
            beside it.
        TypeError: an entry that safetensors cannot hold.
        ImportError: no safetensors.
    """
    safetensors = _safetensors()
    if isinstance(state, Module):
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise TypeError(f"save() takes a Module or a state_dict, then the path; not a {type(state).__name__}")
    # safetensors takes the memory as it lies, whatever the strides say
    arrays = {name: np.asarray(as_array(value), order="C") for name, value in state.items()}
    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in DTYPES.values():
            raise TypeError(f"a safetensors file holds no {array.dtype}, as {name!r} is: convert it first")
    replace_file(path, safetensors.numpy.save(arrays, {CHECKSUM: _checksum(arrays)}))


def load(path: StrPath) -> dict[str, Array]:
    """The arrays in a safetensors file by name, for `Module.load_state_dict`; bfloat16 becomes float32.

    Parameters that `safetensors.torch.save_model` wrote once because they are shared are there under each name.

    Raises:
        ValueError: not a safetensors file, or one that was cut short or damaged (every change to a weight in a file of
            ours is found by its checksum).
        OSError: it cannot be read.
        ImportError: no safetensors.
    """
    safetensors = _safetensors()
    with open(path, "rb") as file:
        content = file.read()
    try:
        entries = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or not a whole one: {error}") from None
    unknown = [f"{name} ({entry['dtype']})" for name, entry in entries if entry["dtype"] not in DTYPES]
    if unknown:
        raise ValueError(f"{path} holds numbers that NumPy lacks: {', '.join(unknown)}")
    arrays = {name: _array(entry) for name, entry in entries}
    metadata = _metadata(content)
    if metadata.get(CHECKSUM, checksum := _checksum(arrays)) != checksum:
        raise ValueError(f"{path} is damaged: its weights do not match the checksum that was saved with them")
    arrays |= {name: arrays[kept].copy() for name, kept in metadata.items() if kept in arrays and name not in arrays}
    return arrays


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("saving and loading weights needs safetensors: pip install 'tinygrad-nn[weights]'") from error
    return safetensors


def _array(entry: Mapping[str, Any]) -> Array:
    array = np.frombuffer(entry["data"], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    if entry["dtype"] == BFLOAT16:
        return np.asarray(array.astype(np.uint32) << 16, np.uint32).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="))


def _metadata(content: bytes) -> dict[str, str]:
    """The texts kept with the weights: the header, JSON, follows its own length in 8 bytes."""
    import json  # here, as pathlib below: a library that is imported for its tensors need not wait for them

    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def _checksum(arrays: Mapping[str, Array]) -> str:
    crc = 0
    for name, array in sorted(arrays.items()):
        crc = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode(), crc)
        crc = zlib.crc32(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(), crc)
    return f"{crc:08x}"


def replace_file(target: StrPath, content: bytes) -> None:
    """Make `content` the file at `target` in one step, through a temporary file in the same folder."""
    from pathlib import Path

    path = Path(os.path.realpath(target))  # a link stays a link
    temporary = path.with_name(f".tinygrad_nn-{os.urandom(8).hex()}.tmp")
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "Not a regular file")
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # or the new name could reach the disk before what it names
            if path.exists():
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = f"{error.strerror or error}; nothing was saved, what was there is unchanged"
        raise OSError(error.errno, reason, str(path)) from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk; where folders cannot be synced the system does so in its own time."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
