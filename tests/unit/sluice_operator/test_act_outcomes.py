"""An act on a version that is not there ends, and says why, once it is too old to mean anything."""

from datetime import UTC, datetime, timedelta

from fake_cluster import FakeApiServer, FakeCopy, finish
from world import World

from sluice_operator.api.action import Outcome, RolloutActionStatus
from sluice_operator.controller.act_outcomes import end_strays, tell
from sluice_operator.controller.resources import model_of_version, version_of_act
from sluice_operator.kube.errors import InvalidError
from sluice_operator.rollout.acts import EXPIRES

ACTS, VERSIONS = "rolloutactions", "modelversions"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Scene:
    """A cluster with the version `there` and some acts."""

    def __init__(self):
        self.api = FakeApiServer()
        meta = {"namespace": "default", "name": "there"}
        self.api.kind(VERSIONS)[("default", "there")] = {"metadata": meta, "spec": {"model": "sms"}}

    def act(self, name, *, on, age, **fields):
        made = (NOW - age).isoformat()
        meta = {"namespace": "default", "name": name, "creationTimestamp": made, "resourceVersion": "1"}
        self.api.kind(ACTS)[("default", name)] = {"metadata": meta, "spec": {"modelVersion": on}, **fields}

    def outcomes(self):
        """What is said of each act when it has been looked at."""
        acts, versions = FakeCopy(version_of_act), FakeCopy(model_of_version)
        acts.follow(self.api.kind(ACTS))
        versions.follow(self.api.kind(VERSIONS))
        finish(end_strays(self.api, acts=acts, versions=versions, now=NOW))
        said = {name: act.get("status", {}) for (_, name), act in self.api.kind(ACTS).items()}
        return {name: (status.get("outcome"), status.get("message")) for name, status in said.items()}


LATE = EXPIRES + timedelta(seconds=1)


def test_an_act_on_a_version_that_is_not_there_ends_when_it_is_old():
    scene = Scene()
    scene.act("typo", on="their", age=LATE)

    assert scene.outcomes() == {"typo": ("Expired", "there is no ModelVersion their, so it had no effect")}


def test_an_act_whose_status_was_emptied_by_hand_is_one_without_a_status():
    scene = Scene()
    scene.act("emptied", on="their", age=LATE, status=None)
    scene.act("another", on="their", age=LATE)

    assert {outcome for outcome, _ in scene.outcomes().values()} == {"Expired"}


def test_an_act_whose_version_may_still_come_or_that_has_an_outcome_is_left_alone():
    scene = Scene()
    scene.act("new", on="their", age=EXPIRES)
    scene.act("decided elsewhere", on="there", age=LATE)
    scene.act("over", on="their", age=LATE, status={"outcome": "Refused", "message": "no"})

    assert scene.outcomes() == {
        "new": (None, None),
        "decided elsewhere": (None, None),
        "over": ("Refused", "no"),
    }
    assert scene.api.writes == []


def test_an_act_that_cannot_be_read_is_refused_once_with_the_field():
    world = World()
    world.apply_version("v1")
    world.live_on(60)
    name = world.act("Pause", "v1")
    one = world.api.kind(ACTS)[("default", name)]
    world.api.put(ACTS, {**one, "spec": {**one["spec"], "reason": "x" * 10_000}})

    world.live_on(10)

    said = world.api.kind(ACTS)[("default", name)]["status"]
    assert said["outcome"] == "Refused"
    assert said["message"] == "InvalidSpec: spec.reason: String should have at most 512 characters"
    writes = len(world.api.writes)
    world.live_on(60)
    assert len(world.api.writes) == writes


def test_an_act_of_which_nothing_can_be_said_holds_nothing_up():
    class Api(FakeApiServer):
        async def apply(self, *_args, **_fields):
            raise InvalidError(422, "the object is invalid")

    said = RolloutActionStatus(outcome=Outcome.REFUSED, message="no", at=NOW)

    finish(tell(Api(), namespace="default", name="one", said=said))
