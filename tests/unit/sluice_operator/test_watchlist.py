"""An answer of Prometheus wakes those it is news for, those that fail first, and nobody else."""

import pytest
from making import T0, after, spec, status
from world import evidence

from sluice_operator.api.modelversion import Phase, Verdict
from sluice_operator.controller.watchlist import News, Watchlist
from sluice_operator.prometheus.predictor import Question, Target
from sluice_operator.prometheus.sampler import Sample
from sluice_operator.rollout.settings import merge

NOW = T0.timestamp() + 100


def version(model, phase, **fields):
    said = status(phase, step_started_at=after(0), effective_rollout=merge(spec("1").rollout), **fields)
    return {
        "metadata": {"name": f"{model}-1", "namespace": "default"},
        "spec": {"model": model, "version": "1"},
        "status": said.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def target(model):
    return Target("default", model, "1")


def seen(now=NOW, **verdicts):
    """What Prometheus says of models."""
    found = {target(model): evidence(verdict, now) for model, verdict in verdicts.items()}
    return Sample(at=now, evidence={one: what for one, what in found.items() if what is not None})


class Scene:
    def __init__(self, *models, phase=Phase.CANARY):
        self.objects = [version(model, phase) for model in models]
        self.list = Watchlist(lambda: self.objects)

    def news(self, now=NOW, **verdicts):
        return self.list.news(seen(now, **verdicts), now=now)


def key(*models):
    return tuple(("default", model) for model in models)


NOTHING = News(failing=(), others=())


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.PROBATION])
def test_versions_on_traffic_are_asked_about_as_far_back_as_their_gates_look(phase):
    assert Scene("sms", phase=phase).list.watched() == {target("sms"): Question(seconds=60, edges=frozenset())}


@pytest.mark.parametrize("phase", [Phase.STABLE, Phase.DEPLOYING, Phase.ROLLED_BACK, Phase.SUPERSEDED])
def test_nobody_asks_about_the_others(phase):
    scene = Scene("sms", phase=phase)

    assert scene.list.watched() == {}
    assert scene.news(sms=Verdict.FAIL) == NOTHING


def test_a_version_without_a_status_is_not_asked_about():
    scene = Scene()
    scene.objects = [{"metadata": {"name": "sms-1", "namespace": "default"}, "spec": {"model": "sms", "version": "1"}}]

    assert scene.list.watched() == {}


def test_the_first_answer_is_news_for_all():
    assert Scene("a", "b").news(a=Verdict.PASS, b=Verdict.PASS) == News(failing=(), others=key("a", "b"))


def test_the_same_answer_again_is_no_news():
    scene = Scene("a", "b")
    scene.news(a=Verdict.PASS, b=Verdict.NO_DATA)

    assert scene.news(NOW + 5, a=Verdict.PASS, b=Verdict.NO_DATA) == NOTHING


@pytest.mark.parametrize("other", [Verdict.NO_DATA, Verdict.UNAVAILABLE])
def test_another_answer_is_news_for_its_model_alone(other):
    scene = Scene("a", "b")
    scene.news(a=Verdict.PASS, b=Verdict.PASS)

    assert scene.news(NOW + 5, a=Verdict.PASS, b=other) == News(failing=(), others=key("b"))
    assert scene.news(NOW + 10, a=Verdict.PASS, b=Verdict.PASS) == News(failing=(), others=key("b"))


def test_a_failure_comes_first_and_again_until_it_has_had_its_effect():
    scene = Scene("a", "b")
    scene.news(a=Verdict.PASS, b=Verdict.PASS)
    for seconds in (5, 10, 15):
        assert scene.news(NOW + seconds, a=Verdict.PASS, b=Verdict.FAIL) == News(failing=key("b"), others=())
    scene.objects[1] = version("b", Phase.ROLLED_BACK)

    assert scene.news(NOW + 20, a=Verdict.PASS, b=Verdict.FAIL) == NOTHING


def test_everybody_is_looked_at_once_a_minute_all_the_same():
    scene = Scene("a")
    scene.news(a=Verdict.PASS)

    assert scene.news(NOW + 59, a=Verdict.PASS) == NOTHING
    assert scene.news(NOW + 60, a=Verdict.PASS).others == key("a")
    assert scene.news(NOW + 61, a=Verdict.PASS) == NOTHING


def test_a_clock_that_steps_back_keeps_nobody_waiting():
    scene = Scene("a")
    scene.news(a=Verdict.PASS)

    assert scene.news(NOW - 3600, a=Verdict.PASS).others == key("a")


def test_an_attempt_is_not_urgent_because_the_one_before_it_was():
    scene = Scene("sms")
    scene.objects = [version("sms", Phase.CANARY, attempt_started_at=after(99.5))]

    assert scene.news(sms=Verdict.FAIL) == News(failing=(), others=key("sms"))


def test_a_new_step_is_judged_by_its_own_beginning():
    scene = Scene("a")
    scene.news(a=Verdict.PASS)
    scene.objects[0] = version("a", Phase.CANARY)
    scene.objects[0]["status"]["stepStartedAt"] = after(104.5).isoformat()

    assert scene.news(NOW + 5, a=Verdict.PASS).others == key("a"), "the requests before it do not count"
