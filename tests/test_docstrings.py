"""Docstrings have one form: the errors that a call raises are in a section of their own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(p for folder in ("tinygrad_nn", "tui") for p in (ROOT / folder).rglob("*.py"))
SECTIONS = ("Args", "Attributes", "Example", "Note", "Raises", "References", "Returns", "Yields")
ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exists|Restart|Warning)\b")


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(item, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(item)
            if text:
                yield getattr(item, "name", path.stem), text


def raises(text: str) -> tuple[str, list[str]]:
    """What comes before the section, and its entries; a line that goes on is part of its entry."""
    before, _, section = text.partition("\nRaises:\n")
    lines = section.partition("\n\n")[0]
    return before, re.split(r"\n    (?=\S)", "\n" + lines)[1:] if lines else []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_errors_are_in_a_section(path: Path) -> None:
    for name, text in docstrings(path):
        before, entries = raises(text)
        told = re.search(r"`?[A-Z]\w*Error`?(?:, \w+Error)*(?:: | for | where )", before)
        assert told is None, f"{name}: {told} belongs under Raises:"
        if "Raises:" in text:
            assert entries, name
        for entry in entries:
            error, colon, when = entry.partition(": ")
            assert ERROR.search(error), f"{name}: {entry!r} names no error"
            assert colon, f"{name}: {entry!r}"
            assert when.rstrip().endswith("."), f"{name}: {entry!r} is not a sentence"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_sections_have_the_names_that_the_linter_knows(path: Path) -> None:
    for name, text in docstrings(path):
        for heading in re.findall(r"^(\w+):$", text, re.MULTILINE):
            assert heading in SECTIONS, f"{name}: {heading}"
