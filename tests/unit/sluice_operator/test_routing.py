"""The route of a model says who gets what and who was taken back, and is read back only once it is in force."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import MODEL, NAMESPACE, after, snapshot, stable, version

from sluice_operator.api.status import Phase
from sluice_operator.rollout.address import Address
from sluice_operator.rollout.decide import decide
from sluice_operator.rollout.plan import Preview, RouteTable
from sluice_operator.rollout.snapshot import Mark, Route
from sluice_operator.routing.httproute import (
    ADDRESSES_ANNOTATION,
    DRAINING_ANNOTATION,
    MARKS_ANNOTATION,
    read_route,
    render_route,
)

ADDRESS = Address("sms.default.sluice.local", "contour", "projectcontour")
VERSIONS = {"a": "1.0.0", "b": "1.1.0"}
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True)
MARKS = st.builds(
    Mark,
    uid=st.uuids().map(str),
    attempt=st.integers(1, 9),
    reason=st.text(max_size=400),
    at=st.integers(0, 10**6).map(lambda micros: after(micros / 1e6)),
    gate=st.none() | NAMES.map(lambda name: name[:40]),
)
SHARES = st.lists(st.integers(0, 100), max_size=3).map(
    lambda cuts: [b - a for a, b in pairwise([0, *sorted(cuts), 100])]
)
TABLES = st.builds(
    RouteTable,
    weights=SHARES.flatmap(
        lambda shares: st.sets(NAMES, min_size=len(shares), max_size=len(shares)).map(
            lambda names: tuple(zip(sorted(names), shares, strict=True))
        )
    ),
    marks=st.lists(MARKS, max_size=3).map(tuple),
)


PREVIEWS = st.builds(Preview, header=NAMES, value=st.text(min_size=1, max_size=20), backend=NAMES)


def rendered(table, *addresses, versions=VERSIONS):
    reached = replace(table, addresses=addresses or (ADDRESS,))
    return render_route(model=MODEL, namespace=NAMESPACE, table=reached, versions=versions)


def live(*parents, generation=2, table=None):
    """A route as the API server holds it, with what each parent says."""
    obj = rendered(table or RouteTable(weights=(("a", 100),)))
    return {**obj, "metadata": {**obj["metadata"], "generation": generation}, "status": {"parents": list(parents)}}


OURS = {"name": "contour", "namespace": "projectcontour"}


def says(accepted, *, of=2, kind="Accepted", who=OURS, **others):
    conditions = [{"type": kind, "status": str(accepted), "observedGeneration": of}]
    conditions += [{"type": other, "status": str(status), "observedGeneration": of} for other, status in others.items()]
    return {"parentRef": who, "conditions": conditions}


@given(TABLES)
def test_a_table_is_read_back_as_it_was_written(table):
    seen = read_route(json.loads(json.dumps(rendered(table))))

    assert seen.weights == dict(table.weights)
    assert seen.marks == table.marks


def test_clients_use_one_host_name_and_cannot_pass_for_other_traffic():
    obj = rendered(RouteTable(weights=(("a", 95), ("b", 5))))

    assert obj["spec"]["hostnames"] == ["sms.default.sluice.local"]
    assert [(ref["name"], ref["namespace"]) for ref in obj["spec"]["parentRefs"]] == [("contour", "projectcontour")]
    (rule,) = obj["spec"]["rules"]
    assert rule["filters"][0]["requestHeaderModifier"] == {"remove": ["x-sluice-traffic"]}
    assert [(ref["name"], ref["port"], ref["weight"]) for ref in rule["backendRefs"]] == [
        ("a-predictor", 80, 95),
        ("b-predictor", 80, 5),
    ]


ALL = RouteTable(weights=(("a", 100),))
EDGE = Address("sms.example.com", "edge", "infra")


def test_a_model_may_have_a_host_name_and_a_gateway_of_its_own():
    made = rendered(ALL, EDGE)["spec"]

    assert made["hostnames"] == ["sms.example.com"]
    assert [(ref["name"], ref["namespace"]) for ref in made["parentRefs"]] == [("edge", "infra")]


def test_a_former_address_goes_on_beside_the_present_one():
    former = replace(ADDRESS, until=after(60))
    made = rendered(ALL, EDGE, former, replace(EDGE, hostname="old.example.com", until=after(30)))

    assert made["spec"]["hostnames"] == ["sms.example.com", "sms.default.sluice.local", "old.example.com"]
    assert [ref["name"] for ref in made["spec"]["parentRefs"]] == ["edge", "contour"], "each Gateway once"


ADDRESSES = st.lists(
    st.builds(
        Address,
        hostname=st.sampled_from(["a.example.com", "b.example.com", "c"]),
        gateway=NAMES,
        gateway_namespace=NAMES,
        until=st.none() | st.integers(0, 10**6).map(after),
    ),
    min_size=1,
    max_size=3,
)


@given(ADDRESSES)
def test_addresses_are_read_back_as_they_were_written(addresses):
    seen = read_route(json.loads(json.dumps(rendered(ALL, *addresses))))

    assert seen.addresses == tuple(addresses)


def test_what_somebody_makes_of_the_host_names_is_no_address():
    made = rendered(ALL)
    made["spec"]["hostnames"] = ["else.where"]

    assert read_route(made).addresses == (ADDRESS,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        "[1]",
        '[{"hostname": "UPPER", "gateway": "g", "gateway_namespace": "n"}]',
        '[{"hostname": "a b", "gateway": "g", "gateway_namespace": "n"}]',
        '[{"hostname": "a", "gateway": "g", "gateway_namespace": "n", "until": "2026-01-01T00:00:00"}]',
    ],
)
def test_a_route_that_does_not_say_where_it_is_reached_is_taken_as_it_stands(text):
    made = rendered(ALL)
    made["metadata"]["annotations"][ADDRESSES_ANNOTATION] = text

    assert read_route(made).addresses == (ADDRESS,)
    del made["metadata"]["annotations"][ADDRESSES_ANNOTATION]
    assert read_route(made).addresses == (ADDRESS,)
    del made["spec"]["hostnames"]
    assert read_route(made).addresses == ()


def test_every_answer_names_the_version_that_gave_it():
    (rule,) = rendered(RouteTable(weights=(("a", 50), ("b", 50))))["spec"]["rules"]

    named = [ref["filters"][0]["responseHeaderModifier"]["set"] for ref in rule["backendRefs"]]
    assert named == [[{"name": "x-model-version", "value": version}] for version in ("1.0.0", "1.1.0")]


def test_a_backend_whose_version_nobody_knows_is_routed_all_the_same():
    (rule,) = rendered(RouteTable(weights=(("unknown", 100),)))["spec"]["rules"]

    assert "filters" not in rule["backendRefs"][0]


PREVIEWED = RouteTable(weights=(("a", 100),), previews=(Preview(header="x-preview", value="next", backend="b"),))


def test_requests_that_ask_for_a_preview_get_it_before_the_shares_are_looked_at():
    preview, shares = rendered(PREVIEWED)["spec"]["rules"]

    (match,) = preview["matches"]
    assert match["headers"] == [{"type": "Exact", "name": "x-preview", "value": "next"}]
    assert [ref["name"] for ref in preview["backendRefs"]] == ["b-predictor"]
    assert [ref["name"] for ref in shares["backendRefs"]] == ["a-predictor"]
    assert "headers" not in shares["matches"][0]


def test_previewed_requests_are_no_evidence():
    preview, _ = rendered(PREVIEWED)["spec"]["rules"]

    (change,) = preview["filters"]
    assert change["requestHeaderModifier"] == {"set": [{"name": "x-sluice-traffic", "value": "synthetic"}]}


def test_a_preview_is_no_share_but_the_gateway_knows_the_backend():
    assert read_route(rendered(PREVIEWED)).weights == {"a": 100, "b": 0}


@given(TABLES, st.lists(PREVIEWS, max_size=3).map(tuple))
def test_previews_change_nobodys_share(table, previews):
    with_previews = RouteTable(weights=table.weights, marks=table.marks, previews=previews)

    seen = read_route(json.loads(json.dumps(rendered(with_previews)))).weights
    assert {name: seen[name] for name, _ in table.weights} == dict(table.weights)
    assert all(weight == 0 for name, weight in seen.items() if name not in dict(table.weights))


def test_nobody_owns_the_route_but_the_operator():
    assert "ownerReferences" not in rendered(RouteTable(weights=(("a", 100),)))["metadata"]


OTHER = {"name": "other", "namespace": "infra"}


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
        (live({"parentRef": OURS}), False),
        (live(says(True, PartiallyInvalid=True)), False),
        (live(says(True, PartiallyInvalid=False)), True),
        (live(says(True, who=OTHER)), False),
        (live(says(True), says(False, of=1, who=OTHER)), True),
    ],
)
def test_a_route_is_in_force_when_every_controller_of_its_gateway_took_this_generation_whole(route, in_force):
    assert read_route(route).in_force is in_force


@pytest.mark.parametrize(
    ("parents", "in_force"),
    [
        ([says(True), says(True, who=OTHER)], True),
        ([says(True)], False),
        ([says(True), says(True, of=1, who=OTHER)], False),
        ([says(True), says(False, who=OTHER)], False),
        ([says(True), says(True, who={**OTHER, "sectionName": "https"})], False),
    ],
)
def test_a_route_of_several_gateways_is_in_force_when_each_of_them_took_it(parents, in_force):
    route = live(*parents)
    route["spec"]["parentRefs"].append(OTHER)

    assert read_route(route).in_force is in_force


def test_a_former_gateway_may_be_gone_and_is_not_waited_for():
    made = rendered(ALL, EDGE, replace(ADDRESS, until=after(60)))
    made["metadata"]["generation"] = 2
    taken = says(True, who={"name": "edge", "namespace": "infra"})

    assert read_route({**made, "status": {"parents": [taken]}}).in_force
    assert read_route({**made, "status": {"parents": [taken, says(True, of=1)]}}).in_force
    assert not read_route({**made, "status": {"parents": [says(True)]}}).in_force


def test_a_gateway_in_the_routes_own_namespace_need_not_say_so():
    route = live(says(True, who={"name": "edge", "namespace": NAMESPACE}))
    route["spec"]["parentRefs"] = [{"name": "edge"}]

    assert read_route(route).in_force


def test_no_route_and_somebody_elses_route_are_told_apart():
    theirs = live(says(True))
    theirs["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    del theirs["metadata"]["annotations"]

    assert read_route(None) == Route()
    assert read_route(theirs) == Route(exists=True, foreign=True)
    del theirs["metadata"]["labels"]
    assert read_route(theirs).foreign


def test_a_route_of_ours_is_known_without_its_label_by_what_we_wrote_into_it():
    ours = live(says(True))
    as_made = read_route(ours)
    ours["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    assert read_route(ours) == as_made

    del ours["metadata"]["annotations"][MARKS_ANNOTATION]
    assert read_route(ours).foreign, "one of two alone is no proof"


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '[{"uid": 1}]', "null"])
def test_marks_that_somebody_spoiled_are_as_good_as_none(text):
    route = live(says(True))
    route["metadata"]["annotations"] = {MARKS_ANNOTATION: text}

    assert read_route(route).marks == ()


@pytest.mark.parametrize("text", ["reason", "gate", "by", "act"])
def test_a_mark_whose_text_somebody_made_longer_takes_its_version_back_all_the_same(text):
    taken = {"uid": "uid-v2", "attempt": 1, "reason": "r", "at": after(50).isoformat(), text: "x" * 100_000}
    route = live(says(True))
    route["metadata"]["annotations"] = {MARKS_ANNOTATION: json.dumps([taken])}
    back = version("v2", created=10)

    plan = decide(snapshot(stable(), back, route=read_route(route)), after(60))

    assert plan.statuses["v2"].phase is Phase.ROLLED_BACK
    assert getattr(plan.statuses["v2"].decision, text) in "x" * 512


def test_a_backend_without_a_weight_has_the_gateways_default():
    route = live(says(True))
    route["spec"]["rules"][0]["backendRefs"] = [{"name": f"{name}-predictor", "port": 80} for name in "ab"]

    assert read_route(route).weights == {"a": 50, "b": 50}


@pytest.mark.parametrize(
    ("written", "shares"),
    [
        ({"a": 1_000_000}, {"a": 100}),
        ({"a": 1000, "b": 0}, {"a": 100, "b": 0}),
        ({"a": 1000, "b": 1}, {"a": 99, "b": 1}),
        ({"a": 1, "b": 1, "c": 1}, {"a": 34, "b": 33, "c": 33}),
        ({"a": 7, "b": 50}, {"a": 12, "b": 88}),
        ({"a": 0, "b": 0}, {"a": 0, "b": 0}),
    ],
)
def test_weights_of_others_are_read_as_percent_of_their_sum(written, shares):
    route = live(says(True))
    (rule,) = route["spec"]["rules"]
    rule["backendRefs"] = [{"name": f"{name}-predictor", "weight": weight} for name, weight in written.items()]

    assert read_route(route).weights == shares


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=16))
def test_whatever_the_weights_are_shares_sum_to_100_and_who_gets_requests_has_one(weights):
    route = live(says(True))
    (rule,) = route["spec"]["rules"]
    rule["backendRefs"] = [{"name": f"v{at}-predictor", "weight": weight} for at, weight in enumerate(weights)]

    shares = read_route(route).weights

    assert sum(shares.values()) == (100 if any(weights) else 0)
    assert all((shares[f"v{at}"] > 0) is (weight > 0) for at, weight in enumerate(weights))


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (says(True), False),
        (says(False), True),
        (says(True, PartiallyInvalid=True), True),
        (says(True, PartiallyInvalid=False), False),
        (says(False, of=1), False),
        (says(False, who={"name": "another", "namespace": "projectcontour"}), False),
    ],
)
def test_a_gateway_refuses_a_route_when_it_says_so_of_the_present_one(answer, refused):
    assert (read_route(live(answer)).refused is not None) is refused


def test_since_when_a_backend_has_had_nothing_is_read_back_and_a_spoilt_word_of_it_is_none():
    table = RouteTable(weights=(("a", 0), ("b", 100)), draining=(("a", after(5)),))
    obj = rendered(table)
    assert read_route(obj).draining == {"a": after(5)}

    spoilt = {**obj["metadata"], "annotations": {**obj["metadata"]["annotations"], DRAINING_ANNOTATION: "[1]"}}
    assert read_route({**obj, "metadata": spoilt}).draining == {}
    assert DRAINING_ANNOTATION not in rendered(replace(table, draining=()))["metadata"]["annotations"]
