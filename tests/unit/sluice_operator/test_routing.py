"""The route of a model says who gets what and who was taken back, and is read back only once it is in force."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import MODEL, NAMESPACE, after

from sluice_operator.rollout.plan import RouteTable
from sluice_operator.rollout.snapshot import Mark, Route
from sluice_operator.routing.httproute import MARKS_ANNOTATION, Gateway, read_route, render_route

GATEWAY = Gateway(name="contour", namespace="projectcontour", domain="sluice.local")
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True)
MARKS = st.builds(
    Mark,
    uid=st.uuids().map(str),
    attempt=st.integers(1, 9),
    reason=st.text(max_size=400),
    at=st.integers(0, 10**6).map(lambda micros: after(micros / 1e6)),
    gate=st.none() | NAMES,
)
TABLES = st.builds(
    RouteTable,
    weights=st.dictionaries(NAMES, st.integers(0, 100), min_size=1, max_size=4).map(lambda w: tuple(sorted(w.items()))),
    marks=st.lists(MARKS, max_size=3).map(tuple),
)


def rendered(table):
    return render_route(model=MODEL, namespace=NAMESPACE, table=table, gateway=GATEWAY)


def live(*parents, generation=2, table=None):
    """A route as the API server holds it, with what each parent says."""
    obj = rendered(table or RouteTable(weights=(("a", 100),)))
    return {**obj, "metadata": {**obj["metadata"], "generation": generation}, "status": {"parents": list(parents)}}


def says(accepted, *, of=2, kind="Accepted"):
    return {"conditions": [{"type": kind, "status": str(accepted), "observedGeneration": of}]}


@given(TABLES)
def test_a_table_is_read_back_as_it_was_written(table):
    seen = read_route(json.loads(json.dumps(rendered(table))))

    assert seen.weights == dict(table.weights)
    assert seen.marks == table.marks


def test_clients_use_one_host_name_and_cannot_pass_for_other_traffic():
    obj = rendered(RouteTable(weights=(("a", 95), ("b", 5))))

    assert obj["spec"]["hostnames"] == ["sms.default.sluice.local"]
    assert obj["spec"]["parentRefs"] == [{"name": "contour", "namespace": "projectcontour"}]
    (rule,) = obj["spec"]["rules"]
    assert rule["filters"][0]["requestHeaderModifier"] == {"remove": ["x-sluice-traffic"]}
    assert rule["backendRefs"] == [
        {"name": "a-predictor", "port": 80, "weight": 95},
        {"name": "b-predictor", "port": 80, "weight": 5},
    ]


def test_nobody_owns_the_route_but_the_operator():
    assert "ownerReferences" not in rendered(RouteTable(weights=(("a", 100),)))["metadata"]


@pytest.mark.parametrize(
    ("route", "in_force"),
    [
        (live(says(True)), True),
        (live(says(True), says(True)), True),
        (live(), False),
        (live(says(True, of=1)), False),
        (live(says(False)), False),
        (live(says(True), says(False)), False),
        (live(says(True, kind="ResolvedRefs")), False),
        (live({}), False),
    ],
)
def test_a_route_is_in_force_when_every_parent_took_this_generation(route, in_force):
    assert read_route(route).in_force is in_force


def test_no_route_and_somebody_elses_route_are_told_apart():
    theirs = live(says(True))
    theirs["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}

    assert read_route(None) == Route()
    assert read_route(theirs) == Route(exists=True, foreign=True)
    del theirs["metadata"]["labels"]
    assert read_route(theirs).foreign


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '[{"uid": 1}]', "null"])
def test_marks_that_somebody_spoiled_are_as_good_as_none(text):
    route = live(says(True))
    route["metadata"]["annotations"] = {MARKS_ANNOTATION: text}

    assert read_route(route).marks == ()


def test_a_backend_without_a_weight_has_the_gateways_default():
    route = live(says(True))
    route["spec"]["rules"][0]["backendRefs"] = [{"name": "a-predictor", "port": 80}]

    assert read_route(route).weights == {"a": 1}
