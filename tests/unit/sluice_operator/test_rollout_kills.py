"""Kill the operator anywhere: the next one continues to the same end."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import COMPARING
from record import is_whole
from world import World

from sluice_operator.analysis.comparison import Answer
from sluice_operator.api.status import Phase, Verdict


def good(world: World) -> None:
    world.apply_version("v2")
    world.live_on(300)


def bad(world: World) -> None:
    world.apply_version("v2")
    world.live_on(12)
    world.verdicts["v2"] = Verdict.FAIL
    world.live_on(100)


def bad_for_a_moment(world: World) -> None:
    world.apply_version("v2")
    world.live_on(12)
    world.verdicts["v2"] = Verdict.FAIL
    world.live_on(1)
    world.verdicts["v2"] = Verdict.PASS
    world.live_on(300)


def overtaken(world: World) -> None:
    world.apply_version("v2")
    world.live_on(25)
    world.apply_version("v3")
    world.live_on(300)


def deleted_candidate(world: World) -> None:
    world.apply_version("v2")
    world.live_on(25)
    world.delete_version("v2")
    world.live_on(100)


def deleted_stable(world: World) -> None:
    world.apply_version("v2")
    world.live_on(25)
    world.delete_version("v1")
    world.live_on(300)


def deleted_model(world: World) -> None:
    world.apply_version("v2")
    world.live_on(25)
    world.delete_version("v1", now=True)
    world.delete_version("v2")
    world.live_on(100)


def deleted_now_beside_a_candidate(world: World) -> None:
    world.apply_version("v2")
    world.live_on(25)
    world.delete_version("v1", now=True)
    world.live_on(100)


def deleted_and_unreadable(world: World) -> None:
    world.apply_version("v2")
    world.live_on(25)
    world.spoil("v1")
    world.delete_version("v1")
    world.live_on(300)


def wrong_when_asked_alone(world: World) -> None:
    world.answers["v2"] = Verdict.FAIL
    world.apply_version("v2")
    world.live_on(100)


def asked_alone_for_long(world: World) -> None:
    world.answers["v2"] = None
    world.apply_version("v2")
    world.live_on(100)
    del world.answers["v2"]
    world.live_on(300)


def worse(world: World) -> None:
    world.apply_version("v2", rollout=COMPARING)
    world.live_on(25)
    world.compared["v2"] = Answer.WORSE
    world.live_on(100)


def nobody_can_tell_for_long(world: World) -> None:
    world.compared["v2"] = Answer.UNKNOWN
    world.apply_version("v2", rollout=COMPARING)
    world.live_on(4000)
    world.compared["v2"] = Answer.CLEAR
    world.live_on(300)


def nobody_can_tell_and_it_goes_on(world: World) -> None:
    world.compared["v2"] = Answer.UNKNOWN
    world.apply_version("v2", rollout={**COMPARING, "onInconclusive": "Promote", "maxHold": "1m"})
    world.live_on(400)


COMPARED = [worse, nobody_can_tell_for_long, nobody_can_tell_and_it_goes_on]
ASKED_ALONE = [wrong_when_asked_alone, asked_alone_for_long]
DELETED = [deleted_candidate, deleted_stable, deleted_model, deleted_now_beside_a_candidate, deleted_and_unreadable]
STORIES = [*COMPARED, *ASKED_ALONE, *DELETED, good, bad, bad_for_a_moment, overtaken]


@cache
def end(story: Callable[[World], None], *kills: int | None) -> tuple[Any, ...]:
    world = World()
    world.kills = list(reversed(kills))
    world.apply_version("v1")
    world.live_on(10)
    story(world)
    is_whole(world)
    # How it came there may differ, and that is what an outbox tells of.
    statuses = {name: said.model_copy(update={"outbox": []}) for name, said in world.statuses().items()}
    return statuses, world.weights(), world.running(), sorted(world.api.kind("inferenceservices"))


@pytest.mark.parametrize("story", STORIES)
@settings(max_examples=10, deadline=None)
@given(kills=st.lists(st.none() | st.integers(0, 4), max_size=40))
def test_killed_at_any_writes_it_comes_to_the_same_end(story, kills):
    assert end(story, *kills) == end(story)


def test_a_comparison_decides_how_it_ends():
    """Else the stories that are told of one would show nothing."""
    phases = {story: end(story)[0]["v2"].phase for story in COMPARED}

    assert phases == {
        worse: Phase.ROLLED_BACK,
        nobody_can_tell_for_long: Phase.STABLE,
        nobody_can_tell_and_it_goes_on: Phase.STABLE,
    }
