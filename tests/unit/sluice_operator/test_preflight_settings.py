"""What may be asked of a version alone, and who has the last word about it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from sluice_operator.api.crd import KINDS, crd
from sluice_operator.api.policy import RolloutPolicySpec
from sluice_operator.api.preflight import DEEPEST, Preflight, PreflightRequest
from sluice_operator.api.settings import RolloutSettings
from sluice_operator.rollout.settings import merge, restoring, settle

ASKED = {"body": {"instances": ["a"]}, "expect": {"predictions": [{"label": "x", "why": None}]}}
OTHER = {"body": {"inputs": [{"name": "text"}]}, "expect": {"id": "1"}}


def given(**preflight: Any) -> RolloutSettings:
    return RolloutSettings.model_validate({"preflight": preflight})


def nested(levels: int) -> dict[str, Any]:
    value: Any = "end"
    for _ in range(levels):
        value = {"a": value}
    return {"instances": [], "deep": value}


def test_where_nobody_says_otherwise_the_artifact_is_asked_and_nothing_else():
    assert merge(None).preflight == Preflight(artifact=True, requests=[], timeout=timedelta(minutes=2))


def test_a_version_has_the_last_word_field_by_field_and_lists_are_whole():
    policy = RolloutPolicySpec.model_validate(
        {"models": ["sms"], "defaults": {"preflight": {"artifact": False, "requests": [ASKED], "timeout": "1m"}}}
    )

    team = settle(None, policy=policy, digest=None).settings.preflight
    assert (team.artifact, len(team.requests), team.timeout) == (False, 1, timedelta(minutes=1))
    own = settle(given(requests=[OTHER, OTHER]), policy=policy, digest=None).settings.preflight
    assert (own.artifact, len(own.requests), own.timeout) == (False, 2, timedelta(minutes=1))
    assert not settle(given(requests=[]), policy=policy, digest=None).settings.preflight.asks


def test_what_is_asked_and_expected_is_kept_as_it_was_written():
    frozen = merge(given(requests=[ASKED])).model_dump(mode="json", by_alias=True, exclude_none=True)

    assert frozen["preflight"]["requests"] == [ASKED]
    assert frozen["preflight"]["timeout"] == "2m"


def test_a_version_that_returns_to_its_place_is_asked_nothing():
    assert not restoring(merge(given(requests=[ASKED]))).preflight.asks


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"body": {"text": "a"}}, "must have either instances"),
        ({"body": {"instances": [], "inputs": []}}, "must have either instances"),
        ({"body": nested(DEEPEST + 1)}, "nested deeper"),
        ({"body": nested(100_000)}, "nested deeper"),
        ({"body": {"instances": ["ä" * 5000]}}, "more than 8192 bytes"),
        ({"expect": {"a": "b" * 9000}}, "more than 8192 bytes"),
        ({"expect": {}}, "at least 1"),
    ],
    ids=["no input", "both", "deep", "very deep", "large", "expects much", "expects nothing"],
)
def test_what_is_no_request_or_too_large_is_refused(change: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=words):
        PreflightRequest.model_validate({**ASKED, **change})


def test_so_much_may_be_asked():
    PreflightRequest.model_validate({**ASKED, "body": nested(DEEPEST - 2)})

    with pytest.raises(ValidationError, match="at most 10"):
        given(requests=[ASKED] * 11)


@pytest.mark.parametrize("place", ["spec", "status"])
def test_the_api_server_keeps_what_is_asked_and_refuses_what_is_no_request(place: str):
    (kind,) = [kind for kind in KINDS if kind.kind == "ModelVersion"]
    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][place]
    settings = schema["properties"]["rollout" if place == "spec" else "effectiveRollout"]
    request = settings["properties"]["preflight"]["properties"]["requests"]["items"]["properties"]

    assert request["body"]["oneOf"] == [{"required": ["instances"]}, {"required": ["inputs"]}]
    assert request["expect"]["minProperties"] == 1
    assert request["body"]["x-kubernetes-preserve-unknown-fields"] is True
