"""How much memory there is, and a refusal of what would take too much of it, before it is taken."""

from __future__ import annotations

import os
import stat
from pathlib import Path

FORCE = "NN_DEBUG_FORCE"  # in the environment: nothing is refused for its size
SHARE = 0.5  # of what is available
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container
USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


def available() -> int:
    """The bytes that can still be had, by the system and by a container's limit; a large number if nothing says."""
    found = [2**62]
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit, used in zip(LIMITS, USED, strict=True):
        try:
            found.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return max(min(found), 0)


def refuse_above(size: int, what: str, instead: str) -> None:
    """Refuse `size` bytes, which `what` takes, if they are too many; `instead` says what to do.

    Raises:
        ValueError: they are more than half of the memory available.
    """
    there = available()
    if size > SHARE * there and not os.environ.get(FORCE):
        raise ValueError(
            f"{what} takes about {shown(size)} of memory, more than half of the {shown(there)} that are available: "
            f"{instead}, or insist with --force"
        )


def shown(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"


def refuse_other_than_a_file(path: Path) -> None:
    """Refuse what is not a file: a pipe or a device would be waited for.

    Raises:
        ValueError: it is another thing.
        OSError: nothing is there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "folder" if path.is_dir() else "pipe or a device"
        raise ValueError(f"{path} is a {kind}, not a file")
