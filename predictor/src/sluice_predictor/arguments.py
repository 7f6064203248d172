"""The manner of every command line here: what is wrong is said in one line, and help is where it is asked for."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that ends the process with status 2 and one line on standard error when the command line is wrong."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read what would be right."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help tells more)\n")


def digest(text: str) -> str:
    """Read a version's digest.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"expected sha256: and 64 hex digits, got {text!r}")
    return text
