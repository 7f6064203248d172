"""What people decide, by objects of their own, on a real API server: approvals, aborting, trying again, going back."""

import asyncio
from typing import Any

from hack.testbed.client import ROLLOUT_ACTIONS, Object
from tests.integration.operator.stage import LONG, ROLLOUT, SECONDS, Stage

APPROVED: dict[str, Any] = {**ROLLOUT, "approvals": {"count": 2, "group": "leads", "notByAuthor": False}}


async def decide(stage: Stage, name: str, action: str, *, by: str = "ann", **fields: Any) -> Object:
    """Decide on what is seen of a version now; what came of it."""
    said, meta = stage.observer.status(name), stage.observer.versions()[name]["metadata"]
    seen = {"attempt": said["attempt"], "policyHash": said["effectiveRolloutHash"]}
    step = {"step": said["step"]} if "step" in said else {}
    spec = {"modelVersion": name, "uid": meta["uid"], "action": action, "reason": "a test", "requestedBy": by}
    made = f"{name}-{action.lower()}-{by}-{said['attempt']}"
    await stage.client.create(ROLLOUT_ACTIONS, {"metadata": {"name": made}, "spec": {**spec, **seen, **step, **fields}})
    async with asyncio.timeout(SECONDS):
        act = await stage.client.first(
            ROLLOUT_ACTIONS, lambda obj: obj["metadata"]["name"] == made and "outcome" in obj.get("status", {})
        )
        return dict(act["status"])


async def test_a_candidate_waits_for_the_people_who_must_agree(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=APPROVED)
    await stage.reaches("sms-1.1.0", "AwaitingApproval")

    assert (await decide(stage, "sms-1.1.0", "Approve", by="eve"))["outcome"] == "Refused"
    assert (await decide(stage, "sms-1.1.0", "Approve", by="ann", groups=["leads"]))["outcome"] == "Applied"
    again = await decide(stage, "sms-1.1.0", "Approve", by="bob", groups=["leads"])

    assert again["outcome"] == "Applied"
    await stage.reaches("sms-1.1.0", "Stable")
    assert stage.rules.weights_of("sms-1.1.0") == [0, 10, 50, 100]


async def test_a_version_is_aborted_and_tried_again_and_the_operator_may_die_in_between(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    assert (await decide(stage, "sms-1.1.0", "Abort"))["outcome"] == "Applied"
    await stage.reaches("sms-1.1.0", "RolledBack")
    await stage.has_weight("sms-1.0.0", 100)
    assert stage.observer.status("sms-1.1.0")["decision"]["by"] == "ann"

    stage.operator.kill()
    stage.operator.start()
    assert (await decide(stage, "sms-1.1.0", "Retry"))["outcome"] == "Applied"
    await stage.has_weight("sms-1.1.0", 10)
    assert stage.observer.status("sms-1.1.0")["attempt"] == 2


async def test_what_is_paused_goes_on_when_it_is_resumed(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    await decide(stage, "sms-1.1.0", "Pause")
    await stage.reaches("sms-1.1.0", "Paused")
    assert "Resume" in (await decide(stage, "sms-1.1.0", "Promote"))["message"]
    await decide(stage, "sms-1.1.0", "Resume")
    assert (await decide(stage, "sms-1.1.0", "Promote", by="bob"))["outcome"] == "Applied"

    await stage.reaches("sms-1.1.0", "Stable")


async def test_a_proven_version_returns(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "Stable")
    await stage.reaches("sms-1.0.0", "Superseded")

    assert (await decide(stage, "sms-1.0.0", "Rollback"))["outcome"] == "Applied"

    await stage.reaches("sms-1.0.0", "Stable")
    await stage.reaches("sms-1.1.0", "Superseded")
    await stage.has_weight("sms-1.0.0", 100)
