"""An answer of Prometheus wakes those it is news for, those that fail first, and nobody else."""

import pytest
from making import ROLLOUT, T0, after, spec, status
from two_versions import known, traffic
from world import evidence

from sluice_operator.api.status import Phase, Verdict
from sluice_operator.controller import watchlist
from sluice_operator.controller.comparing import Comparing
from sluice_operator.controller.judging import answers, limits
from sluice_operator.controller.reading import read_status
from sluice_operator.controller.watched import watched
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


(GATE,) = ROLLOUT["analysis"]["gates"]


def target(model):
    return Target("default", model, "1")


def seen(now=NOW, **verdicts):
    """What Prometheus says of models."""
    found = {target(model): evidence(verdict, now) for model, verdict in verdicts.items()}
    return Sample(at=now, evidence={one: what for one, what in found.items() if what is not None})


class Scene:
    def __init__(self, *models, phase=Phase.CANARY):
        self.objects = [version(model, phase) for model in models]
        self.comparing = Comparing()
        self.list = Watchlist(lambda: self.objects, self.comparing)

    def news(self, now=NOW, **verdicts):
        return together(self.list.news(seen(now, **verdicts), now=now))


def together(parts):
    parts = list(parts)
    return News(
        failing=tuple(one for part in parts for one in part.failing),
        others=tuple(one for part in parts for one in part.others),
    )


def key(*models):
    return tuple(("default", model) for model in models)


NOTHING = News(failing=(), others=())


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.PROBATION])
def test_versions_on_traffic_are_asked_about_as_far_back_as_their_gates_look(phase):
    assert Scene("sms", phase=phase).list.watched() == {target("sms"): Question(seconds=60, edges=frozenset(), looks=2)}


@pytest.mark.parametrize("phase", [Phase.STABLE, Phase.DEPLOYING, Phase.ROLLED_BACK, Phase.SUPERSEDED])
def test_nobody_asks_about_the_others(phase):
    scene = Scene("sms", phase=phase)

    assert scene.list.watched() == {}
    assert scene.news(sms=Verdict.FAIL) == NOTHING


def test_of_very_many_the_first_that_fail_are_told_of_before_the_last_are_judged(monkeypatch):
    models = [f"m{number}" for number in range(120)]
    judged = []
    monkeypatch.setattr(watchlist, "limits", lambda one, *_, **how: judged.append(one) or limits(one, *_, **how))
    parts = Scene(*models).list.news(seen(NOW, **dict.fromkeys(models, Verdict.FAIL)), now=NOW)

    first = next(parts)
    assert 0 < len(first.failing) == len(judged) < 100
    assert first.failing + together(parts).failing == key(*models)


def test_of_very_many_the_worst_are_judged_first():
    models = [f"m{number}" for number in range(120)]
    answers = {**dict.fromkeys(models, Verdict.PASS), "m119": Verdict.FAIL}

    first, *_ = Scene(*models).list.news(seen(NOW, **answers), now=NOW)

    assert first.failing == key("m119")


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


# Versions that are compared

COMPARED = {
    **ROLLOUT,
    "steps": [{"weight": 50, "hold": "10s"}, {"weight": 75, "hold": "20s"}],
    "analysis": {"warmup": "0s", "gates": [GATE | {"compare": {}}]},
}
"""Half of the requests go to each, as the counters here say."""


def compared(model="sms", *, asks=COMPARED, step=0, stable="0", **fields):
    """A candidate that is compared, and the version beside it."""
    candidate = version(model, Phase.CANARY, attempt_started_at=after(-30), step=step, **fields)
    candidate["status"]["effectiveRollout"] = merge(spec("1", rollout=asks).rollout).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    other = version(model, Phase.STABLE, promoted_at=after(-500))
    other["metadata"]["name"], other["spec"] = f"{model}-{stable}", {"model": model, "version": stable}
    return [candidate, other]


class Compared(Scene):
    """Two versions with real counters, and the comparisons between them."""

    def __init__(self, candidate, stable, **fields):
        super().__init__()
        self.objects = compared(**fields)
        self.counters = {target("sms"): candidate, Target("default", "sms", "0"): stable}

    def sample(self, seconds):
        at = T0.timestamp() + seconds
        return Sample(at=at, evidence={one: known(c, since=at - 2000, until=at) for one, c in self.counters.items()})

    def answer(self, seconds):
        """The news of an answer, at once and when it is folded."""
        sample = self.sample(seconds)
        at_once = together(self.list.news(sample, now=sample.at))
        self.comparing.fold(self.list.subjects(), sample)
        return at_once, self.list.news_of_comparisons(sample, now=sample.at)

    def gates(self, seconds):
        """What the gates say."""
        (subject,), sample = self.list.subjects(), self.sample(seconds)
        return answers(
            subject.one,
            limits(subject.one, sample, now=sample.at),
            stable=subject.stable,
            sample=sample,
            found=self.comparing.found.get(target("sms")),
            now=sample.at,
        )

    def write(self):
        """What is to be written is."""
        recorded = self.comparing.found[target("sms")].recorded
        status_ = {**self.objects[0]["status"], "evidence": recorded.model_dump(mode="json", by_alias=True)}
        self.objects[0] = {**self.objects[0], "status": status_}


FINE = {"rate": 40, "errors": 0.02, "until": 400}
STABLE = traffic(**FINE, seed=2)


def test_stable_is_asked_about_beside_a_version_that_is_compared_and_from_before_the_attempt():
    scene = Scene()
    scene.objects = compared()
    asked = scene.list.watched()

    assert asked.keys() == {target("sms"), Target("default", "sms", "0")}
    assert asked[Target("default", "sms", "0")].since == pytest.approx(after(-30).timestamp() - 1800)
    assert asked[Target("default", "sms", "0")].edges == asked[target("sms")].edges


def test_beside_a_version_with_limits_alone_stable_is_not_asked_about():
    scene = Scene()
    scene.objects = compared(asks=ROLLOUT)

    assert scene.list.watched().keys() == {target("sms")}


def test_of_several_that_were_promoted_the_last_is_stable():
    scene = Scene()
    scene.objects = compared()
    older = version("sms", Phase.SUPERSEDED, promoted_at=after(-900))
    older["metadata"]["name"], older["spec"] = "sms-00", {"model": "sms", "version": "00"}
    scene.objects.append(older)
    scene.objects += compared("other", stable="7")

    scene.list.watched()
    beside = {subject.one.target.model: subject.stable.version for subject in scene.list.subjects()}
    assert beside == {"sms": "0", "other": "7"}


def test_a_version_that_is_found_worse_comes_first_when_it_is_found():
    scene = Compared(traffic(**{**FINE, "errors": 0.08}), STABLE)
    told = {seconds: scene.answer(seconds) for seconds in range(5, 200, 5)}

    assert all(at_once == NOTHING for at_once, _ in told.values()), "its limit is far away"
    folded = [news for _, news in told.values()]
    first = next(number for number, news in enumerate(folded) if news.failing)
    assert all(news.failing == key("sms") for news in folded[first:])


def test_a_limit_that_is_crossed_waits_for_no_comparison():
    scene = Compared(traffic(**{**FINE, "errors": 0.5}), STABLE)

    assert together(scene.list.news(scene.sample(60), now=T0.timestamp() + 60)).failing == key("sms")


def test_a_limit_that_stable_crosses_as_well_takes_nobody_back():
    bad = {**FINE, "errors": 0.5}
    scene = Compared(traffic(**bad), traffic(**bad, seed=2))
    for seconds in range(5, 100, 5):
        at_once, folded = scene.answer(seconds)
        assert at_once.failing == folded.failing == ()


def test_evidence_that_is_to_be_written_is_news_until_it_is():
    scene = Compared(traffic(**FINE), STABLE)
    scene.answer(60)

    assert scene.answer(65)[1].others == scene.answer(70)[1].others == key("sms")
    scene.write()
    scene.answer(75)
    assert scene.answer(80) == (NOTHING, NOTHING)


def test_that_nobody_can_tell_is_news_although_the_verdict_is_as_it_was():
    """It is then that a step that was held for too long is called inconclusive."""
    quiet = {"rate": 8, "errors": 0.0, "until": 400, "pods": 1}
    scene = Compared(traffic(**quiet), traffic(**quiet, seed=2))
    scene.answer(4)
    scene.write()
    said = []
    for seconds in range(5, 40, 5):
        _, folded = scene.answer(seconds)
        (gate,) = scene.gates(seconds)
        said.append((gate.verdict, gate.undecided, bool(folded.others)))

    first = next(number for number, (_, undecided, _) in enumerate(said) if undecided)
    assert said[first - 1][:2] == (Verdict.NO_DATA, False)
    assert said[first] == (Verdict.NO_DATA, True, True)


def test_in_probation_with_all_requests_there_is_nothing_to_compare_with():
    scene = Compared(traffic(**{**FINE, "errors": 0.09}), STABLE, step=2)
    for seconds in range(5, 200, 5):
        assert not any(news.failing for news in scene.answer(seconds))


def test_a_version_that_nobody_has_asked_about_yet_is_told_so():
    obj = version("sms", Phase.CANARY)
    one = watched(obj, read_status(obj))
    asked_about_others = limits(one, Sample(at=NOW, evidence={}), now=NOW)
    away = limits(one, Sample(at=NOW, evidence={}, problem="connection refused"), now=NOW)

    assert [said.message for said in asked_about_others] == ["Prometheus has not been asked about it yet"]
    assert [said.message for said in away] == ["Prometheus does not answer"]
    assert {said.verdict for said in (*asked_about_others, *away)} == {Verdict.UNAVAILABLE}


def test_that_requests_do_not_divide_as_the_route_says_is_news_and_stops_what_comparisons_would_do():
    """Half of the requests come, where a twentieth is wanted, and more of them fail."""
    asks = {**COMPARED, "steps": [{"weight": 5, "hold": "10s"}]}
    scene = Compared(traffic(**{**FINE, "errors": 0.03}), STABLE, asks=asks)
    told = {seconds: (scene.answer(seconds), scene.gates(seconds)[0]) for seconds in range(5, 200, 5)}

    shown = next(seconds for seconds, (_, gate) in told.items() if gate.invalid is not None)
    assert told[shown][0][1].others == key("sms")
    assert all((gate.verdict, gate.compared) == (Verdict.NO_DATA, None) for s, (_, gate) in told.items() if s >= shown)
    assert "where 5% are wanted" in told[shown][1].invalid


def test_an_operator_that_starts_again_knows_it_before_it_has_counted():
    scene = Compared(traffic(**FINE), STABLE)
    scene.answer(60)
    scene.write()
    scene.objects[0]["status"]["evidence"]["mismatch"] = {"share": 0.5, "weight": 0.05}
    again = Compared(traffic(**FINE), STABLE)
    again.objects = scene.objects

    again.list.watched()

    assert again.gates(65)[0].invalid is not None
