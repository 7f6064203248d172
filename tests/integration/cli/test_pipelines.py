"""`status` as a pipeline uses it: it waits, and its exit status says what came."""

import asyncio
from typing import Any

from hack.testbed.client import MODEL_VERSIONS
from tests.integration.cli.people import Shell
from tests.integration.operator.stage import LONG, ROLLOUT, Stage

APPROVED: dict[str, Any] = {**ROLLOUT, "approvals": {"count": 1, "group": "leads"}}


async def test_it_waits_for_the_promotion_and_ends_with_0(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")

    done = await shell.run("status", "sms-1.1.0", "--timeout", "1m")

    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("sms-1.1.0  Stable")
    assert "Canary, step 1/2" in done.out


async def test_a_rollback_ends_it_with_1_and_is_what_some_wait_for(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)
    waiting = asyncio.create_task(shell.run("status", "sms-1.1.0", "-o", "json"))
    stage.prometheus.break_version("sms", "1.1.0")

    done = await waiting
    assert done.code == 1
    assert done.document()["reached"] is False
    assert done.document()["exitStatus"] == 1
    await stage.reaches("sms-1.1.0", "RolledBack")
    assert (await shell.run("status", "sms-1.1.0", "--for", "rolled-back")).code == 0


async def test_time_that_is_over_ends_it_with_3(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    done = await shell.run("status", "sms-1.1.0", "--timeout", "0s")

    assert done.code == 3
    assert "sms-1.1.0 is not promoted in time: kubectl sluice explain sms-1.1.0" in done.only_line


async def test_people_who_must_agree_end_it_with_4(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=APPROVED)

    done = await shell.run("status", "sms-1.1.0")
    assert done.code == 4
    assert "kubectl sluice approve sms-1.1.0" in done.only_line
    assert (await shell.run("status", "sms-1.1.0", "--for", "awaiting-approval")).code == 0


async def test_a_version_that_is_deleted_will_not_be_promoted(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)
    waiting = asyncio.create_task(shell.run("status", "sms-1.1.0"))
    await stage.client.delete(MODEL_VERSIONS, "sms-1.1.0")

    done = await waiting
    assert done.code in (1, 2)
    assert "sms-1.1.0" in done.only_line


async def test_a_wrong_length_of_time_is_a_wrong_question(shell: Shell) -> None:
    done = await shell.run("status", "sms", "--timeout", "soon")

    assert done.code == 2
    assert "--timeout: 'soon' is not a duration" in done.only_line
