"""What Prometheus is asked of a candidate with queries of its own, and of the version that it is compared with."""

from making import T0, after, status

from sluice_operator.api.analysis import CountedBy
from sluice_operator.api.settings import RolloutSettings
from sluice_operator.api.status import Phase
from sluice_operator.controller.comparing import Comparing
from sluice_operator.controller.questions import both
from sluice_operator.controller.watchlist import Watchlist
from sluice_operator.prometheus.custom import Custom
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.rollout.settings import merge

OLD, NEW = Target("team-a", "sms", "1.0.0"), Target("team-a", "sms", "1.1.0")
WRONG = {
    "name": "wrong",
    "query": {"bad": 'bad{v="{{version}}"}', "total": 'all{v="{{version}}"}'},
    "limit": {"above": 0.1, "window": "30s"},
}
DRIFT = {
    "name": "drift",
    "query": {"value": 'd{v="{{version}}",s="{{stable}}",m="{{model}}",n="{{namespace}}"}'},
    "limit": {"above": 3, "for": "2m"},
}
HAM_AND_SPAM = {"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}}
SLOW = {"name": "slow", "metric": "latency", "slowerThan": "250ms", "compare": {}}


def version(target, phase, *, gates=(WRONG,), service=None, source="Auto", **fields):
    given = RolloutSettings.model_validate({"analysis": {"gates": list(gates), "source": source}})
    said = status(phase, effective_rollout=merge(given), inference_service=service, **fields)
    return {
        "metadata": {"name": f"{target.model}-{target.version}", "namespace": target.namespace},
        "spec": {"model": target.model, "version": target.version},
        "status": said.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def asked(*gates, beside=True, **fields):
    """What is asked of whom, for a candidate with these gates."""
    objects = [
        version(NEW, Phase.CANARY, gates=gates, service="sms-1-1-0-bbbbbbbb", step_started_at=after(0), **fields)
    ]
    if beside:
        objects.append(version(OLD, Phase.STABLE, service="sms-1-0-0-aaaaaaaa", promoted_at=T0))
    return Watchlist(lambda: objects, Comparing()).watched()


def test_a_query_has_the_names_of_its_rollout():
    (custom,) = asked(DRIFT)[NEW].custom

    assert custom.value == 'd{v="1.1.0",s="1.0.0",m="sms",n="team-a"}'
    assert custom.seconds == 180


def test_a_first_version_has_no_stable_to_name():
    (custom,) = asked(DRIFT, beside=False)[NEW].custom

    assert custom.value == 'd{v="1.1.0",s="",m="sms",n="team-a"}'


def test_stable_is_asked_what_is_compared_and_nothing_else():
    found = asked({**WRONG, "compare": {}}, DRIFT, SLOW)

    assert [custom.gate for custom in found[NEW].custom] == ["wrong", "drift"]
    assert [custom.texts for custom in found[OLD].custom] == [('bad{v="1.0.0"}', 'all{v="1.0.0"}')]
    assert found[OLD].edges == found[NEW].edges == {0.25}
    assert asked(WRONG, DRIFT).keys() == {NEW}, "limits compare nothing"


def test_the_gateway_knows_each_version_by_its_service():
    found = asked(SLOW, source="Gateway")

    assert {target: (question.service, question.source) for target, question in found.items()} == {
        NEW: ("sms-1-1-0-bbbbbbbb-predictor", CountedBy.GATEWAY),
        OLD: ("sms-1-0-0-aaaaaaaa-predictor", CountedBy.GATEWAY),
    }


def test_two_questions_about_one_version_are_one_that_answers_both():
    one = Question(
        seconds=60, edges=frozenset({1.0}), service="s", source=CountedBy.GATEWAY, custom=(Custom("a", 60, value="x"),)
    )
    other = Question(
        seconds=90, edges=frozenset({2.0}), since=5.0, custom=(Custom("a", 60, value="y"), Custom("b", 60, value="z"))
    )

    assert both(one, None) == one
    assert both(one, other) == Question(
        seconds=90,
        edges=frozenset({1.0, 2.0}),
        since=5.0,
        service="s",
        source=CountedBy.AUTO,
        custom=(Custom("a", 60, value="x"), Custom("b", 60, value="z")),
    )


def test_a_gate_that_asks_is_told_what_it_is_held_against():
    beside = asked(HAM_AND_SPAM)[NEW].beside

    assert beside.stable == OLD
    assert beside.since == after(0).timestamp()
    assert beside.errs.beta == 0.05
    assert 0 < beside.errs.alpha < 0.005, "a tenth of alpha, shared by the steps"
    assert asked(HAM_AND_SPAM, beside=False)[NEW].beside is None, "there is no stable"
    assert asked(HAM_AND_SPAM, weight_pending=True)[NEW].beside is None, "the step has not begun"
    assert asked({"name": "errors", "metric": "error-rate", "limit": {"above": 0.1}})[NEW].beside is None
