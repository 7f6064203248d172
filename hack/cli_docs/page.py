"""The page: written by hand but for what commands print, which stands between marks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BLOCK = re.compile(r"(<!-- run: (?P<name>[a-z-]+) -->\n)```console\n.*?```\n", re.DOTALL)
_RAN_ON = re.compile(r"<!-- ran on -->.*?<!-- end -->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command as a person typed it, and what came."""

    command: str
    printed: str
    status: int

    def __str__(self) -> str:
        ended = f"exit status {self.status}" if self.status else ""
        printed = "\n".join(line.rstrip() for line in self.printed.rstrip().splitlines())
        return "\n".join(part for part in (f"$ {self.command}", printed, ended) if part)


def filled(page: str, ran: Mapping[str, Ran], *, on: str) -> str:
    """The page with what the commands printed; one that was not run keeps what it had.

    Raises:
        KeyError: a command was run that the page has no place for.
    """
    places = {found["name"] for found in _BLOCK.finditer(page)}
    unknown = ran.keys() - places
    if unknown:
        raise KeyError(f"docs/cli.md has no place for {', '.join(sorted(unknown))}")

    def block(found: re.Match[str]) -> str:
        one = ran.get(found["name"])
        return found[0] if one is None else f"{found[1]}```console\n{one}\n```\n"

    return _RAN_ON.sub(f"<!-- ran on -->{on}<!-- end -->", _BLOCK.sub(block, page))
