"""What people see of a real rollout: the tree, once and live; all of a version; why it waits."""

import asyncio
import json

import pytest

from tests.integration.cli.people import STRANGER, VIEWER, Shell, until
from tests.integration.operator.stage import LONG, ROLLOUT, Stage


async def rolling(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.comes_to_rest("sms-1.1.0")
    await stage.has_weight("sms-1.1.0", 10)
    await stage.gate_is("sms-1.1.0", "Pass")


async def test_the_tree_has_versions_pods_gates_and_weights(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    lines = [" ".join(line.split()) for line in (await shell.run("get")).out.splitlines()]

    assert lines[0] == "NAME STATE WEIGHT AGE DETAIL"
    assert any(line.startswith("● sms ") for line in lines)
    assert any("sms-1.1.0 (1.1.0) Canary, step 1/1 10 %" in line for line in lines)
    assert any("gate errors Pass 0.0% of" in line and "limit above 10.0%" in line for line in lines)
    assert any("sms-1.0.0 (1.0.0) Stable 90 %" in line for line in lines)
    assert sum("-predictor-0 ready" in line for line in lines) == 2


async def test_programs_get_a_document(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    found = (await shell.run("get", "sms", "-o", "json")).document()

    assert (found["apiVersion"], found["kind"]) == ("cli.sluice.dev/v1", "Models")
    (model,) = found["models"]
    assert (model["stable"], model["candidate"]) == ("sms-1.0.0", "sms-1.1.0")
    canary = model["versions"][0]
    assert (canary["phase"], canary["weight"], canary["step"], canary["steps"]) == ("Canary", 10, 0, 1)
    assert canary["gates"][0]["verdict"] == "Pass"
    assert canary["pods"][0]["ready"] is True


async def test_names_are_found_and_near_ones_suggested(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")

    unknown = await shell.run("get", "smss-1.0.0")

    assert unknown.code == 2
    assert "no model or version smss-1.0.0: did you mean sms-1.0.0" in unknown.only_line


async def test_an_empty_namespace_says_which(shell: Shell) -> None:
    empty = await shell.run("get")
    assert (empty.code, empty.out, empty.err) == (0, "", "no model versions in namespace default\n")

    elsewhere = await shell.run("get", "-n", "nowhere")
    assert elsewhere.code == 5
    assert 'in the namespace "nowhere"' in elsewhere.only_line


async def test_who_may_not_see_pods_sees_the_rest(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")

    seen = await shell.run("get", user=VIEWER)

    assert seen.code == 0
    assert "sms-1.0.0 (1.0.0)" in seen.out
    assert "pods are not shown" in seen.only_line
    assert (await shell.run("get", user=STRANGER)).code == 5


async def test_without_a_terminal_a_watch_prints_a_line_for_each_change(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    async with shell.lines("get", "-w", "sms") as lines:
        await until(lines, "sms-1.0.0  Stable  100 %")
        await stage.apply("sms", "1.1.0", rollout=ROLLOUT)
        seen = await until(lines, "sms-1.1.0  Stable  100 %")

    assert "sms-1.1.0  Canary, step 1/2" in seen
    assert "\x1b" not in seen


async def test_a_watch_in_json_prints_a_document_a_line(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    async with shell.lines("get", "-w", "-o", "json") as lines:
        first = json.loads(await until(lines, "\n"))
        assert first["models"][0]["stable"] == "sms-1.0.0"
        await stage.apply("sms", "1.1.0", rollout=LONG)
        seen = await until(lines, '"candidate": "sms-1.1.0"')

    assert all(json.loads(line)["kind"] == "Models" for line in seen.splitlines())


async def test_at_a_terminal_the_picture_changes_in_place_until_ctrl_c(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    async with shell.terminal("get", "-w") as terminal:
        await terminal.shows("sms-1.0.0 (1.0.0)")
        await stage.apply("sms", "1.1.0", rollout=LONG)
        await terminal.shows("gate errors")
        assert "\x1b[" in terminal.seen
        terminal.interrupt()

        assert await terminal.ended() == 130


async def test_a_watch_outlives_the_api_server(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")
    async with shell.lines("get", "-w") as lines:
        await until(lines, "sms-1.0.0")
        stage.control_plane.kill_api_server()
        stage.control_plane.start_api_server()
        await asyncio.to_thread(stage.control_plane.wait_for_api_server)
        await stage.apply("sms", "1.1.0", rollout=LONG)
        await until(lines, "sms-1.1.0")


@pytest.mark.parametrize("columns", [40, 80])
async def test_a_narrow_terminal_cuts_nothing_off(stage: Stage, shell: Shell, columns: int) -> None:
    await rolling(stage)
    async with shell.terminal("get", columns=columns) as terminal:
        assert await terminal.ended() == 0

    shown = "".join(terminal.seen.split())
    for words in ("sms-1.1.0(1.1.0)", "Canary,step1/1", "gateerrors", "limitabove10.0%"):
        assert words in shown


async def test_all_that_is_known_of_a_version(stage: Stage, shell: Shell) -> None:
    await rolling(stage)
    await shell.run("pause", "sms-1.1.0", "--reason", "lunch")

    out = (await shell.run("describe", "sms-1.1.0")).out
    document = (await shell.run("describe", "sms-1.1.0", "-o", "json")).document()

    for words in ("→ step 1: 10 % for 10m", "errors: Pass (error-rate, limit above 10.0%)", "Pause by ann: lunch"):
        assert words in out
    assert document["kind"] == "Version"
    assert document["modelVersion"]["metadata"]["name"] == "sms-1.1.0"
    assert document["acts"][0]["spec"]["reason"] == "lunch"
    assert document["events"]


async def test_why_it_waits_and_what_would_move_it(stage: Stage, shell: Shell) -> None:
    await rolling(stage)

    done = await shell.run("explain", "sms")
    assert done.out.startswith("sms-1.1.0 is Canary: step 1 of 1 at 10 %: holds for 10m\n")
    assert "kubectl sluice advance sms-1.1.0 -n default --reason …" in done.out

    document = (await shell.run("explain", "sms", "-o", "json")).document()
    assert document["why"].startswith("sms-1.1.0 is Canary")
    assert document["moves"]
