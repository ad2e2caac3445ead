"""The differences from PyTorch that are documented, each with its reason."""

from __future__ import annotations

import re

import torch

from tests.drawn_programs.running import Line, Run


def excuse(run: Run, line: Line, message: str) -> str | None:
    """Why a difference is meant, or None if it is not."""
    for check in CHECKS:
        reason = check(run, line, message)
        if reason:
            return reason
    return None


def equal_elements(run: Run, line: Line, message: str) -> str | None:
    if line.name == "topk" and "part 1" in message:
        ours, theirs = (env[line.targets[0]] for env in (run.ours, run.theirs))
        source = re.search(r"(v\d+)", line.here.split("=", 1)[1])
        assert source is not None
        values = run.theirs[source.group(1)].detach()
        dim = re.search(r", (-1)", line.here)
        del dim
        found = values.gather(-1, torch.tensor(ours[1].data)) if values.ndim else values
        if torch.equal(found, theirs[0].detach()):
            return "which of equal elements topk takes, PyTorch leaves open: here it is the first"
    return None


CHECKS = (equal_elements,)
