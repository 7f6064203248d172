"""Versions as a Git repository's sync makes them: one in another's place at once, reverted, and applied again."""

import pytest

from hack.testbed.client import MODEL_VERSIONS
from tests.integration.operator.stage import LONG, SECONDS, Stage

LINGERED = 31.0
"""Seconds after which the only version has waited in vain for another."""
DRAINED = 61.0
"""Seconds after which the last answer of a version without traffic has been given."""
STOP = "serving.kserve.io/stop"


@pytest.fixture
async def stage(clocked: Stage) -> Stage:
    """A stage whose operator's clock can be set forward, so that no test sits a drain out."""
    return clocked


async def _has_drained(stage: Stage, name: str) -> None:
    """Let time pass for a version without traffic, until its object is gone or its pods are."""
    service = stage.observer.status(name)["inferenceService"]
    has_ended = await stage.observer.until(
        lambda: "trafficEndedAt" in stage.observer.status(name) or name not in stage.observer.versions(),
        seconds=SECONDS,
    )
    assert has_ended, stage.observer.status(name)

    stage.operator.set_clock(DRAINED)
    await stage.client.patch(MODEL_VERSIONS, name, {"metadata": {"annotations": {"a-test.example/look": "now"}}})

    def over() -> bool:
        annotations = stage.observer.services().get(service, {}).get("metadata", {}).get("annotations", {})
        stopped = annotations.get(STOP) == "true"
        return stopped or not {name, service} & {*stage.observer.versions(), *stage.observer.services()}

    assert await stage.observer.until(over, seconds=SECONDS), stage.observer.versions().get(name)
    stage.operator.set_clock(0)


async def test_a_candidate_that_another_takes_the_place_of_in_one_sync_is_not_mourned(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    await stage.client.delete(MODEL_VERSIONS, "sms-1.1.0")
    await stage.apply("sms", "1.2.0")

    await stage.reaches("sms-1.2.0", "Stable")
    assert stage.rules.weights_of("sms-1.1.0")[-1] == 0


async def test_a_version_that_is_reverted_serves_until_the_one_before_does_and_again_when_it_is_applied_again(
    stage: Stage,
) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "Stable")
    await stage.reaches("sms-1.0.0", "Superseded")
    await _has_drained(stage, "sms-1.0.0")

    stage.world.break_pods("1.0.0", "no such file")
    await stage.client.delete(MODEL_VERSIONS, "sms-1.1.0")
    await stage.reaches("sms-1.1.0", "DeletionWaiting")
    await stage.says("sms-1.0.0", "no such file")
    assert stage.observer.weight("sms-1.1.0") == 100
    stage.world.mend_pods("1.0.0")
    await stage.reaches("sms-1.0.0", "Stable")
    await stage.has_weight("sms-1.0.0", 100)
    assert stage.observer.weight("sms-1.1.0") == 0
    assert stage.rules.weights_of("sms-1.1.0") == [0, 10, 50, 100, 0]
    await _has_drained(stage, "sms-1.1.0")

    await stage.apply("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "Stable")
    await stage.reaches("sms-1.0.0", "Superseded")
    assert stage.rules.weights_of("sms-1.1.0") == [0, 10, 50, 100, 0, 10, 50, 100]


async def test_a_repository_that_names_one_version_at_a_time_goes_there_and_back_and_there_again(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    for before, then in (("1.0.0", "1.1.0"), ("1.1.0", "1.0.0"), ("1.0.0", "1.1.0")):
        await stage.client.delete(MODEL_VERSIONS, f"sms-{before}")
        # Whoever prunes before they apply leaves the operator time to see the deletion alone.
        await stage.reaches(f"sms-{before}", "DeletionWaiting")
        await stage.apply("sms", then)
        await stage.reaches(f"sms-{then}", "Stable")
        weights = [stage.rules.weights_of(f"sms-{version}")[-3:] for version in (before, then)]
        assert weights == [[90, 50, 0], [10, 50, 100]]
        await _has_drained(stage, f"sms-{before}")


async def test_a_model_whose_only_version_is_taken_out_of_git_is_served_no_more_when_none_came(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    await stage.client.delete(MODEL_VERSIONS, "sms-1.0.0")
    await stage.says("sms-1.0.0", "unless another version is applied before")
    assert stage.observer.weight("sms-1.0.0") == 100
    stage.operator.set_clock(LINGERED)

    assert await stage.observer.until(lambda: not stage.observer.left_of("sms"), seconds=SECONDS)
