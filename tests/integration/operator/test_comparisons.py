"""Candidates compared with stable on a real API server: taken back, promoted, held; and none of it lost by a kill."""

import re
from typing import Any

from tests.integration.operator.stage import ROLLOUT, SECONDS, Stage

COMPARED: dict[str, Any] = {
    "name": "errors",
    "metric": "error-rate",
    "limit": {"above": 0.5, "window": "10s", "checks": 1, "minRequests": 1},
    "compare": {},
}
"""Its limit is so far away that nothing of what is done here comes near."""
ANALYSIS: dict[str, Any] = {"interval": "1s", "warmup": "0s", "gates": [COMPARED]}


def rollout(**fields: Any) -> dict[str, Any]:
    return {**ROLLOUT, "probation": {"duration": "1s", "holdback": 10}, "analysis": ANALYSIS, **fields}


async def roll_out(stage: Stage, *, errors: float, candidate: float, rate: float, **fields: Any) -> None:
    """Let stable answer so many requests a second with this share of errors, and a candidate come with its own."""
    await stage.serves("sms", "1.0.0")
    for version, share in (("1.0.0", errors), ("1.1.0", candidate)):
        traffic = stage.prometheus.traffic("sms", version)
        traffic.rate, traffic.errors = rate, share
    await stage.apply("sms", "1.1.0", rollout=rollout(**fields))


def counted(sentence: str) -> tuple[int, int]:
    """Requests to candidate and stable of which a sentence tells."""
    found = re.search(r"of ([\d,]+) requests \([\d.]+%\) bad, stable [\d,]+ of ([\d,]+)", sentence)
    assert found is not None, sentence
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


async def test_a_version_that_fails_twice_as_often_is_taken_back_though_its_limit_is_far_away(stage: Stage) -> None:
    await roll_out(stage, errors=0.05, candidate=0.1, rate=200)

    await stage.reaches("sms-1.1.0", "RolledBack")

    decision = stage.observer.status("sms-1.1.0")["decision"]
    assert (decision["action"], decision["gate"]) == ("Rollback", "errors")
    assert "worse than stable" in decision["reason"]
    assert re.search(r"2(\.\d)? times the odds \([\d.]+ to [\d.]+\)", decision["reason"]), decision["reason"]
    requests, of_stable = counted(decision["reason"])
    assert requests > 0
    assert of_stable > 0
    event = await stage.until_event("sms-1.1.0", "RollbackStarted")
    assert decision["reason"] in event["note"]
    assert stage.observer.weight("sms-1.0.0") == 100
    assert 50 not in stage.rules.weights_of("sms-1.1.0")


async def test_a_version_like_stable_is_promoted(stage: Stage) -> None:
    await roll_out(stage, errors=0.05, candidate=0.05, rate=500)

    await stage.reaches("sms-1.1.0", "Stable")
    await stage.reaches("sms-1.0.0", "Superseded")

    assert stage.rules.weights_of("sms-1.1.0") == [0, 10, 50, 90, 100]
    (gate,) = stage.observer.status("sms-1.1.0")["gates"]
    assert gate["comparison"]["answer"] == "Clear"
    assert gate["comparison"]["requests"] > 0
    assert "evidence" not in stage.observer.status("sms-1.1.0")


async def test_a_version_without_failures_beside_one_without_is_promoted(stage: Stage) -> None:
    await roll_out(stage, errors=0, candidate=0, rate=1000)

    await stage.reaches("sms-1.1.0", "Stable")


async def test_killed_in_the_middle_of_a_step_it_decides_on_what_prometheus_saw_meanwhile(stage: Stage) -> None:
    await roll_out(stage, errors=0.05, candidate=0.1, rate=20, steps=[{"weight": 10, "hold": "10m"}])
    assert await stage.observer.until(lambda: "evidence" in stage.observer.status("sms-1.1.0"), seconds=SECONDS)
    both = [stage.prometheus.traffic("sms", version) for version in ("1.0.0", "1.1.0")]

    stage.operator.kill()
    for traffic in both:
        traffic.rate = 200
    await stage.prometheus.scraped(15)
    for traffic in both:
        traffic.rate = 0
    assert stage.observer.phase("sms-1.1.0") == "Canary"
    stage.operator.start()
    await stage.reaches("sms-1.1.0", "RolledBack")

    decision = stage.observer.status("sms-1.1.0")["decision"]
    assert "worse than stable" in decision["reason"]
    requests, of_stable = counted(decision["reason"])
    assert requests > 10 * 200 < of_stable


async def test_prometheus_without_its_history_and_an_operator_without_memory_win_no_second_alpha(stage: Stage) -> None:
    await roll_out(stage, errors=0.05, candidate=0.05, rate=2, steps=[{"weight": 10, "hold": "10m"}])
    assert await stage.observer.until(lambda: "evidence" in stage.observer.status("sms-1.1.0"), seconds=SECONDS)
    await stage.prometheus.asked(5)

    stage.operator.kill()
    stage.prometheus.lose_history()
    stage.operator.start()
    await stage.prometheus.asked(15)

    (gate,) = stage.observer.status("sms-1.1.0")["evidence"]["gates"]
    assert gate["started"] == 1
    assert stage.observer.phase("sms-1.1.0") == "Canary"


async def test_a_quiet_service_is_held_and_said_to_be_inconclusive(stage: Stage) -> None:
    await roll_out(stage, errors=0, candidate=0, rate=1, maxHold="4s")

    event = await stage.until_event("sms-1.1.0", "Inconclusive")

    assert event["type"] == "Warning"
    status = stage.observer.status("sms-1.1.0")
    assert status["message"].startswith("Inconclusive: ")
    assert stage.observer.weight("sms-1.1.0") == 10
    (gate,) = status["gates"]
    assert (gate["verdict"], gate["comparison"]["answer"]) == ("NoData", "Unknown")
    assert re.search(r"cannot tell yet: .* more requests", gate["message"]), gate["message"]
