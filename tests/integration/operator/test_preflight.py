"""Preflight on a real API server: what a version answers alone decides whether it ever gets a request."""

from typing import Any

import pytest

from hack.testbed.client import RefusedError
from tests.integration.operator.stage import LONG, ROLLOUT, Stage

ASKED: dict[str, Any] = {
    "requests": [{"body": {"instances": ["hello", None]}, "expect": {"predictions": [{"label": "right"}, {}]}}],
    "timeout": "1m",
}
DIGEST = "sha256:" + "a" * 64


async def test_a_version_that_answers_wrongly_never_gets_a_request(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    stage.world.pods.wrong.add("1.1.0")

    await stage.apply("sms", "1.1.0", rollout={**ROLLOUT, "preflight": ASKED})
    await stage.reaches("sms-1.1.0", "RolledBack")

    decision = stage.observer.status("sms-1.1.0")["decision"]
    assert (decision["action"], decision["gate"]) == ("Rollback", "preflight")
    assert 'requests[0]: predictions[0].label is "wrong", expected "right"' in decision["reason"]
    assert set(stage.rules.weights_of("sms-1.1.0")) <= {0}
    assert stage.observer.weight("sms-1.0.0") == 100


async def test_a_version_that_is_busy_is_waited_for_and_asked_anew_by_the_next_operator(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    stage.world.pods.busy.add("1.1.0")
    await stage.apply("sms", "1.1.0", rollout={**LONG, "preflight": {**ASKED, "timeout": "1h"}})
    await stage.says("sms-1.1.0", "HTTP 503")
    assert stage.observer.phase("sms-1.1.0") == "Preflight"

    stage.operator.kill()
    stage.world.pods.busy.clear()
    stage.operator.start()

    await stage.has_weight("sms-1.1.0", 10)
    said = stage.observer.status("sms-1.1.0")["preflight"]
    assert said["verdict"] == "Pass"
    assert said["message"].startswith("its pod answered 1 request as expected")


async def test_a_version_that_failed_is_asked_again_when_somebody_retries(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    stage.world.pods.wrong.add("1.1.0")
    await stage.apply("sms", "1.1.0", rollout={**LONG, "preflight": ASKED})
    await stage.reaches("sms-1.1.0", "RolledBack")

    stage.world.pods.wrong.clear()
    await stage.act("sms-1.1.0", "Retry")

    await stage.has_weight("sms-1.1.0", 10)
    assert stage.observer.status("sms-1.1.0")["attempt"] == 2


async def test_a_predictor_that_serves_another_digest_than_the_versions_is_taken_back(stage: Stage) -> None:
    for version in ("1.0.0", "1.1.0"):
        examples = [{"instance": "hello", "prediction": {"label": "right"}}]
        told = {"model_version": version, "digest": DIGEST, "tolerance": 0.1, "examples": examples}
        stage.world.pods.calibrations[version] = told
    await stage.serves("sms", "1.0.0")
    first = stage.observer.status("sms-1.0.0")
    assert (first["digest"], first["digestVerification"]) == (DIGEST, "Predictor")

    other = "sha256:" + "b" * 64
    await stage.apply("sms", "1.1.0", source={"storageUri": "pvc://models/sms/1.1.0", "digest": other})
    await stage.reaches("sms-1.1.0", "RolledBack")

    assert f"it serves the digest {DIGEST}" in stage.observer.status("sms-1.1.0")["decision"]["reason"]


@pytest.mark.parametrize("change", [{"body": {"text": "hello"}}, {"expect": {}}], ids=["no request", "no expectation"])
async def test_what_is_no_request_is_refused_when_it_is_applied(stage: Stage, change: dict[str, Any]) -> None:
    asked = {**ASKED, "requests": [{**ASKED["requests"][0], **change}]}

    with pytest.raises(RefusedError, match=r"spec\.rollout\.preflight\.requests"):
        await stage.apply("sms", "1.0.0", rollout={**ROLLOUT, "preflight": asked})


async def test_what_is_asked_and_expected_is_frozen_as_it_was_written(stage: Stage) -> None:
    odd = {
        "text": "a\u2028\u0085b \U0001f600 - #: {",
        "none": None,
        "many": 2**53,
        "few": 1e-7,
        "whole": 3.0,
        "yes": "no",
    }
    request = {"body": {"instances": ["hello"], "parameters": odd}, "expect": {"predictions": [odd]}}

    await stage.apply("sms", "1.0.0", rollout={**ROLLOUT, "preflight": {**ASKED, "requests": [request]}})
    await stage.reaches("sms-1.0.0", "RolledBack")

    said = stage.observer.status("sms-1.0.0")
    (frozen,) = said["effectiveRollout"]["preflight"]["requests"]
    assert frozen == request
