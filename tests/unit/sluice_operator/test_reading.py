"""A status that somebody else wrote to says what of it can be read, and never ends a decision."""

import pytest
from making import PASS, after, route, snapshot, spec, stable, status, version

from sluice_operator.api.status import Phase
from sluice_operator.controller.reading import read_status
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.settings import merge

GOOD = {"id": "good", "at": "2026-01-01T12:00:00Z", "type": "Transition", "attempt": 1, "body": {"number": 1}}


def nested(levels):
    return {"a": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize("forged", [{**GOOD, "id": "bad", "body": nested(400)}, {**GOOD, "id": "x" * 65}, "x", None])
def test_what_somebody_put_into_an_outbox_keeps_nobody_from_taking_a_version_back(forged):
    now = status(
        Phase.CANARY,
        step=0,
        step_started_at=after(100),
        attempt_started_at=after(100),
        effective_rollout=merge(spec("v2").rollout),
        decision={"action": "Abort", "reason": "so it is", "at": after(110)},
    )
    told = {**now.model_dump(mode="json", by_alias=True, exclude_none=True), "outbox": [forged, GOOD]}
    seen = read_status({"status": told})
    canary = version("v2", created=100, now=seen, gates=PASS)

    assert [entry.id for entry in seen.outbox] == ["good"]
    assert decide(snapshot(stable(), canary, route=route(v1=95, v2=5)), after(120)).rollback
