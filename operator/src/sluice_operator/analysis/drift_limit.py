"""Whether predictions have moved too far: a limit on the population stability index, judged by its interval.

It is crossed where the whole interval is above it and passed where the whole interval is below; in between nobody can
tell, and it waits for more predictions.
"""

from ..api.gates import Limit
from ..api.status import Verdict
from .limits import Judged
from .predictions import Moved, Seen

_LABEL = 40


def judge_drift(limit: Limit, seen: Seen) -> Judged:
    """What a limit says of what was counted in the present step.

    Raises:
        ValueError: The limit has no `above`.
    """
    if limit.above is None:
        raise ValueError("how far predictions have moved can only be too far above a limit")
    found = seen.said
    if found is None:
        few = f"{seen.predictions:,} predictions in this step, stable's {seen.stable:,}"
        return Judged(Verdict.NO_DATA, f"{few}: {seen.looks_at:,} of each needed")
    low, high = found.drift.low, found.drift.high
    verdict = Verdict.FAIL if low > limit.above else Verdict.PASS if high <= limit.above else Verdict.NO_DATA
    told = f"predictions moved by {max(0.0, found.drift.corrected):.2g} ({low:.2g} to {high:.2g})"
    told += f", limit {limit.above:g}, in {found.predictions:,} predictions, stable's {found.stable:,}{_most(found)}"
    if verdict is Verdict.NO_DATA:
        told = f"cannot tell yet: {told}; looks again at {seen.looks_at:,}"
    return Judged(verdict, told, found.drift.corrected, undecided=verdict is Verdict.NO_DATA)


def _most(found: Moved) -> str:
    """The class that has moved most; its name is what a model writes."""
    if found.most is None:
        return ""
    label, candidate, stable = found.most
    shown = "".join(char if char.isprintable() else "?" for char in label)
    shown = shown if len(shown) <= _LABEL else shown[: _LABEL - 1] + "…"
    return f', most of all "{shown}": {candidate:.1%} beside {stable:.1%}'
