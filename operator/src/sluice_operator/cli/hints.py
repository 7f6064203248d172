"""What somebody may have meant who typed a name that nothing has."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 3
_ALIKE = 0.5
ELSEWHERE = ": -n names another namespace, -A all of them"
"""Where no name is near."""


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that says that there is no such name."""
    near = get_close_matches(name, sorted(set(known)), n=_MOST, cutoff=_ALIKE)
    return f": did you mean {' or '.join(near)}?" if near else ELSEWHERE
