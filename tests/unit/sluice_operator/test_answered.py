"""Probation may ask for requests: they are counted from its beginning on, and Prometheus is asked for as much."""

import pytest
from making import ROLLOUT, T0, after, status

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence
from sluice_operator.api.settings import RolloutSettings
from sluice_operator.api.status import Phase
from sluice_operator.controller.answered import answered
from sluice_operator.controller.comparing import Comparing
from sluice_operator.controller.watched import watched
from sluice_operator.controller.watchlist import Watchlist
from sluice_operator.prometheus.predictor import Target
from sluice_operator.prometheus.sampler import Sample
from sluice_operator.rollout.settings import merge

TARGET = Target("default", "sms", "2")
BEGAN = T0.timestamp()
NOTHING = History(since=BEGAN - 60, pods=())


def candidate(*, step=2, min_requests=1000, pending=None):
    """A version whose step began at second 0; step 2 is probation."""
    settings = merge(
        RolloutSettings.model_validate({**ROLLOUT, "probation": {"duration": "30s", "minRequests": min_requests}})
    )
    said = status(
        Phase.PROBATION if step == 2 else Phase.CANARY,
        step=step,
        step_started_at=after(0),
        weight_pending=pending,
        effective_rollout=settings,
    )
    obj = {
        "metadata": {"name": "v2", "namespace": "default", "uid": "u"},
        "spec": {"model": "sms", "version": "2"},
        "status": said.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return obj, watched(obj, said)


def pod(name, *scrapes):
    """Scrapes as (seconds after the step began, requests since the process started)."""
    return PodHistory(name, tuple(Scrape(BEGAN + at, total, 0.0) for at, total in scrapes))


def sample(*pods, gateway=()):
    by_gateway = Evidence(History(BEGAN - 60, tuple(gateway)), {}) if gateway else None
    return Sample(at=BEGAN + 100, evidence={TARGET: Evidence(History(BEGAN - 60, tuple(pods)), {}, gateway=by_gateway)})


def test_requests_are_counted_from_the_beginning_of_probation_on():
    _, one = candidate()
    first = pod("a", (-50, 700), (-5, 800), (0, 810), (5, 900), (95, 1300))
    second = pod("b", (-49, 0), (1, 50), (6, 60), (96, 90))

    assert answered(one, sample(first)) == 490
    assert answered(one, sample(first, second)) == 490 + 40, "what came between the scrapes around it is left out"


def test_a_pod_that_starts_in_probation_counts_from_zero():
    _, one = candidate()

    old, new = pod("old", (-50, 30), (0, 50), (5, 60), (95, 80)), pod("new", (20, 7), (25, 9))

    assert answered(one, sample(old, new)) == 30 + 9


def test_where_the_version_does_not_count_the_gateway_does():
    _, one = candidate()

    assert answered(one, sample(gateway=[pod("envoy", (-50, 100), (0, 100), (95, 400))])) == 300
    assert answered(one, sample()) == 0


@pytest.mark.parametrize("fields", [{"step": 1}, {"min_requests": 0}, {"pending": True}], ids=str)
def test_nobody_counts_where_none_are_asked_for_or_probation_has_not_begun(fields):
    obj, one = candidate(**fields)

    assert answered(one, sample(pod("a", (-50, 0), (0, 0), (95, 900)))) is None
    assert Watchlist(lambda: [obj], Comparing()).watched()[TARGET].since is None


def test_nobody_can_tell_while_prometheus_is_away():
    _, one = candidate()

    assert answered(one, Sample(at=BEGAN, evidence={})) is None


def test_as_much_is_asked_of_prometheus():
    obj, _ = candidate()

    assert Watchlist(lambda: [obj], Comparing()).watched()[TARGET].since == BEGAN - 60
