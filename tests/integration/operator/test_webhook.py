"""Nobody answers for KServe's webhook: InferenceServices cannot be written, and traffic goes where it should."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hack.testbed.client import INFERENCE_SERVICES, MODEL_VERSIONS, Kind, Object, RefusedError
from hack.testbed.controlplane import free_port
from tests.integration.operator.stage import LONG, SECONDS, Stage

WEBHOOKS = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
NAME = "inferenceservice.serving.kserve.io"
HOOK = "inferenceservice.kserve-webhook-server.validator"


@contextlib.asynccontextmanager
async def webhook_down(stage: Stage) -> AsyncIterator[None]:
    """Have it registered as KServe has it, where nobody listens, while the block runs."""
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "apiVersions": ["v1beta1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["inferenceservices"],
    }
    hook = {
        "name": HOOK,
        "clientConfig": {"url": f"https://127.0.0.1:{free_port()}/validate-serving-kserve-io-v1beta1-inferenceservice"},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1beta1", "v1"],
        "rules": [rule],
    }
    await stage.client.create(WEBHOOKS, {"metadata": {"name": NAME}, "webhooks": [hook]})
    try:
        await _until_it_is_asked(stage)
        yield
    finally:
        await stage.client.delete(WEBHOOKS, NAME)


async def _until_it_is_asked(stage: Stage) -> None:
    """Wait until the API server has heard of the webhook: then it refuses even what changes nothing."""
    name = next(iter(stage.observer.services()))
    unchanged: Object = {"metadata": {"annotations": {"a-test.example/none": None}}}
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await stage.client.patch(INFERENCE_SERVICES, name, unchanged)
            except RefusedError as error:
                assert HOOK in str(error), error
                return
            await asyncio.sleep(0.05)


def _pods_of(stage: Stage, name: str) -> int:
    """How many pods the InferenceService of a version is to have."""
    service = stage.observer.services()[stage.observer.status(name)["inferenceService"]]
    return int(service["spec"]["predictor"]["minReplicas"])


async def test_a_rollback_waits_for_no_webhook_and_all_goes_on_when_it_answers_again(stage: Stage) -> None:
    await stage.serves("mail", "1.0.0")
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    async with webhook_down(stage):
        await stage.apply("mail", "1.1.0")
        await stage.says("mail-1.1.0", "its InferenceService is refused: ")
        assert HOOK in stage.observer.status("mail-1.1.0")["message"]
        # From now on every look at this model, too, ends in a write that is refused.
        await stage.client.patch(MODEL_VERSIONS, "sms-1.0.0", {"spec": {"predictor": {"minReplicas": 3}}})

        stage.prometheus.break_version("sms", "1.1.0")
        await stage.reaches("sms-1.1.0", "RolledBack")

        await stage.has_weight("sms-1.0.0", 100)
        assert stage.observer.status("sms-1.1.0")["decision"]["gate"] == "errors"
        event = await stage.until_event("sms-1.1.0", "RolledBack")
        assert event["type"] == "Warning"
        assert _pods_of(stage, "sms-1.0.0") == 1
        assert stage.observer.weight("mail-1.0.0") == 100

    await stage.reaches("mail-1.1.0", "Stable")
    assert await stage.observer.until(lambda: _pods_of(stage, "sms-1.0.0") == 3, seconds=SECONDS)
