"""What a plan is asked: the steps and gates of a rollout, with the traffic that people measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...analysis import plan
from ...analysis.false_fire import Threshold
from ...analysis.limits import CHECKS
from ...analysis.plan import Limited, Plan
from ...analysis.simulation import Compared, Rollout, Step
from ...analysis.spans import fitting
from ...analysis.verdicts import tolerance_of
from ...api.gates import Compare, Gate, Limit, LimitAction, Metric, When
from ...api.settings import EffectiveRollout, Strategy
from ..errors import QuestionError
from .files import Given


@dataclass(frozen=True, slots=True)
class Question:
    """A rollout under traffic."""

    name: str
    rollout: Rollout
    limits: tuple[Limited, ...]
    interval: float
    """Seconds between two looks."""
    drifts: tuple[str, ...] = ()
    """Gates that ask how far predictions have moved: nobody can plan that without knowing by how much they do."""

    def answer(self) -> Plan:
        """What the rollout will do."""
        try:
            return plan.plan(self.rollout, limits=self.limits, interval=self.interval)
        except ValueError as error:
            raise QuestionError(str(error)) from error


def asked(given: Given, *, rate: float, bad: Sequence[str]) -> Question:
    """Put settings and traffic together.

    Args:
        given: The rollout.
        rate: Requests per second to the model.
        bad: Shares of bad requests, as `GATE=SHARE`, or `SHARE` for all gates that are not named.

    Raises:
        QuestionError: A share is missing or is none, or nothing of this rollout can be planned.
    """
    settings = given.settings
    if settings.strategy is not Strategy.CANARY or not settings.steps:
        raise QuestionError(f"strategy {settings.strategy} without steps: there is nothing to plan")
    asked_in_steps = [gate for gate in settings.analysis.gates if When.STEP in gate.at]
    gates = [gate for gate in asked_in_steps if gate.counts_requests]
    shares = _shares(bad, gates)
    compared = tuple(_compared(gate, one, shares[gate.name]) for gate in gates if (one := gate.compare) is not None)
    interval = settings.analysis.interval.total_seconds()
    limits = tuple(
        Limited(name=gate.name, threshold=threshold, bad=shares[gate.name])
        for gate in gates
        if gate.limit is not None and (threshold := _threshold(gate.limit, interval)) is not None
    )
    if not compared and not limits:
        raise QuestionError("no gate of this rollout compares, and none has a limit that takes a version back")
    try:
        return Question(
            name=given.name,
            rollout=Rollout(
                steps=_steps(settings, interval),
                gates=compared,
                rate=rate,
                max_hold=settings.max_hold.total_seconds(),
                alpha=settings.analysis.alpha,
                beta=settings.analysis.beta,
                held_back=settings.probation.holdback > 0,
                span=fitting(math.ceil(interval), rate=rate, weight=_least_part(settings)),
            ),
            limits=limits,
            interval=interval,
            drifts=tuple(gate.name for gate in asked_in_steps if gate.metric is Metric.PREDICTION_DRIFT),
        )
    except ValueError as error:
        raise QuestionError(str(error)) from error


def _steps(settings: EffectiveRollout, interval: float) -> tuple[Step, ...]:
    """The steps, and probation where stable keeps a part of the traffic that can be compared with."""
    held = [(step.weight, step.hold) for step in settings.steps]
    if settings.probation.holdback > 0:
        held.append((100 - settings.probation.holdback, settings.probation.duration))
    # No step ends before its gates have looked once.
    return tuple(Step(weight=weight / 100, hold=max(interval, hold.total_seconds())) for weight, hold in held)


def _least_part(settings: EffectiveRollout) -> float:
    """The least part of all requests that one of two versions gets in the steps."""
    return min(min(step.weight, 100 - step.weight) for step in settings.steps) / 100


def _compared(gate: Gate, compare: Compare, bad: float) -> Compared:
    return Compared(
        name=gate.name,
        bad=bad,
        tolerance=tolerance_of(gate),
        worse_by=compare.worse_by,
        negligible=compare.negligible,
    )


def _threshold(limit: Limit, interval: float) -> Threshold | None:
    """A limit that takes a version back for too many bad requests; None for others."""
    above = limit.above if limit.at_least is None else math.nextafter(limit.at_least, 0.0)
    if above is None or limit.action is not LimitAction.ROLLBACK:
        return None
    checks = limit.checks or CHECKS
    if limit.for_ is not None:
        checks = 1 + math.ceil(limit.for_.total_seconds() / interval)
    window = limit.looks_back.total_seconds()
    return Threshold(above=above, window=window, checks=checks, min_requests=limit.least_requests)


def _shares(given: Sequence[str], gates: Sequence[Gate]) -> Mapping[str, float]:
    """The share of bad requests at each gate."""
    named, names = dict(_share(text) for text in given), [gate.name for gate in gates]
    unknown = named.keys() - {*names, ""}
    if unknown:
        raise QuestionError(f"--bad {min(unknown)}=…: no such gate, there are {', '.join(names)}")
    missing = [name for name in names if name not in named and "" not in named]
    if missing:
        raise QuestionError(f"--bad {missing[0]}=SHARE is missing: the share of stable's requests that is bad there")
    return {name: named.get(name, named.get("", 0.0)) for name in names}


def _share(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 <= share < 1:
        raise QuestionError(f"--bad {text}: expected a share of at least 0 and less than 1, as 0.01")
    return name, share
