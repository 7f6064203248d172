"""A prediction's id sorts by time, says who predicted, and is short and plain enough to go anywhere."""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.protocol.ids import PredictionIds, prediction_id

times = st.integers(0, 2**48 - 1)
counters = st.integers(0, 2**20 - 1)


def make(milliseconds: int, counter: int) -> str:
    return prediction_id(milliseconds=milliseconds, counter=counter, version="1.0.0", instance="pod-a")


@given(times, counters, st.text(), st.text())
def test_an_id_with_its_index_has_at_most_128_plain_characters(
    milliseconds: int, counter: int, version: str, instance: str
) -> None:
    name = prediction_id(milliseconds=milliseconds, counter=counter, version=version, instance=instance) + ".255"

    assert re.fullmatch(r"[-A-Za-z0-9._~]{1,128}", name)


@given(st.tuples(times, counters), st.tuples(times, counters))
def test_ids_sort_by_time_then_by_counter(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (make(*one) < make(*other)) == (one < other)


def test_an_id_names_version_and_instance() -> None:
    assert make(0, 1) == "00000000000000001~1.0.0~pod-a"


def test_pods_whose_long_names_differ_anywhere_have_different_ids() -> None:
    names = ["a" * 60, "b" + "a" * 59, "a" * 59 + "b", "a" * 61, "a/" + "a" * 58]

    ids = {prediction_id(milliseconds=0, counter=0, version="1", instance=name) for name in names}

    assert len(ids) == len(names)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_an_instances_ids_grow_even_when_its_clock_is_set_back(times: list[float]) -> None:
    clock = iter(times)
    ids = PredictionIds(version="1.0.0", instance="pod-a", clock=lambda: next(clock))

    made = [ids.next() for _ in times]

    assert made == sorted(set(made))


def test_an_instance_never_runs_out_of_ids_within_a_millisecond() -> None:
    ids = PredictionIds(version="1.0.0", instance="pod-a", clock=lambda: 1.0)

    made = [ids.next() for _ in range(2**20 + 10)]

    assert all(one < next_one for one, next_one in itertools.pairwise(made))
