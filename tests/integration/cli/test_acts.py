"""What people decide on the command line has its effect on a real rollout, and they are told what came of it."""

from typing import Any

import pytest

from hack.testbed.client import ROLLOUT_ACTIONS
from tests.integration.cli.people import ADMIN, EDITOR, STRANGER, VIEWER, Shell
from tests.integration.operator.stage import LONG, ROLLOUT, Stage

TWO_LONG: dict[str, Any] = {**ROLLOUT, "steps": [{"weight": 10, "hold": "10m"}, {"weight": 50, "hold": "10m"}]}
APPROVED: dict[str, Any] = {
    **LONG,
    "steps": [{"weight": 10, "hold": "1s", "approvals": {"count": 1, "group": "leads"}}],
}


async def rolling(stage: Stage, rollout: dict[str, Any] = LONG) -> None:
    """A rollout that holds its first step."""
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=rollout)
    await stage.has_weight("sms-1.1.0", 10)
    await stage.says("sms-1.1.0", "step 1 of")


async def test_pause_and_resume(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    paused = await shell.run("pause", "sms-1.1.0", "--reason", "lunch")
    assert (paused.code, paused.out.splitlines()[0]) == (0, "pause sms-1.1.0: paused")
    assert stage.observer.status("sms-1.1.0")["paused"]["reason"] == "lunch"
    assert stage.observer.status("sms-1.1.0")["paused"]["by"] == ADMIN

    resumed = await shell.run("resume", "sms-1.1.0")
    assert (resumed.code, resumed.out.splitlines()[0]) == (0, "resume sms-1.1.0: resumed")
    await stage.reaches("sms-1.1.0", "Canary")


async def test_advance_and_promote_pass_over_holds(stage: Stage, shell: Shell) -> None:
    await rolling(stage, {**TWO_LONG, "probation": {"duration": "10m"}})

    assert (await shell.run("advance", "sms", "--reason", "seen enough", "--yes")).code == 0
    await stage.has_weight("sms-1.1.0", 50)
    await stage.says("sms-1.1.0", "step 2 of 2")
    assert (await shell.run("promote", "sms", "--reason", "in a hurry", "--yes")).code == 0
    await stage.reaches("sms-1.1.0", "Probation")
    await stage.comes_to_rest("sms-1.1.0")
    assert (await shell.run("promote", "sms", "--reason", "still", "--yes")).code == 0
    await stage.reaches("sms-1.1.0", "Stable")


async def test_abort_then_retry(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    aborted = await shell.run("abort", "sms-1.1.0", "-o", "json", "--reason", "wrong data", user=EDITOR)
    assert aborted.code == 0
    said = aborted.document()
    assert {**said, "name": "", "uid": ""} == {
        "apiVersion": "cli.sluice.dev/v1",
        "kind": "Act",
        "namespace": "default",
        "name": "",
        "uid": "",
        "action": "abort",
        "modelVersion": "sms-1.1.0",
        "requestedBy": EDITOR,
        "reason": "wrong data",
        "outcome": "Applied",
        "message": "aborted",
    }
    await stage.reaches("sms-1.1.0", "RolledBack")

    assert (await shell.run("retry", "sms-1.1.0", "--yes", user=EDITOR)).code == 0
    await stage.has_weight("sms-1.1.0", 10)
    assert stage.observer.status("sms-1.1.0")["attempt"] == 2


async def test_reject_ends_it_for_good(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    assert (await shell.run("reject", "sms-1.1.0", "--reason", "no")).code == 0
    await stage.reaches("sms-1.1.0", "Rejected")


async def test_approve_counts_by_the_group_that_is_asked_for(stage: Stage, shell: Shell) -> None:
    await rolling(stage, APPROVED)
    await stage.reaches("sms-1.1.0", "AwaitingApproval")

    assert (await shell.run("approve", "sms-1.1.0", "--reason", "looked at it")).code == 0
    await stage.reaches("sms-1.1.0", "Stable")
    (act,) = await stage.client.items(ROLLOUT_ACTIONS)
    assert act["spec"]["groups"] == ["leads"]
    assert act["spec"]["policyHash"] == stage.observer.status("sms-1.1.0")["effectiveRolloutHash"]
    assert act["spec"]["step"] == 0


async def test_rollback_returns_to_the_version_before_or_to_the_one_that_is_named(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.serves("sms", "1.1.0")
    await stage.reaches("sms-1.0.0", "Superseded")

    assert (await shell.run("rollback", "sms", "--reason", "customers complain")).code == 0
    await stage.reaches("sms-1.0.0", "Stable")
    await stage.reaches("sms-1.1.0", "Superseded")
    assert (await shell.run("rollback", "sms", "--to", "sms-1.1.0")).code == 0
    await stage.reaches("sms-1.1.0", "Stable")


async def test_an_act_that_does_not_fit_is_refused_in_one_line_and_ends_with_1(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")

    refused = await shell.run("resume", "sms-1.0.0")
    assert (refused.code, refused.only_line) == (
        1,
        "resume sms-1.0.0: refused: sms-1.0.0 is not being rolled out: it is Stable",
    )
    nothing = await shell.run("rollback", "sms")
    assert nothing.code == 2
    assert "no version of sms was stable before the present one" in nothing.only_line


async def test_who_does_not_wait_is_told_what_was_made(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    done = await shell.run("pause", "sms-1.1.0", "--no-wait")

    assert done.code == 0
    assert done.out.startswith("pause sms-1.1.0: rolloutaction pause-")
    await stage.reaches("sms-1.1.0", "Paused")


@pytest.mark.parametrize(
    ("user", "words", "wanted"),
    [
        (EDITOR, ("promote", "sms-1.1.0", "--reason", "x"), "eve may not promote modelversions.sluice.dev sms-1.1.0"),
        (VIEWER, ("pause", "sms-1.1.0"), 'User "vic" cannot create resource "rolloutactions"'),
        (STRANGER, ("pause", "sms-1.1.0"), 'User "sam" cannot list resource "modelversions"'),
    ],
)
async def test_who_may_not_act_is_told_so_by_the_api_server(
    stage: Stage, shell: Shell, user: str, words: tuple[str, ...], wanted: str
) -> None:
    await rolling(stage)

    done = await shell.run(*words, user=user)

    assert done.code == 5
    assert wanted in done.only_line
    assert stage.observer.phase("sms-1.1.0") == "Canary"


async def test_at_a_terminal_it_is_asked_whether_an_abort_is_meant(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    async with shell.terminal("abort", "sms-1.1.0") as terminal:
        await terminal.shows("abort sms-1.1.0 (Canary, step 1/1, 10 % of the requests) in namespace default? [y/N]")
        terminal.type("n\n")
        assert await terminal.ended() == 1
        assert "nothing was done" in terminal.seen
    async with shell.terminal("abort", "sms-1.1.0") as terminal:
        await terminal.shows("[y/N]")
        terminal.type("y\n")
        assert await terminal.ended() == 0
    await stage.reaches("sms-1.1.0", "RolledBack")


async def test_an_act_that_nobody_answers_says_where_to_look(stage: Stage, shell: Shell) -> None:
    await rolling(stage)
    stage.operator.stop()

    done = await shell.run("pause", "sms-1.1.0", "--timeout", "1s")

    assert done.code == 3
    assert "within 1 s: `kubectl sluice check` says whether the operator runs" in done.only_line
