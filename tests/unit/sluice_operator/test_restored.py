"""Versions that come back all at once, as from a backup: with what else there was, or without."""

import pytest
from making import NAMESPACE
from world import POD, ROUTES, SERVICES, VERSIONS, World

from sluice_operator.api.status import Phase, Verdict
from sluice_operator.routing.httproute import read_route


def restored(past, *, statuses, rest):
    """The same versions in a new cluster, all in one second: other uids, and no finalizers yet."""
    world = World(past)
    for (_, name), obj in past.api.kind(VERSIONS).items():
        meta = {key: obj["metadata"][key] for key in ("name", "namespace", "generation")}
        meta |= {"uid": f"uid-again-{name}", "creationTimestamp": world.now().isoformat()}
        kept = {"status": obj["status"]} if statuses else {}
        world.api.put(VERSIONS, {"metadata": meta, "spec": obj["spec"], **kept})
    if not rest:
        world.delete_route()
        world.api.kind(SERVICES).clear()
        world.api.kind(POD).clear()
    world.api.before_write = lambda plural, body: only_to_what_is_ready(world, plural, body)
    world.start_operator()
    return world


def only_to_what_is_ready(world, plural, body):
    """Or to stable, whose route stands whether it is ready or not."""
    if plural != ROUTES or not body:
        return
    proven = {said.inference_service for said in world.statuses().values() if said.promoted_at is not None}
    for backend, weight in read_route(body).weights.items():
        service = world.api.kind(SERVICES)[(NAMESPACE, backend)]
        ready = {"type": "Ready", "status": "True"} in service.get("status", {}).get("conditions", ())
        assert not weight or ready or backend in proven, f"{backend} gets {weight}"


def phases(world):
    return {name: said.phase for name, said in world.statuses().items()}


def test_ten_versions_that_come_at_once_end_with_one_that_serves():
    world = World()
    for n in range(1, 11):
        world.apply_version(f"v{n:02}")
    world.api.before_write = lambda plural, body: only_to_what_is_ready(world, plural, body)

    world.live_on(300)

    found = phases(world)
    assert found.pop("v10") is Phase.STABLE
    assert set(found.values()) == {Phase.SKIPPED}
    assert (world.weights(), world.running()) == ({"v10": 100}, {"v10"})


@pytest.fixture
def before():
    """A model of which v2 is stable, and v3 was taken back."""
    world = World()
    for name in ("v1", "v2"):
        world.apply_version(name)
        world.live_on(200)
    world.verdicts["v3"] = Verdict.FAIL
    world.apply_version("v3")
    world.live_on(200)
    assert phases(world) == {"v1": Phase.SUPERSEDED, "v2": Phase.STABLE, "v3": Phase.ROLLED_BACK}
    return world


@pytest.mark.parametrize("rest", [True, False])
def test_with_their_statuses_all_are_what_they_were(before, rest):
    world = restored(before, statuses=True, rest=rest)
    world.live_on(300)

    assert phases(world) == phases(before)
    assert (world.weights(), world.running()) == ({"v2": 100}, {"v2"})


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.NO_DATA])
def test_without_statuses_the_route_says_who_serves_and_the_newest_has_to_prove_itself_again(before, verdict):
    world = restored(before, statuses=False, rest=True)
    world.verdicts["v3"] = verdict
    world.live_on(15)

    assert world.statuses()["v2"].phase is Phase.STABLE
    assert world.weights() == ({"v2": 95, "v3": 5} if verdict is Verdict.NO_DATA else {"v2": 100, "v3": 0})


def test_without_statuses_and_route_nobody_knows_who_was_taken_back(before):
    """Why a restore needs the statuses: the newest is all there is to go by."""
    world = restored(before, statuses=False, rest=False)
    world.live_on(300)

    assert phases(world) == {"v1": Phase.SKIPPED, "v2": Phase.SKIPPED, "v3": Phase.STABLE}
    assert world.weights() == {"v3": 100}
