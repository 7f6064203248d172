"""A model's life on a real API server: first version, promotion, rollback, and what is written down about it."""

from tests.integration.operator.stage import Stage


async def test_the_first_version_gets_all_traffic(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    assert stage.observer.weight("sms-1.0.0") == 100


async def test_a_healthy_version_is_promoted_step_by_step_and_people_are_told(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    await stage.apply("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "Stable")
    await stage.reaches("sms-1.0.0", "Superseded")

    assert stage.rules.weights_of("sms-1.1.0") == [0, 10, 50, 100]
    decision = stage.observer.status("sms-1.1.0")["decision"]
    assert decision["action"] == "Promote"
    event = await stage.until_event("sms-1.1.0", "Promoted")
    assert (event["type"], event["note"]) == ("Normal", decision["reason"])


async def test_a_version_that_answers_with_errors_is_taken_back_and_told_why(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    await stage.has_weight("sms-1.1.0", 10)

    stage.prometheus.break_version("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "RolledBack")

    assert stage.observer.weight("sms-1.0.0") == 100
    decision = stage.observer.status("sms-1.1.0")["decision"]
    assert (decision["action"], decision["gate"]) == ("Rollback", "errors")
    assert "requests" in decision["reason"]
    assert stage.observer.phase("sms-1.0.0") == "Stable"


async def test_a_version_whose_pods_do_not_start_gets_no_traffic_and_says_why(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    stage.world.break_pods("1.1.0", "no such file: model.safetensors")

    await stage.apply("sms", "1.1.0")
    await stage.says("sms-1.1.0", "no such file")

    assert stage.rules.weights_of("sms-1.1.0") == []
