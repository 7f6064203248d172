"""`lint` refuses what a real API server refuses, or the operator cannot read, and nothing else."""

import pytest
from pydantic import ValidationError

from hack.testbed.client import (
    MODEL_VERSIONS,
    ROLLOUT_ACTIONS,
    ROLLOUT_POLICIES,
    Kind,
    Object,
    RefusedError,
    connected,
)
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from sluice_operator.api.crd import KINDS
from sluice_operator.api.crd import Kind as OurKind
from sluice_operator.api.schema import structural_schema
from sluice_operator.cli.manifests.findings import wrong
from tests.integration.operator.from_schema import drawn, values

EXAMPLES = 150


@pytest.mark.parametrize("kind", [MODEL_VERSIONS, ROLLOUT_POLICIES, ROLLOUT_ACTIONS], ids=lambda kind: kind.kind)
async def test_it_and_the_api_server_agree(control_plane: ControlPlane, kind: Kind) -> None:
    ours = next(one for one in KINDS if one.kind == kind.kind)
    specs = drawn(values(structural_schema(ours.spec)), examples=EXAMPLES, from_seed=7)

    refused, disagreed = 0, []
    async with connected(control_plane.url, control_plane.tls(ADMINISTRATOR)) as client:
        for number, spec in enumerate(specs):
            if kind is ROLLOUT_ACTIONS:
                spec["requestedBy"] = ADMINISTRATOR  # admission is another question
                spec.pop("groups", None)
            found = list(wrong(ours, spec))
            try:
                await client.create(kind, {"metadata": {"name": f"lint-{number}"}, "spec": spec})
            except RefusedError as error:
                refused += 1
                if not found:
                    disagreed.append((spec, str(error)))
            else:
                await client.delete(kind, f"lint-{number}")
                if found and _readable(ours, spec):
                    disagreed.append((spec, found))

    assert disagreed == []
    assert refused > EXAMPLES / 20


def _readable(kind: OurKind, spec: Object) -> bool:
    """Whether the operator takes what the API server took."""
    try:
        kind.spec.model_validate(spec)
    except ValidationError:
        return False
    return True
