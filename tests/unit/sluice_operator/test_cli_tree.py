"""The tree of `get`: each model, its versions, and of those that matter their pods, gates and weights."""

from datetime import timedelta
from io import StringIO

import pytest
from recorded_versions import NOW, condition, pod, version
from rich.console import Console

from sluice_operator.api.settings import RolloutSettings
from sluice_operator.cli.live.drawing import drawn
from sluice_operator.cli.live.tree import rows
from sluice_operator.cli.live.versions import models
from sluice_operator.rollout.settings import merge

STABLE = version("sms-1", "Stable", days=12, weight=75, desiredWeight=75, url="http://sms.payments.example.com")
CANARY = version(
    "sms-2",
    "Canary",
    days=0.01,
    step=1,
    weight=10,
    desiredWeight=25,
    message="step 2 of 2 at 25 %: holds for 5m",
    nextTransitionAt=(NOW + timedelta(minutes=4)).isoformat(),
    gates=[
        {
            "name": "errors",
            "verdict": "NoData",
            "value": 0.0123,
            "requests": 1204,
            "limit": 0.1,
            "comparison": {
                "answer": "Unknown",
                "ratio": 0.9,
                "low": 0.3,
                "high": 2.13,
                "bad": 15,
                "requests": 1204,
                "stableBad": 40,
                "stableRequests": 3000,
                "requestsNeeded": 800,
                "secondsNeeded": 640,
            },
            "message": "cannot tell yet",
        },
        {"name": "depth", "verdict": "Fail", "value": 41.0, "limit": 40.0, "message": "41 is at least 40"},
    ],
)


def screen(*objects, pods=(), width=120, whole=False):
    """What a terminal of so many columns shows."""
    out = StringIO()
    trees = [rows(model, pods, now=NOW, whole=whole) for model in models(objects)]
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False, color_system=None)
    console.print(drawn(trees, width=width))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


SEEN = """\
NAME                 STATE                WEIGHT  AGE  DETAIL
● sms                                                  http://sms.payments.example.com
├─ ◔ sms-2 (2)       Canary, step 2/2  10 → 25 %  14m  step 2 of 2 at 25 %: holds for 5m (until 12:04:00 UTC, 4m more)
│  ├─ □ sms-2-a      ready                         3m
│  ├─ □ sms-2-b      CrashLoopBackOff              3m  3 restarts
│  ├─ ◌ gate errors  NoData                            1.2% of 1,204 requests, limit above 10.0%; x0.9 stable's odds
                                                       (0.3 to 2.1) in 1,204: cannot tell yet, about 800 more needed,
                                                       about 11 min at the present rate
│  └─ ✖ gate depth   Fail                              41, limit at least 40
└─ ✔ sms-1 (1)       Stable                 75 %  12d
   └─ □ sms-1-a      ready                         3m"""


def test_a_rollout_as_it_is_seen():
    pods = [
        pod("sms-2-a", CANARY),
        pod("sms-2-b", CANARY, ready=False, restarts=3, waiting="CrashLoopBackOff"),
        pod("sms-1-a", STABLE),
    ]

    assert screen(STABLE, CANARY, pods=pods) == SEEN


def test_a_narrow_terminal_gets_a_paragraph_for_each_row_and_loses_nothing():
    shown = screen(STABLE, CANARY, width=40)

    assert max(map(len, shown.splitlines())) <= 40
    for words in ("sms-2 (2)", "Canary, step 2/2", "10 → 25 %", "gate errors", "sms-1 (1)"):
        assert words in shown


@pytest.mark.parametrize("width", [40, 120])
def test_what_a_terminal_would_obey_does_not_reach_it(width):
    hostile = version(
        "sms-1", "Canary", step=0, message="\x1b[2J\x1b]0;owned\x07 [bold]x[/bold] \u202egnp.exe\r\n", weight=5
    )

    shown = screen(hostile, width=width)

    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(shown)
    assert "[bold]x[/bold]" in shown


def test_versions_that_were_over_long_ago_are_counted_unless_their_model_is_named():
    old = [version(f"sms-{n}", "Superseded", days=30 - n) for n in range(2, 8)]

    assert "4 older versions: kubectl sluice get sms" in screen(STABLE, *old)
    assert "older" not in screen(STABLE, *old, whole=True)
    assert all(f"sms-{n}" in screen(STABLE, *old, whole=True) for n in range(2, 8))


def test_pods_of_what_is_over_are_not_shown():
    gone = version("sms-0", "Superseded", days=40)

    assert "sms-0-a" not in screen(STABLE, gone, pods=[pod("sms-0-a", gone)])


def test_pods_of_another_namespace_are_not_its_own():
    stranger = pod("stranger", STABLE)
    stranger["metadata"]["namespace"] = "other"

    assert "stranger" not in screen(STABLE, pods=[stranger])


def test_a_version_that_this_program_cannot_read_hides_no_other():
    newer = version("sms-3", "Levitating")

    shown = screen(STABLE, newer)

    assert "sms-1 (1)" in shown
    assert "status.phase: Input should be" in shown
    assert "may be older than the operator" in shown


def test_a_version_that_goes_no_further_bears_a_mark():
    stuck = version("sms-2", "Canary", step=0, weight=5, conditions=[condition("Stalled", "NotEnoughPods")])

    assert "! sms-2" in screen(STABLE, stuck)


def test_one_that_nobody_has_seen_says_so():
    assert "not seen yet" in screen(version("sms-9"))


def test_attempts_and_deletion_are_told():
    again = version("sms-2", "Canary", step=0, attempt=3)
    again["metadata"]["deletionTimestamp"] = NOW.isoformat()

    assert "Canary, step 1/2, attempt 3, deleting" in screen(again)


def test_why_a_version_was_taken_back_stands_beside_it():
    decision = {"action": "Rollback", "reason": "errors: 14.0% of 1,200", "gate": "errors", "at": NOW.isoformat()}

    assert "errors: 14.0% of 1,200" in screen(version("sms-2", "RolledBack", weight=0, decision=decision))


def test_a_gate_that_has_read_no_number_yet_says_what_it_waits_for():
    drift = {"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}}
    few = "87 predictions in this step, stable's 812: 200 of each needed"
    settings = merge(RolloutSettings.model_validate({"analysis": {"gates": [drift]}}))
    told = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    waiting = {"name": "classes", "verdict": "NoData", "limit": 0.25, "message": few}
    seen = {"low": 0.2, "high": 0.9, "predictions": 412, "stablePredictions": 800}
    looked = {**waiting, "value": 0.5, "drift": seen}

    before, after = (
        screen(version("sms-2", "Canary", step=0, gates=[gate], effectiveRollout=told)) for gate in (waiting, looked)
    )
    assert few in before
    assert "0.5 (0.2 to 0.9) in 412, limit above 0.25" in after
