"""What the commands write: safe to show, and in whatever encoding the stream has.

All that a command prints goes through `say`, or a console of `tui.console`. Names come out of other people's files, and
a terminal obeys what it is sent.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from .exits import Refused

if TYPE_CHECKING:
    from pathlib import Path

# Control characters; surrogates, which a file name holds that is not in the system's encoding; what breaks lines or
# turns the direction of writing; what is not seen. Joiners and soft hyphens belong to words.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def safe(text: str, lines: bool = False) -> str:
    r"""`text` with what a terminal would obey or hide as escapes, `\x1b`; with `lines`, newlines and tabs stay."""
    return UNSAFE.sub(lambda found: found[0] if lines and found[0] in "\n\t" else _escaped(found[0]), text)


def bare(text: str) -> str:
    """`text` without that, in as many cells as before: only the surrogates had any."""
    return UNSAFE.sub(lambda found: "?" if "\ud800" <= found[0] <= "\udfff" else "", text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a name that could not be decoded
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def say(text: str, to: IO[str] | None = None) -> None:
    """Print lines, on standard output unless said otherwise."""
    print(safe(text, lines=True), file=to or sys.stdout)


def complain(text: str) -> None:
    """Print lines on standard error, after the program's name."""
    say(f"nn-debug: {text}", sys.stderr)


def announce(what: str) -> None:
    """Say what takes a while, to a person who waits at a terminal."""
    if sys.stderr.isatty():
        complain(f"{what} …")
        sys.stderr.flush()


@contextmanager
def counting(patience: float = 3) -> Iterator[None]:
    """Meanwhile count the seconds, after some, for a person who waits at a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def count() -> None:
        begun = time.monotonic()
        while not done.wait(1):
            if (seconds := time.monotonic() - begun) >= patience:
                print(f"\rnn-debug: {seconds:.0f} s ", end="", file=sys.stderr, flush=True)

    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield
    finally:
        done.set()
        counter.join()
        print(end="\r", file=sys.stderr, flush=True)


# --- encodings

HANDLER = "nn-debug"
# One character each, so that columns stay columns.
ALIKE = str.maketrans("→←↑↓–—…·∇Δ²✖✔▲●○◐█▪│─┌┐└┘├┤┬┴┼╭╮╰╯━┃║═", "><^v--..gd2x+!*o*#*|-+++++++++++++-||=")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """The part of a text that an encoding has no characters for: signs like ours, a question mark for all others."""
    assert isinstance(error, UnicodeEncodeError)
    part = error.object[error.start : error.end]
    return "".join(map(_alike, part)), error.end


def _alike(character: str) -> str:
    if "\u2800" <= character <= "\u28ff":  # braille, of which curves are drawn
        return " " if character == "\u2800" else "*"
    alike = character.translate(ALIKE)
    return alike if alike.isascii() else "?"


def prepare() -> None:
    """Make the standard streams fit to be written to: all of them open, no character that one cannot carry.

    `Refused` where standard output is closed.
    """
    codecs.register_error(HANDLER, _replaced)
    missing = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in missing:  # the next file to be opened would take its number, and get what is printed
        setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    if "stdout" in missing:
        raise Refused("standard output is closed: send it to a file, or to /dev/null")
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # somebody has put a stream of their own in its place
            cast(Any, stream).reconfigure(errors=HANDLER)


# --- pipes and files


def deliver(path: Path, output: IO[bytes], text: bool) -> None:
    """Write what is in a file. `Refused` where that is not text, and a terminal is to show it."""
    content = path.read_bytes()
    if output.isatty():
        if not text:
            raise Refused("a terminal cannot show that: send it to a file or a pipe, or name a file by -o")
        content = safe(content.decode("utf-8"), lines=True).encode(sys.stdout.encoding, HANDLER)
    output.write(content)


def reader_gone() -> bool:
    """Whether nobody can read any more what is written to standard output or standard error."""
    if not hasattr(select, "poll"):
        return True
    for descriptor in (1, 2):
        poll = select.poll()
        poll.register(descriptor, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            return True
    return False


def mute() -> None:
    """Throw away what is still to be written: nobody reads it, and Python would complain at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(null, stream.fileno())
    os.close(null)


@contextmanager
def reserved() -> Iterator[IO[bytes]]:
    """Standard output for one thing alone; what anything else prints meanwhile goes to standard error.

    That holds for an experiment's own code too, and for programs that it starts.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with open(kept, "wb", closefd=False) as output:
            yield output
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
