"""What waits forms batches: at once, in order, fairly, and never more than is allowed to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.engine.batches import MAX_BATCH_WEIGHT, BatchQueue, weight
from sluice_predictor.engine.errors import QueueFullError


def queue(*requests: int, max_texts: int = 512) -> BatchQueue[int]:
    """A queue of requests, each known by its place, of so many short texts."""
    made: BatchQueue[int] = BatchQueue(max_texts=max_texts)
    for place, texts in enumerate(requests):
        made.put(place, ["a"] * texts)
    return made


def taken(made: BatchQueue[int], *, slots: int = 1) -> list[tuple[int, int, int]]:
    return [(chunk.key, chunk.start, chunk.stop) for chunk in made.take(slots=slots)]


def test_a_lone_request_is_a_batch_at_once() -> None:
    assert taken(queue(1), slots=4) == [(0, 0, 1)]


def test_an_empty_queue_gives_nothing() -> None:
    assert taken(queue(), slots=2) == []


def test_what_waits_is_shared_out_among_the_slots_that_are_free() -> None:
    made = queue(2, 2, 2, 2)

    assert taken(made, slots=2) == [(0, 0, 2), (1, 0, 2)]
    assert taken(made, slots=1) == [(2, 0, 2), (3, 0, 2)]
    assert len(made) == 0


def test_a_batch_has_its_bound() -> None:
    made = queue(*[1] * 40)

    assert len(taken(made)) == MAX_BATCH_WEIGHT
    assert len(taken(made)) == 8


def test_a_small_request_is_not_cut_for_the_sake_of_an_even_share() -> None:
    assert taken(queue(8), slots=2) == [(0, 0, 8)]


def test_a_large_request_is_cut_and_lets_others_go_before_its_rest() -> None:
    made = queue(100, 1)

    assert taken(made) == [(0, 0, 32)]
    assert taken(made) == [(1, 0, 1), (0, 32, 63)]
    assert taken(made) == [(0, 63, 95)]
    assert taken(made) == [(0, 95, 100)]


def test_long_texts_make_smaller_batches() -> None:
    made: BatchQueue[str] = BatchQueue(max_texts=512)
    made.put("long", ["a" * 20_000] * 32)

    (chunk,) = made.take(slots=1)

    assert weight("a" * 20_000) == 4
    assert (chunk.start, chunk.stop) == (0, 8)


def test_a_request_that_is_taken_back_leaves_room_for_others() -> None:
    made = queue(100, 1, max_texts=101)
    taken(made)
    made.discard(0)
    made.discard(0)

    assert len(made) == 1
    made.put(2, ["a"] * 100)
    assert taken(made)[0] == (1, 0, 1)


def test_a_full_queue_refuses_but_an_empty_one_takes_any_request() -> None:
    made = queue(5, max_texts=4)

    with pytest.raises(QueueFullError, match="5 texts are waiting already"):
        made.put(1, ["a"])


@given(
    requests=st.lists(st.lists(st.sampled_from([1, 600, 20_000]), min_size=1, max_size=80), max_size=12),
    slots=st.integers(min_value=1, max_value=4),
)
def test_every_text_comes_out_once_and_in_its_requests_order(requests: list[list[int]], slots: int) -> None:
    made: BatchQueue[int] = BatchQueue(max_texts=10_000)
    for place, lengths in enumerate(requests):
        made.put(place, ["a" * length for length in lengths])
    ends = dict.fromkeys(range(len(requests)), 0)

    while batch := made.take(slots=slots):
        weights = [sum(weight("a" * length) for length in requests[c.key][c.start : c.stop]) for c in batch]
        assert sum(weights) <= MAX_BATCH_WEIGHT
        for chunk in batch:
            assert chunk.start == ends[chunk.key] < chunk.stop
            ends[chunk.key] = chunk.stop

    assert ends == {place: len(lengths) for place, lengths in enumerate(requests)}
    assert len(made) == 0
