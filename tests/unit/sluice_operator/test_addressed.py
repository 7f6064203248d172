"""A model's address through the operator: a policy that changes it, one that may not, and one that cannot be read."""

from dataclasses import replace

import pytest
import world as world_module
from making import NAMESPACE, after
from world import KEY, POLICIES, ROUTES, World

from sluice_operator.api.status import Phase
from sluice_operator.rollout.address import KEPT

DEFAULT = "sms.default.sluice.local"
ALLOWED = "sms.example.com"


def serving() -> World:
    world = World()
    world.apply_version("v1")
    world.live_on(60)
    assert hostnames(world) == [DEFAULT]
    return world


def hostnames(world: World) -> list[str]:
    return list(world.api.kind(ROUTES)[KEY]["spec"]["hostnames"])


def conditions(world: World, name: str = "v1") -> dict[str, str]:
    return {one.type: one.reason for one in world.statuses()[name].conditions if one.status == "True"}


def test_a_model_is_reached_where_its_policy_says():
    world = World()
    world.set_policy(hostname=ALLOWED)
    world.apply_version("v1")
    world.live_on(60)

    assert hostnames(world) == [ALLOWED]
    assert world.statuses()["v1"].url == f"http://{ALLOWED}"


def test_clients_of_the_former_host_name_are_answered_for_a_day():
    world = serving()
    before = world.weights()
    world.set_policy(hostname=ALLOWED)
    world.everybody_acts()

    assert hostnames(world) == [ALLOWED, DEFAULT]
    assert world.weights() == before, "nothing else of the route is another"
    assert world.wake_at is not None
    world.live_on(KEPT.total_seconds() + 1)
    assert hostnames(world) == [ALLOWED]


def test_the_url_is_told_once_it_works():
    world = serving()
    world.set_policy(hostname=ALLOWED)
    world.reconcile_until_idle()
    assert world.statuses()["v1"].url == f"http://{DEFAULT}"

    world.everybody_acts()

    assert world.statuses()["v1"].url == f"http://{ALLOWED}"


def test_an_address_that_is_not_allowed_is_refused_and_the_model_serves_where_it_did():
    world = serving()
    world.set_policy(hostname="sms.bank.com")
    world.everybody_acts()

    assert hostnames(world) == [DEFAULT]
    assert conditions(world)["Stalled"] == "RouteRefused"
    said = world.statuses()["v1"]
    assert said.phase is Phase.STABLE
    assert "does not allow namespace default the host name sms.bank.com" in (said.message or "")
    assert f"reached at http://{DEFAULT} as before" in (said.message or "")
    world.set_policy()
    world.everybody_acts()
    assert "Stalled" not in conditions(world)


def test_a_rollout_goes_on_at_the_address_in_force():
    world = serving()
    world.set_policy(hostname="sms.bank.com")
    world.apply_version("v2")
    world.live_on(300)

    assert world.statuses()["v2"].phase is Phase.STABLE
    assert hostnames(world) == [DEFAULT]


def test_a_first_version_that_may_not_have_its_address_gets_no_route():
    world = World()
    world.set_policy(hostname="sms.bank.com")
    world.apply_version("v1")
    world.live_on(30)

    assert KEY not in world.api.kind(ROUTES)
    assert conditions(world)["Stalled"] == "RouteRefused"
    world.set_policy(hostname=ALLOWED)
    world.live_on(30)
    assert hostnames(world) == [ALLOWED]


def test_a_host_name_of_another_model_is_taken_from_nobody():
    world = World()
    world.claims.follow(("elsewhere", "fraud"), {ALLOWED}, since=after(0))
    world.set_policy(hostname=ALLOWED)
    world.apply_version("v1")
    world.live_on(30)

    assert KEY not in world.api.kind(ROUTES)
    assert conditions(world)["Stalled"] == "HostnameTaken"
    assert "model fraud of namespace elsewhere" in (world.statuses()["v1"].message or "")


def test_while_the_policy_cannot_be_read_the_address_stays():
    world = serving()
    world.set_policy(hostname=ALLOWED)
    world.everybody_acts()
    broken = dict(world.api.kind(POLICIES)[(NAMESPACE, "policy")], spec={"models": 7})
    world.api.put(POLICIES, broken)
    world.live_on(60)

    assert hostnames(world)[0] == ALLOWED
    assert "Stalled" not in conditions(world)


def test_a_new_model_waits_for_a_policy_that_can_be_read():
    world = World()
    meta = {"name": "p", "namespace": NAMESPACE, "creationTimestamp": after(0).isoformat()}
    world.api.put(POLICIES, {"metadata": meta, "spec": {"models": 7}})
    world.apply_version("v1")
    world.live_on(30)

    assert KEY not in world.api.kind(ROUTES)


def test_a_route_that_somebody_edits_is_put_right_and_the_edit_is_no_former_address():
    world = serving()
    route = world.api.kind(ROUTES)[KEY]
    meta = {**route["metadata"], "generation": route["metadata"]["generation"] + 1}
    world.api.put(ROUTES, {**route, "metadata": meta, "spec": {**route["spec"], "hostnames": ["else.where"]}})
    world.everybody_acts()

    assert hostnames(world) == [DEFAULT]


def gateway_refuses(world: World) -> None:
    """What Contour says of a route when an older one has its host name and path."""
    route = world.api.kind(ROUTES)[KEY]
    said = {"type": "Accepted", "status": "False", "reason": "RuleMatchConflict", "message": "it has a conflict"}
    condition = {**said, "observedGeneration": route["metadata"]["generation"]}
    parents = [{"parentRef": ref, "conditions": [condition]} for ref in route["spec"]["parentRefs"]]
    world.api.put(ROUTES, {**route, "status": {"parents": parents}})


def test_a_route_that_the_gateway_takes_no_more_is_told_in_its_words_until_it_does():
    world = serving()
    before = len(world.events)
    gateway_refuses(world)
    world.reconcile_until_idle()

    assert conditions(world)["Stalled"] == "GatewayRefused"
    said = world.statuses()["v1"]
    assert said.phase is Phase.STABLE
    assert said.message == (
        "GatewayRefused: Gateway contour of namespace projectcontour does not take the route: "
        "RuleMatchConflict: it has a conflict"
    )
    assert [(event.kind, event.reason) for event in world.events[before:]] == [("Warning", "GatewayRefused")]
    world.everybody_acts()
    assert "Stalled" not in conditions(world)


def test_a_first_version_whose_route_the_gateway_does_not_take_says_so_and_is_not_stable():
    world = World()
    world.apply_version("v1")
    world.follow(*world.copies)
    while KEY not in world.api.kind(ROUTES):
        world.reconcile_until_idle()
        for service in world.services():
            world.set_ready(service, ready=True)
        world.seconds += 1
    gateway_refuses(world)
    world.reconcile_until_idle()

    assert conditions(world)["Stalled"] == "GatewayRefused"
    assert world.statuses()["v1"].promoted_at is None
    world.live_on(10)
    assert world.statuses()["v1"].phase is Phase.STABLE


def test_what_stands_in_the_way_is_told_once_as_an_event():
    world = serving()
    before = len(world.events)
    world.set_policy(hostname="sms.bank.com")
    world.everybody_acts()
    world.live_on(100)

    (event,) = world.events[before:]
    assert (event.kind, event.reason) == ("Warning", "RouteRefused")
    assert "sms.bank.com" in event.note


@pytest.mark.parametrize("known", [True, False])
def test_answers_name_their_version_where_the_gateway_knows_how(monkeypatch, known):
    gateway = replace(world_module._INSTALLATION.gateway, names_versions=known)
    monkeypatch.setattr(world_module, "_INSTALLATION", replace(world_module._INSTALLATION, gateway=gateway))
    world = World()
    world.apply_version("v1")
    world.live_on(60)

    (rule,) = world.api.kind(ROUTES)[KEY]["spec"]["rules"]
    assert ["filters" in ref for ref in rule["backendRefs"]] == [known]
