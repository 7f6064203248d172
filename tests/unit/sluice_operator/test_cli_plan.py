"""`kubectl sluice plan` says before a rollout what it will do, and what is wrong with the question."""

import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from sluice_operator.analysis.plan import plan
from sluice_operator.analysis.simulation import Compared, Rollout, Step
from sluice_operator.cli.app import app

ERRORS = {"name": "errors", "metric": "error-rate", "compare": {"worseBy": 3.0}}
SLOW = {"name": "slow", "metric": "latency", "slowerThan": "250ms", "compare": {}, "limit": {"above": 0.05}}
STEPS = [{"weight": 10, "hold": "5m"}, {"weight": 50, "hold": "10m"}]
ALERTS = {**ERRORS, "compare": None, "limit": {"above": 0.1, "action": "Alert"}}


def version(**rollout):
    given = {"steps": STEPS, "maxHold": "30m", "analysis": {"gates": [ERRORS]}, **rollout}
    spec = {"model": "sms", "version": "1", "source": {"storageUri": "pvc://models/sms/1"}, "rollout": given}
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelVersion", "metadata": {"name": "sms-1"}, "spec": spec}


def policy(models=("sms",), **defaults):
    spec = {"models": list(models), "defaults": defaults}
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutPolicy", "metadata": {"name": "all"}, "spec": spec}


def asked(*objects, rate="20", bad=("0.01",), more=()):
    shares = [word for share in bad for word in ("--bad", share)]
    arguments = ["plan", "-f", "-", "--requests-per-second", rate, *shares, *more]
    return CliRunner().invoke(app, arguments, input=yaml.safe_dump_all(objects))


def answered(*objects, **question):
    done = asked(*objects, more=["-o", "json"], **question)
    assert done.exit_code in (0, 1), done.stderr
    return json.loads(done.stdout)


def said(text):
    return " ".join(text.split())


def test_it_is_the_plan_of_the_merged_settings():
    want = plan(
        Rollout(
            steps=(Step(0.1, 300), Step(0.5, 600)),
            gates=(Compared("errors", bad=0.01, worse_by=3.0, negligible=0.005),),
            rate=20.0,
            max_hold=1800,
        )
    )

    found = answered(version())

    assert (found["promoted"], found["rolledBack"]) == (want.promoted, want.rolled_back)
    assert [step["smallestHarm"]["errors"] for step in found["steps"]] == [
        step.smallest_harm["errors"] for step in want.steps
    ]


def test_a_policys_gates_hold_where_the_version_has_none():
    bare = version()
    del bare["spec"]["rollout"]["analysis"]

    found = answered(policy(analysis={"gates": [ERRORS, SLOW]}), bare, bad=["errors=0.01", "slow=0.02"])

    assert [gate["name"] for gate in found["gates"]] == ["errors", "slow"]
    assert found["falseFires"].keys() == {"slow"}


def test_spans_are_those_that_the_operator_would_cut():
    """At 2 requests a second, a tenth of them to the candidate, twenty come within 10 s."""
    found = answered(version(), rate="2")

    want = plan(
        Rollout(
            steps=(Step(0.1, 300), Step(0.5, 600)),
            gates=(Compared("errors", bad=0.01, worse_by=3.0, negligible=0.005),),
            rate=2.0,
            max_hold=1800,
            span=10.0,
        )
    )
    assert found["promoted"] == want.promoted
    assert found["warnings"] == list(want.warnings)


def test_probation_is_a_step_where_a_part_stays_on_stable():
    held = {"probation": {"duration": "10m", "holdback": 5}}

    assert [step["weight"] for step in answered(version(**held))["steps"]] == [0.1, 0.5, 0.95]
    assert "probation" in asked(version(**held)).stdout


def test_a_plan_that_cannot_work_says_why_and_ends_with_1():
    done = asked(version(), rate="0.1")

    assert done.exit_code == 1
    assert "Warning: A version as good as stable is promoted with a probability of only" in said(done.stdout)


def test_a_plan_that_can_work_ends_with_0_and_says_what_a_gate_will_do():
    done = asked(version(), rate="50")

    assert done.exit_code == 0
    assert "One that is worse by 3 at errors is taken back" in said(done.stdout)


def test_of_a_gate_that_asks_how_far_predictions_have_moved_it_says_that_it_is_not_planned():
    drift = {"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}}
    done = asked(version(analysis={"gates": [{**ERRORS, "compare": {"worseBy": 3}}, drift]}), rate="50")

    assert "Gate classes asks how far predictions have moved, which is not planned" in said(done.stdout)
    assert "classes" not in answered(version(analysis={"gates": [ERRORS, drift]}), rate="50")["falseFires"]


def test_what_a_limit_that_only_tells_people_does_takes_nothing_back():
    alert = {**SLOW, "limit": {"above": 0.05, "action": "Alert"}}

    assert answered(version(analysis={"gates": [alert]}))["falseFires"] == {}


def test_where_nothing_is_compared_steps_take_their_holds_and_limits_are_told_of():
    alone = {**ERRORS, "compare": None, "limit": {"above": 0.1}}

    found = answered(version(analysis={"gates": [alone]}), rate="50")
    done = asked(version(analysis={"gates": [alone]}), rate="50")

    assert [(step["minutes"], step["passed"]) for step in found["steps"]] == [(5, 1), (10, 1)]
    assert found["gates"] == []
    assert 0.1 <= found["caught"]["errors"] < 0.15
    assert done.exit_code == 0
    assert "promoted" not in done.stdout
    assert "takes a version as good as stable back with a probability of 0.0%, and four in five of those" in said(
        done.stdout
    )


def test_a_limit_over_a_time_is_over_at_each_scrape_of_it():
    def fires(**limit):
        gate = {**SLOW, "limit": {"above": 0.02, "window": "10s", "minRequests": 1, **limit}}
        return answered(version(analysis={"gates": [gate]}))["falseFires"]["slow"]

    assert fires(checks=4) == fires(**{"for": "15s"})
    assert fires(checks=4) < fires(checks=1)


@pytest.mark.parametrize(
    ("objects", "question", "wanted"),
    [
        ([], {}, "expected a ModelVersion or a RolloutPolicy"),
        ([version(), version()], {}, "at most one ModelVersion"),
        ([version(), policy(models=["other"])], {}, "policy all is not about model sms"),
        ([version(stepps=STEPS)], {}, "ModelVersion sms-1: spec.rollout.stepps: Extra inputs are not permitted"),
        ([version(maxHold="soon")], {}, "spec.rollout.maxHold"),
        ([{**version(), "spec": None}], {}, "ModelVersion sms-1: spec"),
        ([version(strategy="Replace")], {}, "nothing to plan"),
        ([version(maxHold="1m")], {}, "holds of at most max_hold"),
        ([version(analysis={"gates": [{**ERRORS, "slowerThan": "1s"}]})], {}, "gate errors: slowerThan belongs to"),
        ([policy(), {**policy(), "spec": {"models": ["sms"], "require": {"minSteps": 9}}}], {}, "one RolloutPolicy"),
        ([{**policy(), "spec": {"models": ["sms"], "require": {"minSteps": 9}}}], {}, "requires at least 9 steps"),
        ([version(analysis={"gates": [ALERTS]})], {}, "no gate of this rollout compares, and none has a limit"),
        ([version()], {"bad": ["other=0.01"]}, "--bad other=…: no such gate, there are errors"),
        ([version()], {"bad": ["slow=0.01"]}, "no such gate"),
        ([version(analysis={"gates": [ERRORS, SLOW]})], {"bad": ["errors=0.01"]}, "--bad slow=SHARE is missing"),
        ([version()], {"bad": ["1 %"]}, "expected a share"),
        ([version()], {"bad": ["1"]}, "expected a share"),
        ([version()], {"bad": ["nan"]}, "expected a share"),
        ([version()], {"rate": "nan"}, "requests-per-second"),
        ([version()], {"rate": "0"}, "requests-per-second"),
    ],
)
def test_a_wrong_question_is_one_line_and_ends_with_2(objects, question, wanted):
    done = asked(*objects, **question)

    assert done.exit_code == 2
    assert wanted in said(done.stderr)
    assert "Traceback" not in done.output


@pytest.mark.parametrize("text", ["a: [", "\x00", "&a [*a, *a]"])
def test_what_is_not_a_file_of_ours_is_refused(text):
    done = CliRunner().invoke(app, ["plan", "-f", "-", "--requests-per-second", "1", "--bad", "0.1"], input=text)

    assert done.exit_code == 2
    assert done.stderr.startswith("kubectl-sluice: ")


def test_a_hostile_name_and_a_pipe_leave_whole_harmless_lines():
    hostile = version()
    hostile["metadata"]["name"] = "sms\x1b[2J[red]"

    lines = asked(hostile).stdout.splitlines()

    assert lines[0] == "sms\N{REPLACEMENT CHARACTER}[2J[red] at 20 requests/s"
    assert any(line.startswith("A version as good as stable") and line.endswith(".") for line in lines)


def test_a_file_that_is_not_there_is_named():
    done = CliRunner().invoke(app, ["plan", "-f", "no.yaml", "--requests-per-second", "1", "--bad", "0.1"])

    assert done.exit_code == 2
    assert "no.yaml" in done.stderr


def test_help_computes_nothing_and_names_the_options():
    slow = "{'numpy', 'scipy', 'kubernetes', 'pydantic', 'rich', 'sluice_operator.ledger.record'}"
    script = f"import sys; from sluice_operator.cli.app import app; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
    assert "--requests-per-second" in CliRunner().invoke(app, ["plan", "--help"], env={"COLUMNS": "120"}).stdout
