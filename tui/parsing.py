"""What all commands share: exit codes, and how bad input is told."""

from __future__ import annotations

import argparse
from typing import NoReturn

OK, FAULT, CANNOT = 0, 1, 2


class Refused(Exception):
    """Bad input: the message is one clear line for the user."""


class Parser(argparse.ArgumentParser):
    """Complaints as one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message} (try {self.prog} --help)")
