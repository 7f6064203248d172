"""The operator has the rights that it uses and no others: the chart's roles against the API server's audit log."""

import asyncio
import json
from collections.abc import Iterable, Iterator

from hack.cluster.paths import default_paths
from hack.testbed.client import EVENTS, ROUTES, Object
from hack.testbed.controlplane import OPERATOR, ControlPlane
from hack.testbed.installation import rendered_chart
from tests.integration.operator.record import checkpointed
from tests.integration.operator.stage import LONG, SECONDS, Stage

Right = tuple[str, str, str]
"""Group, resource with its subresource, verb."""


async def test_every_right_is_used_and_nothing_else_is_asked_for(stage: Stage) -> None:
    await a_life_with_everything_in_it(stage)

    assert used(stage.control_plane, OPERATOR) == granted(rendered_chart(default_paths()))


async def a_life_with_everything_in_it(stage: Stage) -> None:
    """Promotion, more pods, an act, pods that die and return, a rollback on a route edited unseen, and the end."""
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "Stable")
    await stage.scale("sms-1.1.0", 2)
    await stage.apply("sms", "1.2.0", rollout=LONG)
    await stage.has_weight("sms-1.2.0", 10)
    await stage.act("sms-1.2.0", "Resume")
    stage.world.break_pods("1.2.0", "out of memory")
    await stage.has_weight("sms-1.2.0", 0)
    stage.world.mend_pods("1.2.0")
    await stage.has_weight("sms-1.2.0", 10)
    # What happens again is counted in its Event, which is a right of its own.
    async with asyncio.timeout(SECONDS):
        await stage.client.first(EVENTS, lambda event: "series" in event)
    stage.proxy.freeze()
    await stage.client.patch(ROUTES, "sms", {"metadata": {"annotations": {"somebody": "was here"}}})
    stage.prometheus.break_version("sms", "1.2.0")
    await stage.has_weight("sms-1.2.0", 0)
    stage.proxy.cut()
    await stage.reaches("sms-1.2.0", "RolledBack")
    await stage.delete_model("sms")
    # What has happened since the checkpoint is in the next one.
    await asyncio.to_thread(stage.operator.stop)
    stage.operator.start()
    await checkpointed(stage)


def used(plane: ControlPlane, account: str) -> set[Right]:
    """What an operator has asked for, in this life and former ones."""
    return {(what.get("apiGroup", ""), _resource(what), verb) for what, verb in asked_for(plane, account)}


def asked_for(plane: ControlPlane, account: str) -> Iterator[tuple[Object, str]]:
    """Each thing that an operator has asked for, and the verb."""
    for event in map(json.loads, plane.audit_log.read_text().splitlines()):
        if "objectRef" in event and event["user"]["username"] == account:
            yield event["objectRef"], event["verb"]


def granted(chart: Iterable[Object]) -> set[Right]:
    """What the roles of the operator's account allow."""
    documents = list(chart)
    roles = {
        document["roleRef"]["name"]
        for document in documents
        if document["kind"].endswith("RoleBinding")
        and any(subject["name"] == "sluice-operator" for subject in document["subjects"])
    }
    rules = [rule for document in documents if document["kind"].endswith("Role") for rule in _rules(document, roles)]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _rules(role: Object, names: set[str]) -> list[Object]:
    return role.get("rules") or [] if role["metadata"]["name"] in names else []


def _resource(what: Object) -> str:
    return "/".join(filter(None, (what.get("resource", ""), what.get("subresource", ""))))
