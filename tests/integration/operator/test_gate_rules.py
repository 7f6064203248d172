"""A gate that contradicts itself is refused by the real API server, in the words in which a stored one is answered."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hack.testbed.client import MODEL_VERSIONS, Client, RefusedError, connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from sluice_operator.analysis.consistency import inconsistency
from sluice_operator.api.gates import Gate
from tests.integration.operator.stage import clear

ERRORS: dict[str, Any] = {"name": "g", "metric": "error-rate"}
DRIFT: dict[str, Any] = {"name": "g", "metric": "prediction-drift", "limit": {"above": 0.25}}
COUNTS, VALUE = {"bad": "b", "total": "t"}, {"value": "v"}


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    async with connected(control_plane.url, control_plane.tls(ADMINISTRATOR)) as made:
        yield made
        await clear(made)


async def refusal(client: Client, *gates: dict[str, Any]) -> str | None:
    """Why a version with these gates is refused; None where it is taken."""
    spec = {
        "model": "sms",
        "version": "1",
        "source": {"storageUri": "pvc://models/sms"},
        "paused": True,
        "rollout": {"analysis": {"gates": list(gates)}},
    }
    try:
        await client.create(MODEL_VERSIONS, {"metadata": {"name": "sms-1"}, "spec": spec})
    except RefusedError as error:
        return str(error)
    await client.delete(MODEL_VERSIONS, "sms-1")
    return None


@pytest.mark.parametrize(
    "gate",
    [
        {**ERRORS, "limit": {"above": 0.1}},
        {**ERRORS, "limit": {"above": 0}, "compare": {}},
        {**ERRORS, "limit": {"atLeast": 0.1, "checks": 1, "action": "Pause"}},
        {**ERRORS, "limit": {"below": 0.9, "for": "30s", "action": "Alert"}},
        {**ERRORS, "limit": {"atMost": 0.5}, "at": ["Probation"]},
        {**ERRORS, "compare": {"worseBy": 3, "tolerance": 1.5}},
        {"name": "g", "metric": "latency", "slowerThan": "250ms", "compare": {}},
        {"name": "g", "query": COUNTS, "limit": {"above": 0.1}, "compare": {}},
        DRIFT,
        {**DRIFT, "limit": {"above": 1.5, "action": "Alert"}},
        {"name": "g", "query": VALUE, "limit": {"above": 3.5}},
        {"name": "g", "query": VALUE, "limit": {"below": -2}},
    ],
)
async def test_a_gate_that_can_be_answered_is_taken(client: Client, gate: dict[str, Any]) -> None:
    assert inconsistency(Gate.model_validate(gate)) is None
    assert await refusal(client, gate) is None


@pytest.mark.parametrize(
    ("words", "gate"),
    [
        ("exactly one of metric and query", {"name": "g", "limit": {"above": 0.1}}),
        ("exactly one of metric and query", {**ERRORS, "query": VALUE, "limit": {"above": 0.1}}),
        ("slowerThan belongs to metric latency", {"name": "g", "metric": "latency", "limit": {"above": 0.1}}),
        ("slowerThan belongs to metric latency", {**ERRORS, "slowerThan": "1s", "limit": {"above": 0.1}}),
        ("prediction-drift takes limit.above", {**DRIFT, "compare": {}}),
        ("prediction-drift takes limit.above", {**DRIFT, "limit": {"atLeast": 0.2}}),
        ("prediction-drift takes limit.above", {**DRIFT, "limit": {"above": 0}}),
        ("prediction-drift takes limit.above", {**DRIFT, "limit": {"above": 0.2, "minRequests": 9}}),
        ("exactly one of above, atLeast, below and atMost", {**ERRORS, "limit": {}}),
        ("exactly one of above, atLeast, below and atMost", {**ERRORS, "limit": {"above": 0.1, "below": 0.2}}),
        ("at most one of checks and for", {**ERRORS, "limit": {"above": 0.1, "checks": 1, "for": "9s"}}),
        ("at least 0 and less than 1", {**ERRORS, "limit": {"above": 1}}),
        ("at least 0 and less than 1", {**ERRORS, "limit": {"atLeast": -0.1}}),
        ("at least 0 and less than 1", {"name": "g", "query": COUNTS, "limit": {"below": 2}}),
        ("either bad and total, or value", {"name": "g", "query": {"bad": "b"}, "limit": {"above": 0.1}}),
        ("either bad and total, or value", {"name": "g", "query": {**COUNTS, **VALUE}, "limit": {"above": 0.1}}),
        ("a value cannot be compared", {"name": "g", "query": VALUE, "limit": {"above": 3}, "compare": {}}),
        ("the limit of a value has neither", {"name": "g", "query": VALUE, "limit": {"above": 3, "window": "1m"}}),
        ("the limit of a value has neither", {"name": "g", "query": VALUE, "limit": {"above": 3, "minRequests": 50}}),
        ("tolerance must be less than worseBy", {**ERRORS, "compare": {"tolerance": 2}}),
    ],
)
async def test_a_gate_that_contradicts_itself_is_refused_and_so_it_would_be_answered(
    client: Client, words: str, gate: dict[str, Any]
) -> None:
    assert words in str(inconsistency(Gate.model_validate(gate)))
    assert words in str(await refusal(client, gate))


async def test_a_gate_that_asks_nothing_is_refused(client: Client) -> None:
    assert "limit or compare must be given" in str(await refusal(client, ERRORS))


async def test_as_many_gates_as_there_may_be_with_the_longest_queries_are_taken(client: Client) -> None:
    query = {"bad": "b" * 2048, "total": "t" * 2048}
    gates = [{"name": f"g{n}", "query": query, "limit": {"above": 0.1, "for": "1h"}} for n in range(9)]

    assert await refusal(client, *gates[:8]) is None
    assert await refusal(client, *gates) is not None
