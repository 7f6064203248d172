"""`status` ends with what a pipeline can rely on: there, elsewhere, not yet, or waiting for people."""

import json

import pytest
from recorded_versions import NOW, version
from typer.testing import CliRunner

from sluice_operator.api.status import Phase
from sluice_operator.cli import cluster
from sluice_operator.cli.app import app
from sluice_operator.cli.live.status import AWAITS, ENDED, REACHED, Goal, verdict
from sluice_operator.cli.live.versions import read

GOES_ON = None
BEFORE = {Phase.QUEUED, Phase.DEPLOYING, Phase.PREFLIGHT, Phase.CANARY, Phase.PAUSED}
TAKEN_BACK = {Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED}
PROVEN = {Phase.STABLE, Phase.SUPERSEDED, Phase.DELETION_WAITING}


def comes_to(phase, goal):
    proven = {"promotedAt": NOW.isoformat()} if phase in PROVEN else {}
    return verdict(read(version("sms-2", phase, **proven)), goal)


@pytest.mark.parametrize("phase", Phase)
def test_waiting_for_promotion(phase):
    wanted = GOES_ON
    if phase in PROVEN:
        wanted = REACHED
    elif phase in TAKEN_BACK | {Phase.ROLLING_BACK, Phase.SKIPPED}:
        wanted = ENDED
    elif phase is Phase.AWAITING_APPROVAL:
        wanted = AWAITS

    assert comes_to(phase, Goal.PROMOTED) == wanted


@pytest.mark.parametrize("phase", Phase)
def test_waiting_for_a_rollback(phase):
    wanted = GOES_ON
    if phase in TAKEN_BACK:
        wanted = REACHED
    elif phase in PROVEN | {Phase.SKIPPED}:
        wanted = ENDED
    elif phase is Phase.AWAITING_APPROVAL:
        wanted = AWAITS

    assert comes_to(phase, Goal.ROLLED_BACK) == wanted


@pytest.mark.parametrize(
    ("goal", "phase", "wanted"),
    [
        (Goal.STABLE, Phase.STABLE, REACHED),
        (Goal.STABLE, Phase.SUPERSEDED, ENDED),
        (Goal.STABLE, Phase.PROBATION, GOES_ON),
        (Goal.PROBATION, Phase.PROBATION, REACHED),
        (Goal.PROBATION, Phase.STABLE, REACHED),
        (Goal.PROBATION, Phase.ROLLING_BACK, ENDED),
        (Goal.AWAITING_APPROVAL, Phase.AWAITING_APPROVAL, REACHED),
        (Goal.AWAITING_APPROVAL, Phase.CANARY, GOES_ON),
        (Goal.AWAITING_APPROVAL, Phase.STABLE, ENDED),
    ],
)
def test_waiting_for_something_else(goal, phase, wanted):
    assert comes_to(phase, goal) == wanted


@pytest.mark.parametrize("goal", Goal)
def test_a_status_that_is_about_an_older_spec_decides_nothing(goal):
    applied_again = version("sms-2", "Stable", observedGeneration=1)
    applied_again["metadata"]["generation"] = 2

    assert verdict(read(applied_again), goal) is GOES_ON
    assert verdict(read(version("sms-2")), goal) is GOES_ON


@pytest.mark.parametrize("output", ["table", "json"])
def test_one_that_is_deleted_meanwhile_has_ended(monkeypatch, output):
    there = version("sms-2", "Canary", step=0)

    class Gone:
        namespace = "payments"

        def items(self, *_, **__):
            return [there]

        def follow(self, *_, **__):
            yield {("payments", "sms-2"): there}
            yield {}

    monkeypatch.setattr(cluster, "connect", lambda _: Gone())
    done = CliRunner().invoke(app, ["status", "sms-2", "-o", output])

    assert done.exit_code == 1
    assert done.stderr == "kubectl-sluice: sms-2 was deleted meanwhile\n"
    assert output == "table" or json.loads(done.stdout)["exitStatus"] == 1
