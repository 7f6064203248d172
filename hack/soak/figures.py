"""What clients were answered during a soak, and whose doing each failure was. Pure.

A version that was made to fail answers errors while it has traffic: those are its own. Every other failure is one that
no client should have seen: another version's, the gateway's in place of a version, no answer at all, or a bad version's
after its traffic was taken away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from hack.demo.breach import weight_zero_at
from hack.demo.record import Answer, RouteState
from hack.demo.report import errors_outside

Figures = dict[str, int | float | None]


def outside(
    answers: Sequence[Answer], *, bad: Sequence[str], routes: Sequence[RouteState], services: Mapping[str, str]
) -> list[Answer]:
    """Failures that are not a bad version's own while it had traffic.

    Args:
        answers: What clients were answered.
        bad: The versions that were made to fail.
        routes: The states of the model's route.
        services: The version that each InferenceService serves.
    """
    ends = {version: weight_zero_at(routes, version, services) for version in bad}
    others = [one for one in answers if one.version not in ends]
    found = errors_outside(others, bad="", zero_at=None)
    for version, zero_at in ends.items():
        own = [one for one in answers if one.version == version]
        found += errors_outside(own, bad=version, zero_at=zero_at)
    return sorted(found, key=lambda one: one.sent_at)


def figures(
    answers: Sequence[Answer], *, failures: Sequence[Answer], held_back: int, counts: Mapping[str, int | float]
) -> Figures:
    """The figures of a run; one that could not be measured is None, never left out.

    Args:
        answers: What clients were answered.
        failures: Those of them that nobody should have seen.
        held_back: Requests that were not sent because too many others waited for their answers.
        counts: What was done meanwhile, by name.
    """
    latencies = sorted(one.latency for one in answers)
    span = max(one.answered_at for one in answers) - min(one.sent_at for one in answers) if answers else None
    return {
        "requests": len(answers),
        **counts,
        "errors_of_bad_versions": sum(not one.ok for one in answers) - len(failures),
        "errors_outside": len(failures),
        "held_back": held_back,
        "latency_p50_ms": round(1000 * median(latencies), 1) if latencies else None,
        "latency_p99_ms": round(1000 * latencies[int(0.99 * (len(latencies) - 1))], 1) if latencies else None,
        "latency_max_ms": round(1000 * latencies[-1], 1) if latencies else None,
        "duration_s": round(span, 1) if span is not None else None,
    }
