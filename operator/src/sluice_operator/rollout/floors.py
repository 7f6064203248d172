"""What a policy demands of a version's gates: those that are required are asked as the policy has them, or stricter.

A version may lower a required limit, add a limit or a comparison to it, and compare more strictly. Whatever would make
one looser counts for nothing. Two limits can be told apart only where they are crossed on the same side and both gates
ask the same.
"""

from collections.abc import Sequence

from ..analysis.limits import Threshold, threshold
from ..analysis.verdicts import tolerance_of
from ..api.analysis import Analysis
from ..api.gates import Compare, Gate, Limit, Metric
from ..api.settings import EffectiveRollout, OnInconclusive

_STRICTER_IF = {"above": -1, "at_least": -1, "below": 1, "at_most": 1}
"""Whether a limit is the stricter the lower its threshold is (-1), or the higher (1)."""
_CROSSED_AT = frozenset({"at_least", "at_most"})
"""Those that are crossed at their threshold already."""


def with_required_gates(
    settings: EffectiveRollout, *, team: EffectiveRollout, required: Sequence[str]
) -> EffectiveRollout:
    """The settings of a version, with the gates that its policy requires.

    Args:
        settings: What the version would have.
        team: What it would have if it said nothing itself.
        required: Names of gates.
    """
    gates = {gate.name: gate for gate in settings.analysis.gates}
    must = [gate for gate in team.analysis.gates if gate.name in required]
    for gate in must:
        gates[gate.name] = _stricter(gate, gates.get(gate.name))
    if not must:
        return settings
    # Who counts is part of what a gate asks.
    own = settings.analysis.model_copy(update={"gates": list(gates.values()), "source": team.analysis.source})
    if not any(gate.compare or gate.metric is Metric.PREDICTION_DRIFT for gate in must):
        return settings.model_copy(update={"analysis": own})
    gives_way = settings.on_inconclusive is OnInconclusive.PROMOTE
    return settings.model_copy(
        update={
            "analysis": _as_sure(own, team.analysis),
            "on_inconclusive": team.on_inconclusive if gives_way else settings.on_inconclusive,
        }
    )


def _as_sure(own: Analysis, team: Analysis) -> Analysis:
    """No less ready to take a version back, and no more ready to clear it."""
    return own.model_copy(update={"alpha": max(own.alpha, team.alpha), "beta": min(own.beta, team.beta)})


def _stricter(gate: Gate, own: Gate | None) -> Gate:
    """A required gate, with what the version's own gate of that name asks beyond it."""
    if own is None or (own.metric, own.query, own.slower_than) != (gate.metric, gate.query, gate.slower_than):
        return gate
    return gate.model_copy(update={"limit": _limit(gate.limit, own.limit), "compare": _compare(gate, own)})


def _limit(limit: Limit | None, own: Limit | None) -> Limit | None:
    if limit is None or own is None:
        return limit or own
    floor, wanted = threshold(limit), threshold(own)
    if floor is None or wanted is None or not _is_stricter(wanted, than=floor):
        return limit
    return limit.model_copy(update={floor.kind: None, wanted.kind: wanted.at})


def _is_stricter(one: Threshold, *, than: Threshold) -> bool:
    side = _STRICTER_IF[one.kind]
    ranks = [(side * line.at, line.kind in _CROSSED_AT) for line in (one, than)]
    return side == _STRICTER_IF[than.kind] and ranks[0] > ranks[1]


def _compare(gate: Gate, own: Gate) -> Compare | None:
    if gate.compare is None or own.compare is None:
        return gate.compare or own.compare
    return Compare(
        tolerance=min(tolerance_of(gate), tolerance_of(own)),
        worse_by=min(gate.compare.worse_by, own.compare.worse_by),
        negligible=min(gate.compare.negligible, own.compare.negligible),
        min_effect=min(gate.compare.min_effect, own.compare.min_effect),
    )
