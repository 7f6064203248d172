"""What surrounds the operator goes bad in the middle of a rollout; what it does about it, and what it leaves alone."""

import asyncio

import pytest

from hack.testbed.client import Object
from hack.testbed.prometheus import Fault
from tests.integration.operator.stage import LONG, ROLLOUT, SECONDS, Stage

SECONDS_UNTIL_A_WATCH_IS_DEAD = 90


async def _rolling_out(stage: Stage, rollout: Object = ROLLOUT) -> None:
    """A stable version, and a candidate that has its first traffic."""
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout=rollout)
    await stage.has_weight("sms-1.1.0", 10)


async def test_while_the_api_server_is_away_nothing_is_lost(stage: Stage) -> None:
    await stage.serves("mail", "1.0.0")
    await stage.apply("mail", "1.1.0", rollout=LONG)
    await stage.has_weight("mail-1.1.0", 10)
    await _rolling_out(stage)

    stage.control_plane.kill_api_server()
    stage.prometheus.break_version("mail", "1.1.0")
    await stage.prometheus.asked(2)
    stage.control_plane.start_api_server()

    await stage.reaches("mail-1.1.0", "RolledBack")
    await stage.has_weight("mail-1.0.0", 100)
    await stage.reaches("sms-1.1.0", "Stable")


async def test_cut_connections_cost_nothing_but_time(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    for weight in (10, 50, 100):
        await stage.has_weight("sms-1.1.0", weight)
        stage.proxy.cut()

    await stage.reaches("sms-1.1.0", "Stable")


async def test_a_slow_api_server_delays_a_rollback_and_does_not_prevent_it(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    stage.proxy.delay_seconds = 0.7
    stage.prometheus.break_version("sms", "1.1.0")

    await stage.has_weight("sms-1.1.0", 0)
    await stage.reaches("sms-1.1.0", "RolledBack")


async def test_a_rollback_does_not_wait_for_connections_that_are_half_open(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    stage.proxy.freeze()
    stage.prometheus.break_version("sms", "1.1.0")

    await stage.has_weight("sms-1.1.0", 0)
    assert stage.observer.weight("sms-1.0.0") == 100


@pytest.mark.soak
async def test_watches_that_are_half_open_are_found_dead_and_begun_anew(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    stage.proxy.freeze()
    await stage.apply("sms", "1.1.0")

    await stage.reaches("sms-1.1.0", "Stable", within=SECONDS_UNTIL_A_WATCH_IS_DEAD + SECONDS)


async def test_whatever_is_wrong_with_prometheus_it_holds_and_then_goes_on(stage: Stage) -> None:
    await _rolling_out(stage)

    stage.prometheus.fail(Fault.DOWN)
    await stage.gate_is("sms-1.1.0", "Unavailable")
    # A step that was decided on before may not be in the route yet.
    weight = await stage.comes_to_rest("sms-1.1.0")
    before = stage.observer.phase("sms-1.1.0"), weight
    await stage.hold_is_over("sms-1.1.0", hold=1)
    for fault in (Fault.DOWN, Fault.SLOW, Fault.ERROR, Fault.EMPTY, Fault.NAN, Fault.HTML, Fault.REDIRECT):
        stage.prometheus.fail(fault)
        await stage.prometheus.asked(3)
        assert (stage.observer.phase("sms-1.1.0"), stage.observer.weight("sms-1.1.0")) == before, fault
    stage.prometheus.fail(None)

    await stage.reaches("sms-1.1.0", "Stable")


async def test_what_prometheus_saw_before_the_step_lets_nothing_pass(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    stage.prometheus.fail(Fault.STALE)
    await stage.apply("sms", "1.1.0")
    await stage.has_weight("sms-1.1.0", 10)
    await stage.hold_is_over("sms-1.1.0", hold=1)
    await stage.prometheus.asked(3)
    assert (stage.observer.phase("sms-1.1.0"), stage.observer.weight("sms-1.1.0")) == ("Canary", 10)
    stage.prometheus.fail(None)

    await stage.reaches("sms-1.1.0", "Stable")


async def test_a_version_that_breaks_unseen_is_taken_back_once_prometheus_answers(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    stage.prometheus.fail(Fault.DOWN)
    await stage.prometheus.asked(2)
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.prometheus.asked(2)
    assert stage.observer.weight("sms-1.1.0") == 10
    stage.prometheus.fail(None)

    await stage.reaches("sms-1.1.0", "RolledBack")


async def test_a_stable_version_that_loses_its_pods_keeps_traffic_that_no_other_version_may_have(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    stage.world.break_pods("1.0.0", "out of memory")
    stage.world.break_pods("1.1.0", "no such file")
    await stage.apply("sms", "1.1.0")
    await stage.says("sms-1.1.0", "no such file")

    assert stage.observer.weight("sms-1.0.0") == 100


async def test_a_candidate_whose_pods_die_loses_its_traffic_and_has_it_again_when_they_live(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    stage.world.break_pods("1.1.0", "out of memory")
    await stage.has_weight("sms-1.1.0", 0)
    await stage.says("sms-1.1.0", "out of memory")
    stage.world.mend_pods("1.1.0")

    await stage.has_weight("sms-1.1.0", 10)


async def test_a_route_that_somebody_edits_is_put_right(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    await stage.edit_weights("sms", {"sms-1.0.0": 40, "sms-1.1.0": 60})

    await stage.has_weight("sms-1.1.0", 60)
    await stage.has_weight("sms-1.1.0", 10)


async def test_asked_to_stop_it_ends_at_once_and_in_order(stage: Stage) -> None:
    await _rolling_out(stage)

    assert await asyncio.to_thread(stage.operator.stop) == 0


async def test_when_the_leader_dies_another_takes_over_and_takes_back_what_broke_meanwhile(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    stage.standby.start()
    await stage.standby.until_running()
    stage.operator.kill()
    stage.prometheus.break_version("sms", "1.1.0")

    await stage.reaches("sms-1.1.0", "RolledBack")


async def test_a_prometheus_that_lost_its_history_passes_no_step_on_what_it_then_sees_for_the_first_time(
    stage: Stage,
) -> None:
    steps = [{"weight": 10, "hold": "1s"}, {"weight": 50, "hold": "10s"}]
    await _rolling_out(stage, {**ROLLOUT, "steps": steps})
    await stage.has_weight("sms-1.1.0", 50)

    stage.operator.kill()
    stage.prometheus.traffic("sms", "1.1.0").rate = 0
    stage.prometheus.lose_history()
    stage.operator.start()
    await stage.prometheus.asked(4)
    await stage.hold_is_over("sms-1.1.0", hold=10)
    await stage.prometheus.asked(2)
    assert (stage.observer.phase("sms-1.1.0"), stage.observer.weight("sms-1.1.0")) == ("Canary", 50)
    stage.prometheus.traffic("sms", "1.1.0").rate = 50

    await stage.reaches("sms-1.1.0", "Stable")


async def test_ten_megabytes_about_others_keep_nobody_from_being_taken_back(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    stage.prometheus.others = _series_of_others(megabytes=10)
    stage.prometheus.break_version("sms", "1.1.0")

    await stage.reaches("sms-1.1.0", "RolledBack")
    assert stage.observer.phase("sms-1.0.0") == "Stable"


def _series_of_others(*, megabytes: int) -> str:
    """Series with another tenant's name on them, and with ours on what is not ours."""
    samples = ",".join(f'[{at},"{at}"]' for at in range(1000))
    labels = (
        '"namespace":"others","sluice_model":"sms","sluice_version":"1.0.0","pod":"a","code":"500","le":"+Inf"',
        '"exported_namespace":"default","sluice_model":"sms","sluice_version":"1.0.0","code":"500"',
    )
    series = "".join(f',{{"metric":{{{one}}},"values":[{samples}]}}' for one in labels)
    return series * (megabytes * 10**6 // len(series))


async def test_while_kserve_is_down_nothing_is_lost_and_a_rollback_does_not_wait_for_it(stage: Stage) -> None:
    await stage.serves("mail", "1.0.0")
    await _rolling_out(stage, LONG)

    stage.world.stop_kserve()
    await stage.apply("mail", "1.1.0")
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "RolledBack")
    await stage.says("mail-1.1.0", "its pods are starting")
    assert stage.observer.weight("mail-1.0.0") == 100
    stage.world.start_kserve()

    await stage.reaches("mail-1.1.0", "Stable")


async def _is_not_ready(stage: Stage, name: str) -> None:
    def seen() -> bool:
        conditions = stage.observer.status(name)["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "False" for one in conditions)

    assert await stage.observer.until(seen, seconds=SECONDS), stage.observer.status(name)


async def test_a_version_that_fails_keeps_its_traffic_while_nobody_else_could_answer_and_not_longer(
    stage: Stage,
) -> None:
    await _rolling_out(stage, LONG)

    stage.world.break_pods("1.0.0", "out of memory")
    await _is_not_ready(stage, "sms-1.0.0")
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.says("sms-1.1.0", "StableUnavailable")
    assert stage.observer.weight("sms-1.1.0") == 10
    stage.world.mend_pods("1.0.0")

    await stage.reaches("sms-1.1.0", "RolledBack")
    await stage.has_weight("sms-1.0.0", 100)


async def test_when_all_pods_die_stable_keeps_what_is_left_and_serves_again_when_they_live(stage: Stage) -> None:
    await _rolling_out(stage, LONG)

    for version in ("1.0.0", "1.1.0"):
        stage.world.break_pods(version, "out of memory")
    await stage.has_weight("sms-1.1.0", 0)
    await stage.says("sms-1.1.0", "out of memory")
    assert stage.observer.weight("sms-1.0.0") == 100
    for version in ("1.0.0", "1.1.0"):
        stage.world.mend_pods(version)

    await stage.has_weight("sms-1.1.0", 10)


async def test_a_candidate_that_is_ready_and_then_dead_again_and_again_is_given_up(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0", rollout={**LONG, "readyTimeout": "5s"})
    for _ in range(2):
        await stage.has_weight("sms-1.1.0", 10)
        stage.world.break_pods("1.1.0", "out of memory")
        await stage.has_weight("sms-1.1.0", 0)
        stage.world.mend_pods("1.1.0")
    stage.world.break_pods("1.1.0", "out of memory")

    await stage.reaches("sms-1.1.0", "RolledBack")
    assert "not ready within 5s: " in stage.observer.status("sms-1.1.0")["decision"]["reason"]


async def test_what_people_and_pods_say_in_any_script_keeps_nothing_from_being_written(stage: Stage) -> None:
    words = "\U0001f680 नहीं \x85\u2028\x7f \\ud83d"
    await stage.serves("sms", "1.0.0")
    stage.world.break_pods("1.1.0", words)
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.says("sms-1.1.0", words)
    stage.world.mend_pods("1.1.0")
    await stage.has_weight("sms-1.1.0", 10)

    await stage.act("sms-1.1.0", "Abort", reason=words)

    await stage.reaches("sms-1.1.0", "RolledBack")
    assert words in stage.observer.status("sms-1.1.0")["decision"]["reason"]
