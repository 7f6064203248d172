"""What the demo found: the table, the figures and the errors that no client should have seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from hack.demo.breach import weight_zero_at
from hack.demo.record import Answer, Chapter, Recording

GRACE_S = 2.0
"""How long after weight 0 was read back the gateway may still pass a request on.

Its worst delay on an idle machine is 0.15 s; one whose two cores are busy starting an operator has had it at 0.5 s.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One version in the table.

    Attributes:
        requests: Answers that clients had from the version, whatever their status.
        errors: Those of them that were no 200.
        p95_ms: 95th percentile of the latency of its answers; None without answers.
        breach_to_zero_s: Seconds from the first breaching scrape to weight 0; None for a version that stays.
        errors_after_zero: Errors by this version to requests sent after weight 0 and the grace.
        last_answer_after_zero_s: How long after weight 0 the last request that it still answered was sent;
            negative
            when it was sent before; None for a version that stays.
    """

    version: str
    outcome: str
    reason: str
    requests: int
    errors: int
    p95_ms: float | None
    breach_to_zero_s: float | None
    errors_after_zero: int
    last_answer_after_zero_s: float | None


def errors_outside(answers: Sequence[Answer], *, bad: str, zero_at: float | None) -> list[Answer]:
    """Failed requests that are not the bad version's own doing while it had traffic.

    A failed request (any status but 200, or no answer) is outside if its answer does not name the bad
    version, if the gateway gave it in that version's place, or if it was sent more than `GRACE_S` after the route read
    back weight 0 for that version. One that was sent before and failed after is its own: it was under way.
    """
    ends = float("inf") if zero_at is None else zero_at + GRACE_S
    return [one for one in answers if not one.ok and (one.version != bad or one.by_gateway or one.sent_at > ends)]


def p95(latencies: Sequence[float]) -> float | None:
    """95th percentile; None of nothing, and the only value of one."""
    if len(latencies) < 2:
        return latencies[0] if latencies else None
    return quantiles(latencies, n=20, method="inclusive")[-1]


def rows(recording: Recording, chapters: Sequence[Chapter]) -> list[Row]:
    """The table, a row for each version in the order of the story."""
    return [_row(recording, chapter) for chapter in chapters]


def _row(recording: Recording, chapter: Chapter) -> Row:
    states = [one for one in recording.states if one.version == chapter.version]
    last = states[-1] if states else None
    answers = [one for one in recording.answers if one.version == chapter.version]
    zero = weight_zero_at(recording.routes, chapter.version, recording.services) if chapter.gate else None
    breach = recording.breaches.get(chapter.version)
    latency = p95([one.latency for one in answers])
    return Row(
        version=chapter.version,
        outcome=last.phase if last else "never seen",
        reason=last.sentence if last else "",
        requests=len(answers),
        errors=sum(not one.ok for one in answers),
        p95_ms=None if latency is None else round(latency * 1000, 1),
        breach_to_zero_s=None if zero is None or breach is None else round(zero - breach, 3),
        errors_after_zero=0 if zero is None else sum(not one.ok and one.sent_at > zero + GRACE_S for one in answers),
        last_answer_after_zero_s=None
        if zero is None or not answers
        else round(max(one.sent_at for one in answers) - zero, 3),
    )


def outside(recording: Recording, chapters: Sequence[Chapter]) -> list[Answer]:
    """Errors of the whole story that clients should not have seen: only the version that raises may raise."""
    bad = next((one.version for one in chapters if one.gate == "errors"), "")
    return errors_outside(recording.answers, bad=bad, zero_at=weight_zero_at(recording.routes, bad, recording.services))


def figures(
    *,
    table: Sequence[Row],
    chapters: Sequence[Chapter],
    errors: int,
    build_s: float,
    story_s: float,
    accuracy: Mapping[str, float],
) -> dict[str, float | int | None]:
    """The figures of the summary; one that could not be measured is None, never left out."""
    by_gate = {chapter.gate: row for chapter, row in zip(chapters, table, strict=True) if chapter.gate}

    def taken_back(gate: str) -> float | None:
        return by_gate[gate].breach_to_zero_s if gate in by_gate else None

    return {
        "build_s": round(build_s, 1),
        "story_s": round(story_s, 1),
        "client_errors_outside_bad_version": errors,
        "rollback_error_s": taken_back("errors"),
        "rollback_latency_s": taken_back("slow"),
        "accuracy_1_0_0": accuracy.get("1.0.0"),
        "accuracy_1_3_0": accuracy.get("1.3.0"),
    }


def otherwise(table: Sequence[Row], outside: Sequence[Answer], *, within: float) -> list[str]:
    """What went otherwise than it must although every version came to its end, one line each.

    A breach must lead to weight 0 in `within` seconds.
    """
    found = []
    if outside:
        first = outside[0]
        found.append(
            f"clients saw {len(outside)} errors that they should not have seen, the first "
            f"{first.status or 'without an answer'} from {first.version or 'no version'}: {first.error}"
        )
    for row in table:
        if row.breach_to_zero_s is not None and row.breach_to_zero_s > within:
            found.append(
                f"{row.version} reached weight 0 {row.breach_to_zero_s:.1f} s after the first breaching scrape, "
                f"must be within {within:.0f} s"
            )
        if row.outcome == "RolledBack" and row.breach_to_zero_s is None:
            found.append(f"{row.version} was taken back, but Prometheus has no sample at which its limit is exceeded")
    return found
