"""The record, on a real database: more traffic waits for it, what takes back does not, and it is whole in the end."""

import asyncio
import urllib.request

from hack.testbed.client import ROLLOUT_ACTIONS
from tests.integration.operator.record import away, checkpointed, records, until_recorded
from tests.integration.operator.stage import ADMINISTRATOR, LONG, ROLLOUT, SECONDS, Stage


async def test_what_happened_is_in_the_record_and_its_end_is_kept_elsewhere(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", lineage={"parent": "1.0.0"}, rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)
    await stage.comes_to_rest("sms-1.1.0")
    await stage.act("sms-1.1.0", "Abort", reason="it is Friday")
    await stage.reaches("sms-1.1.0", "RolledBack")
    found = await until_recorded(stage)

    of = [record for record in found if record.subject.get("name") == "sms-1.1.0"]
    kinds = {record.type for record in of}
    assert kinds == {"Lineage", "Resolved", "Verdict", "Act", "Transition"}
    (act,) = [record for record in of if record.type == "Act"]
    assert act.actor == {"person": "testbed"}
    assert (act.body["action"], act.body["outcome"], act.body["reason"]) == ("Abort", "Applied", "it is Friday")
    assert "testbed" not in act.text
    weights = [record.body["to"].get("weight") for record in of if record.type == "Transition"]
    assert 10 in weights
    assert weights[-1] == 0
    assert found[0].type == "Configuration"
    await asyncio.to_thread(stage.operator.stop)
    stage.operator.start()
    await checkpointed(stage)


async def test_an_act_of_which_no_version_tells_is_recorded_from_its_own_status(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    about = {"modelVersion": "sms-1.0.0", "uid": "of-another-one", "action": "Pause", "requestedBy": ADMINISTRATOR}
    await stage.client.create(ROLLOUT_ACTIONS, {"metadata": {"name": "late"}, "spec": {**about, "reason": "a test"}})
    async with asyncio.timeout(SECONDS):
        while not (acts := [one for one in await asyncio.to_thread(records, stage) if one.type == "Act"]):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await asyncio.to_thread(stage.operator.stop)
    stage.operator.start()
    await checkpointed(stage)

    (act,) = acts
    assert (act.actor, act.body["outcome"]) == ({"person": ADMINISTRATOR}, "Refused")
    assert "there is no ModelVersion sms-1.0.0 with the uid of-another-one" in act.body["message"]
    assert [one.seq for one in await asyncio.to_thread(records, stage) if one.type == "Act"] == [act.seq]


async def test_without_its_database_nobody_gets_more_traffic_and_what_fails_is_taken_back(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply(
        "sms", "1.1.0", rollout={**ROLLOUT, "steps": [{"weight": 10, "hold": "1s"}, {"weight": 50, "hold": "10m"}]}
    )
    await stage.serves("tts", "1.0.0")
    await stage.has_weight("sms-1.1.0", 50)
    await until_recorded(stage)
    with away(stage):
        await stage.apply("tts", "1.1.0")
        await stage.says("tts-1.1.0", "LedgerUnavailable")
        assert stage.observer.weight("tts-1.1.0") == 0
        await stage.until_event("tts-1.1.0", "LedgerUnavailable")
        assert stage.operator.metrics()["sluice_ledger_up"] == 0
        assert stage.operator.metrics()["sluice_ledger_lag_seconds"] > 0
        stage.prometheus.break_version("sms", "1.1.0")
        await stage.has_weight("sms-1.1.0", 0)
        await stage.reaches("sms-1.1.0", "RolledBack")
    await stage.reaches("tts-1.1.0", "Stable")
    found = await until_recorded(stage)

    assert [r.body["to"]["phase"] for r in found if r.type == "Transition" and r.subject["name"] == "sms-1.1.0"][
        -1
    ] == "RolledBack"


async def test_a_version_that_was_deleted_while_the_database_was_away_is_recorded_to_its_end(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await until_recorded(stage)
    uid = stage.observer.versions()["sms-1.0.0"]["metadata"]["uid"]
    with away(stage):
        await stage.apply("sms", "1.1.0")
        await stage.says("sms-1.1.0", "LedgerUnavailable")
    await stage.reaches("sms-1.1.0", "Stable")
    await stage.delete_model("sms")
    async with asyncio.timeout(60):
        while not any(r.type == "Deleted" and r.subject["uid"] == uid for r in await until_recorded(stage)):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)


async def test_it_is_read_from_the_pod_alone(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await until_recorded(stage)
    url = f"http://127.0.0.1:{stage.operator.ledger_port}/v1/records?model=sms&limit=1"

    def read() -> bytes:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read())

    assert b'"type":"Lineage"' in await asyncio.to_thread(read)
