"""Which gates are asked of a candidate at its present step, and what their answers let it do."""

from ..analysis.gates import GateResult
from ..api.gates import Gate, LimitAction, Metric, When
from ..api.settings import EffectiveRollout, Strategy
from ..api.status import Verdict


def asked(settings: EffectiveRollout, step: int | None) -> tuple[Gate, ...]:
    """The gates that are asked at a step, as they can be asked there.

    Where stable has no requests (Replace, probation without holdback) nothing is compared: only limits are asked, and a
    gate that has none is not, nor is one that asks how far predictions have moved from stable's.
    """
    in_probation = step is not None and step >= len(settings.steps)
    where = When.PROBATION if in_probation else When.STEP
    alone = settings.strategy is Strategy.REPLACE or (in_probation and settings.probation.holdback == 0)
    gates = [gate for gate in settings.analysis.gates if where in gate.at]
    if not alone:
        return tuple(gates)
    limits = [gate for gate in gates if gate.limit is not None and gate.metric is not Metric.PREDICTION_DRIFT]
    return tuple(gate.model_copy(update={"compare": None}) if gate.compare else gate for gate in limits)


def takes_back(gate: GateResult) -> bool:
    """Whether a gate's answer takes the candidate back."""
    return gate.verdict is Verdict.FAIL and gate.action is LimitAction.ROLLBACK


def holds(gate: GateResult) -> bool:
    """Whether a gate keeps the candidate from more traffic. A limit that only tells people does not."""
    tells = gate.verdict is Verdict.FAIL and gate.action is LimitAction.ALERT
    return gate.undecided or not (gate.verdict is Verdict.PASS or tells)


def pauses(gate: GateResult) -> bool:
    """Whether a gate's limit is crossed, and it gets no more traffic while it is."""
    return gate.verdict is Verdict.FAIL and gate.action is LimitAction.PAUSE
