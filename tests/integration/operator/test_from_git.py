"""Versions as a Git repository's sync makes them: one in another's place at once."""

from hack.testbed.client import MODEL_VERSIONS
from tests.integration.operator.stage import LONG, Stage


async def test_a_candidate_that_another_takes_the_place_of_in_one_sync_is_not_mourned(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    await stage.client.delete(MODEL_VERSIONS, "sms-1.1.0")
    await stage.apply("sms", "1.2.0")

    await stage.reaches("sms-1.2.0", "Stable")
    assert stage.rules.weights_of("sms-1.1.0")[-1] == 0


async def test_a_stable_version_that_another_takes_the_place_of_in_one_sync_serves_until_that_is_promoted(
    stage: Stage,
) -> None:
    await stage.serves("sms", "1.0.0")

    await stage.client.delete(MODEL_VERSIONS, "sms-1.0.0")
    await stage.apply("sms", "1.1.0")

    await stage.reaches("sms-1.1.0", "Stable")
    assert stage.observer.weight("sms-1.1.0") == 100
