"""A plan as people read it, and as programs do."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ...analysis.drift import LEAST
from ...analysis.plan import Plan, StepOutlook
from ..output import API, clean, console
from .question import Question


def as_json(plan: Plan) -> str:
    """The plan as JSON, named as the API names things; what is not known is null."""
    return json.dumps({"apiVersion": API, "kind": "Plan", **_named(asdict(plan))}, indent=2)


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel(key): _named(inner) for key, inner in value.items()}
    return [_named(inner) for inner in value] if isinstance(value, list | tuple) else value


def _camel(name: str) -> str:
    """A field's name; a gate's has no underscore and stays as it is."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def show(question: Question, plan: Plan) -> None:
    """Print the plan."""
    screen = console()
    screen.print(f"{clean(question.name)} at {question.rollout.rate:g} requests/s\n")
    screen.print(_steps(question, plan))
    for sentence in _sentences(plan):
        screen.print(sentence)
    for name in question.drifts:
        waits = f"it waits for at least {LEAST} predictions of each version in each step"
        screen.print(f"Gate {name} asks how far predictions have moved, which is not planned: {waits}.")
    for warning in plan.warnings:
        screen.print(f"Warning: {warning}", style="yellow")


def _steps(question: Question, plan: Plan) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("step")
    for title in ("weight", "hold", "requests", "good ones pass", "after", *(f"{g.name} catches" for g in plan.gates)):
        table.add_column(title, justify="right")
    for number, (held, step) in enumerate(zip(question.rollout.steps, plan.steps, strict=True), start=1):
        probation = question.rollout.held_back and number == len(plan.steps)
        table.add_row(
            "probation" if probation else str(number),
            f"{step.weight:.0%}",
            _minutes(held.hold / 60),
            f"{step.requests:,.0f}",
            f"{step.passed:.0%}",
            "never" if step.minutes is None else _minutes(step.minutes),
            *(_harm(step, gate.name) for gate in plan.gates),
        )
    return table


def _harm(step: StepOutlook, gate: str) -> str:
    harm = step.smallest_harm[gate]
    return "nothing" if harm is None else f"x{harm:.1f}"


def _minutes(minutes: float) -> str:
    return f"{minutes:.3g} min"


def _sentences(plan: Plan) -> list[str]:
    return [
        *(_of_comparisons(plan) if plan.gates else ("",)),
        *(
            f"The limit of {name} takes a version as good as stable back with a probability of {chance:.1%}, and "
            f"{_caught(plan.caught[name])}."
            for name, chance in plan.false_fires.items()
        ),
    ]


def _of_comparisons(plan: Plan) -> list[str]:
    return [
        f"\nA version as good as stable is promoted with a probability of {plan.promoted:.1%}, and taken back with one "
        f"of {plan.rolled_back:.1%}.",
        *(
            f"One that is worse by {gate.worse_by:g} at {gate.name} is taken back with a probability of "
            f"{gate.rolled_back:.1%}, and promoted with one of {gate.promoted:.1%}. Until then "
            f"{gate.failed_requests:,.0f} more of its requests are bad than of stable's."
            for gate in plan.gates
        ),
    ]


def _caught(share: float | None) -> str:
    if share is None:
        return "catches none: too few requests come"
    return f"four in five of those of whose requests {share:.1%} or more are bad"
