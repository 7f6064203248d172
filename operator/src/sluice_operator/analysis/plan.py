"""What a rollout will do under the traffic that was measured, and whether it can work at all.

For the people who write steps and gates: minutes per step, the smallest harm that a step can catch, the chance that a
good version is promoted and a bad one taken back, how many requests fail until then, how often a limit fires for
nothing and what it catches. From closed forms (`sizing`) and from the engine's own decisions on drawn requests
(`simulation`, `false_fire`). Seeded: the same question has the same answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from .false_fire import Looks, Threshold, chance_to_fire, least_caught
from .simulation import Compared, Outcomes, Rollout, simulate
from .sizing import Stage, smallest_harm
from .spans import REQUESTS, kept, lost

_GOOD_ENOUGH = 0.8
"""The chance below which a plan is warned about: that a good version is promoted, or a bad one taken back."""
_LOST_AT_MOST = 0.15
"""Part of what requests could tell that may be lost before it is warned about."""
_OFTEN = 0.01
"""The chance that a limit takes a good version back, above which it is warned about."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A gate with a limit, and what was measured of it."""

    name: str
    threshold: Threshold
    bad: float
    """Stable's share of bad requests, 0 to 1."""


@dataclass(frozen=True, slots=True)
class StepOutlook:
    """What a step will do."""

    weight: float
    requests: float
    """Requests to the candidate within the hold, on average."""
    passed: float
    """Chance that a good version passes this step, and all before it."""
    minutes: float | None
    """How long half of those that pass take at most; None where none does."""
    smallest_harm: Mapping[str, float | None]
    """For each gate that compares, the least odds ratio that is caught by the end of the hold, on average; None where
    not even 16 is."""


@dataclass(frozen=True, slots=True)
class GateOutlook:
    """What a gate that compares will do about a version that is worse by `worse_by` there, and good elsewhere."""

    name: str
    worse_by: float
    rolled_back: float
    """Chance that it is taken back."""
    promoted: float
    """Chance that it is promoted."""
    failed_requests: float
    """Bad requests more than stable would have had, until the end, on average."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rollout will do."""

    promoted: float
    """Chance that a version as good as stable is promoted, as far as comparisons go: 1 where nothing is compared."""
    rolled_back: float
    """Chance that comparisons take it back."""
    steps: tuple[StepOutlook, ...]
    gates: tuple[GateOutlook, ...]
    false_fires: Mapping[str, float]
    """For each limit, the chance that it takes a version as good as stable back within the holds."""
    caught: Mapping[str, float | None]
    """For each limit, about the least share of bad requests, 0 to 1, with which a version is taken back by it within
    the holds with a probability of at least 0.8; None where it is with none."""
    warnings: tuple[str, ...] = field(default=())
    """Why this cannot work, or not well: a sentence each."""


def plan(
    rollout: Rollout, *, limits: tuple[Limited, ...] = (), interval: float = 5.0, runs: int = 400, seed: int = 0
) -> Plan:
    """Say what a rollout will do.

    Args:
        rollout: Steps, gates that compare, and traffic.
        limits: Gates with a limit.
        interval: Seconds between scrapes.
        runs: Simulated rollouts behind each chance: a standard error of at most 1 / (2 sqrt(runs)).
        seed: Of the generator.
    """
    good = simulate(rollout, odds=[1.0] * len(rollout.gates), runs=runs, seed=seed) if rollout.gates else None
    steps = tuple(_step(rollout, index, good) for index in range(len(rollout.steps)))
    gates = tuple(_gate(rollout, index, runs=runs, seed=seed) for index in range(len(rollout.gates)))
    seen = Looks(steps=rollout.steps, rate=rollout.rate, interval=interval)
    fires = {limit.name: chance_to_fire(limit.threshold, seen, bad=limit.bad, runs=runs, seed=seed) for limit in limits}
    promoted = float(good.promoted.mean()) if good is not None else 1.0
    return Plan(
        promoted=promoted,
        rolled_back=float(good.rolled_back.mean()) if good is not None else 0.0,
        steps=steps,
        gates=gates,
        false_fires=fires,
        caught={limit.name: least_caught(limit.threshold, seen, seed=seed) for limit in limits},
        warnings=(
            *(_loses(rollout) if rollout.gates else ()),
            *_cannot_clear(rollout, promoted),
            *_cannot_catch(steps),
            *(warning for gate in gates for warning in _lets_through(gate)),
            *(warning for limit in limits for warning in _misfires(limit, rollout, fires[limit.name])),
        ),
    )


def _step(rollout: Rollout, index: int, good: Outcomes | None) -> StepOutlook:
    step = rollout.steps[index]
    took = good.passed_after[:, index] if good is not None else np.array([step.hold])  # nothing else is waited for
    passed = took[~np.isnan(took)]
    return StepOutlook(
        weight=step.weight,
        requests=rollout.rate * step.weight * step.hold,
        passed=passed.size / took.size,
        minutes=float(np.median(passed)) / 60 if passed.size else None,
        smallest_harm={gate.name: _smallest_harm(rollout, gate, until=index) for gate in rollout.gates},
    )


def _smallest_harm(rollout: Rollout, gate: Compared, *, until: int) -> float | None:
    if gate.bad == 0:
        return None
    loss = lost(rollout.rate * rollout.span)
    seen = [
        (
            Stage(weight=step.weight, bad=gate.bad, dispersion=gate.dispersion),
            rollout.rate * step.weight * step.hold * float(kept(loss, weight=step.weight, odds=gate.worse_by)),
        )
        for step in rollout.steps[: until + 1]
    ]
    return smallest_harm(seen, alpha=rollout.alpha, part=1 / len(rollout.gates) / len(rollout.steps))


def _gate(rollout: Rollout, index: int, *, runs: int, seed: int) -> GateOutlook:
    gate = rollout.gates[index]
    odds = [gate.worse_by if other == index else 1.0 for other in range(len(rollout.gates))]
    found = simulate(rollout, odds=odds, runs=runs, seed=seed)
    share = gate.worse_by * gate.bad / (1 - gate.bad + gate.worse_by * gate.bad)
    return GateOutlook(
        name=gate.name,
        worse_by=gate.worse_by,
        rolled_back=float(found.rolled_back.mean()),
        promoted=float(found.promoted.mean()),
        failed_requests=float(found.requests.mean()) * (share - gate.bad),
    )


def _loses(rollout: Rollout) -> list[str]:
    within = rollout.rate * rollout.span
    part = float(lost(within))
    if part <= _LOST_AT_MOST:
        return []
    return [
        f"Only {within:.2g} requests come within a span of {rollout.span:g} s, and {part:.0%} of what requests could "
        f"tell is lost: make interval longer, up to about {ceil(REQUESTS / rollout.rate)} s"
    ]


def _cannot_clear(rollout: Rollout, promoted: float) -> list[str]:
    if promoted >= _GOOD_ENOUGH:
        return []
    blind = [gate.name for gate in rollout.gates if gate.bad == 0 and gate.negligible == 0]
    if blind:
        return [
            f"Gate {name} compares, but stable has no bad requests there: without `negligible` nothing is ever cleared"
            for name in blind
        ]
    return [
        f"A version as good as stable is promoted with a probability of only {promoted:.0%}: "
        "give the steps more time or weight, maxHold more time, or ask for a greater worseBy"
    ]


def _cannot_catch(steps: tuple[StepOutlook, ...]) -> list[str]:
    return [
        f"Step 1 is too short to catch anything by gate {name}: its {steps[0].requests:.0f} requests to the candidate "
        "do not show even an odds ratio of 16"
        for name, harm in steps[0].smallest_harm.items()
        if harm is None
    ]


def _lets_through(gate: GateOutlook) -> list[str]:
    if gate.rolled_back >= _GOOD_ENOUGH:
        return []
    return [
        f"A version worse by {gate.worse_by:g} at gate {gate.name} is taken back with a probability of only "
        f"{gate.rolled_back:.0%} before maxHold"
    ]


def _misfires(limit: Limited, rollout: Rollout, chance: float) -> list[str]:
    threshold = limit.threshold
    most = rollout.rate * max(step.weight for step in rollout.steps) * threshold.window
    out = []
    if chance > _OFTEN:
        out.append(
            f"The limit of gate {limit.name} takes a version as good as stable back with a probability of "
            f"{chance:.0%}: ask for more requests, a longer window or more checks"
        )
    if most < threshold.min_requests:
        out.append(
            f"The limit of gate {limit.name} never judges: {most:.0f} requests come within its window at the "
            f"greatest weight, and it asks for {threshold.min_requests}"
        )
    return out
