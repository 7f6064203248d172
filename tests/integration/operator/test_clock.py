"""The operator's clock is set forward or back by an hour in the middle of a rollout, or was wrong all along."""

import pytest

from tests.integration.operator.stage import LONG, ROLLOUT, Stage

HOUR = 3600.0


@pytest.fixture
async def stage(clocked: Stage) -> Stage:
    """A stage whose operator has a clock of its own."""
    return clocked


@pytest.mark.parametrize("step", [HOUR, pytest.param(-HOUR, marks=pytest.mark.soak)])
async def test_a_clock_that_is_set_wrong_promotes_nothing_and_holds_until_it_is_right(
    stage: Stage, step: float
) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout={**ROLLOUT, "steps": [{"weight": 10, "hold": "5s"}]})
    await stage.has_weight("sms-1.1.0", 10)

    stage.operator.set_clock(step)
    await stage.gate_is("sms-1.1.0", "Unavailable")
    await stage.prometheus.asked(5)
    assert (stage.observer.phase("sms-1.1.0"), stage.observer.weight("sms-1.1.0")) == ("Canary", 10)
    stage.operator.set_clock(0)

    await stage.reaches("sms-1.1.0", "Stable")


async def test_a_clock_that_was_wrong_and_is_set_right_takes_back_what_broke_meanwhile(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    stage.operator.set_clock(HOUR)
    await stage.gate_is("sms-1.1.0", "Unavailable")
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.prometheus.asked(2)
    stage.operator.set_clock(0)

    await stage.reaches("sms-1.1.0", "RolledBack")


async def test_what_began_by_a_clock_that_was_ahead_waits_no_longer_than_if_it_began_now(stage: Stage) -> None:
    stage.operator.set_clock(HOUR)
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    await stage.has_weight("sms-1.1.0", 10)
    stage.operator.set_clock(0)

    await stage.reaches("sms-1.1.0", "Stable")
    await stage.reaches("sms-1.0.0", "Superseded")
    await stage.has_weight("sms-1.1.0", 100)
