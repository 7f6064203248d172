"""`lint` says what the API server and the operator would say, and in which line, without either."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from sluice_operator.api.crd import KINDS
from sluice_operator.api.schema import structural_schema
from sluice_operator.cli.app import app
from sluice_operator.cli.manifests.schema_rules import counterpart, holds

ROOT = Path(__file__).parents[3]

VERSION = """\
apiVersion: sluice.dev/v1alpha1
kind: ModelVersion
metadata: {name: sms-1}
spec:
  model: sms
  version: "1"
  source: {storageUri: "pvc://models/sms/1"}
"""
POLICY = """\
---
apiVersion: sluice.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: all}
spec:
  models: ["*"]
"""


def linted(text, *more):
    return CliRunner().invoke(app, ["lint", "-f", "-", *more], input=text)


def found(text):
    """Line, path and message of each finding."""
    done = linted(text, "-o", "json")
    assert done.exit_code in (0, 1), done.output
    return [(one["line"], one["path"], one["message"]) for one in json.loads(done.stdout)["findings"]]


def test_a_sound_file_is_counted_and_ends_with_0():
    done = linted(VERSION + POLICY)

    assert (done.exit_code, done.stdout) == (0, "2 objects, nothing wrong\n")


@pytest.mark.parametrize("file", sorted((ROOT / "manifests" / "samples").glob("*.yaml")), ids=lambda file: file.stem)
def test_our_samples_are_sound(file):
    done = CliRunner().invoke(app, ["lint", "-f", str(file)])

    assert done.exit_code == 0, done.stdout


def test_a_finding_is_a_line_that_an_editor_can_open():
    done = linted(VERSION + "  rolout: {}\n")

    assert done.exit_code == 1
    assert done.stdout == (
        "<stdin>:8: ModelVersion sms-1: spec.rolout: there is no such field: did you mean rollout?\n"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "  rollout:\n    steps:\n      - {weight: 50, hold: 1m}\n      - {weight: 5, hold: 1m}\n",
            (9, "weights must grow"),
        ),
        ("  rollout: {maxHold: 9999h}\n", (8, "must be at most 720h")),
        ("  rollout: {maxHold: soon}\n", (8, "not a duration")),
        ("  predictor: {minReplicas: 5}\n", (8, "minReplicas must not exceed maxReplicas")),
        ("  predictor:\n    env:\n      - {name: A}\n      - {value: b}\n", (11, "Field required")),
        ("  predictor:\n    overlay: {canaryTrafficPercent: 10}\n", (9, "traffic is decided in the route alone")),
        ("  lineage: {metrics: {f1: .nan}}\n", (8, "finite number")),
        ("  rollout: {strategy: Replace, steps: [{weight: 5, hold: 1m}]}\n", (8, "steps belong to strategy Canary")),
        ("  paused: true\n  paused: false\n", (8, "is given twice")),
        (
            "  rollout:\n    analysis:\n      gates:\n        - {name: a, metric: latency, limit: {above: 0.1}}\n",
            (11, "slowerThan belongs to metric latency"),
        ),
        (
            "  rollout:\n    analysis:\n      gates:\n"
            "        - {name: a, metric: prediction-drift, limit: {above: 0.2, checks: 2}}\n",
            (11, "prediction-drift takes limit.above"),
        ),
        (
            "  rollout:\n    analysis:\n      gates:\n        - name: a\n          metric: error-rate\n"
            "          limit: {above: 0.1, below: 0.2}\n",
            (13, "exactly one of above"),
        ),
        (
            "  rollout:\n    analysis:\n      gates:\n"
            "        - &g {name: a, metric: error-rate, compare: {}}\n        - *g\n",
            (11, "a is there twice"),
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, wanted):
    line, message = wanted

    assert any(at == line and message in told for at, _, told in found(VERSION + text)), found(VERSION + text)


def test_a_number_where_a_name_is_wanted_asks_for_quotes():
    text = VERSION.replace('version: "1"', "version: 1.10")

    assert any(line == 6 and "write it in quotes" in told for line, _, told in found(text))


def test_a_version_is_judged_under_the_policy_that_is_given_with_it():
    strict = POLICY + "  require: {digest: true}\n"

    assert [told for _, _, told in found(VERSION + strict)] == ["the policy requires source.digest"]
    assert found(VERSION + strict.replace('["*"]', "[other]")) == []
    assert found(VERSION + strict.replace("{name: all}", "{name: all, namespace: other}")) == []


def test_a_policy_s_defaults_are_judged_by_themselves():
    wrong = POLICY + "  defaults: {analysis: {gates: [{name: a, metric: latency, limit: {above: 0.1}}]}}\n"

    assert any("slowerThan" in told for _, _, told in found(wrong))


def test_a_spec_that_is_a_list_is_told_as_such():
    text = VERSION[: VERSION.index("spec:")] + "spec: [1]\n"

    assert [told for _, _, told in found(text)] == ["expected an object"]


def test_other_kinds_are_somebody_else_s():
    assert found(VERSION + "---\napiVersion: v1\nkind: ConfigMap\nspec: wrong\n") == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kind: ConfigMap\n", "expected a ModelVersion"),
        ("a: [\n", "<stdin>:2: not YAML"),
        ("a: *b\n", "<stdin>:1: not YAML"),
        ("&a [*a]\n", "stand for more than"),
        ("\x00", "not YAML"),
        (
            "\n".join(["- &a0 [x, x, x]", *(f"- &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40))]),
            "stand for more than",
        ),
    ],
)
def test_what_is_no_manifest_is_one_line_and_ends_with_2(text, wanted):
    done = linted(text)

    assert done.exit_code == 2
    assert wanted in done.stderr
    assert "Traceback" not in done.output


def test_an_unknown_kind_of_ours_is_named():
    assert any(
        "there are ModelVersion" in told for _, _, told in found(VERSION.replace("ModelVersion", "ModelVersoin"))
    )


def _rules(schema):
    yield from schema.get("x-kubernetes-validations", ())
    for child in schema.get("properties", {}).values():
        yield from _rules(child)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _rules(schema[key])


def test_no_rule_of_the_api_server_is_without_its_counterpart():
    asked = [rule for kind in KINDS for rule in _rules(structural_schema(kind.spec)) if "oldSelf" not in rule["rule"]]

    assert len({rule["message"] for rule in asked}) > 15
    assert [rule["message"] for rule in asked if counterpart(rule) is None] == []


def test_a_rule_that_nobody_wrote_a_counterpart_for_refuses_nothing():
    unknown = {"rule": "self.x == 1", "message": "x must be 1"}

    assert counterpart(unknown) is None
    assert holds(unknown, {})


def test_hostile_names_reach_no_terminal():
    text = VERSION.replace("sms-1", '"\\e[2Jsms"') + "  rolout: {}\n"
    assert yaml.safe_load(text)["metadata"]["name"].startswith("\x1b")

    assert "\x1b" not in linted(text).stdout
