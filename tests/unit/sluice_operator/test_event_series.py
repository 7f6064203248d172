"""What is told again is counted; nobody is flooded; nothing told is forgotten in the count; memory is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.kube.event_series import Correlator


def told(correlator, *, now, what="rolled back", about="u"):
    return correlator.tell((about, what), about=about, now=now)


def test_what_is_told_again_within_ten_minutes_is_one_series():
    correlator = Correlator()
    first = told(correlator, now=0)
    again = told(correlator, now=600)

    assert again is first
    assert again.count == 2


def test_ten_minutes_are_counted_from_the_last_time():
    correlator = Correlator()
    counts = [told(correlator, now=500 * n).count for n in range(5)]

    assert counts == [1, 2, 3, 4, 5]


def test_after_ten_minutes_it_is_news():
    correlator = Correlator()
    first = told(correlator, now=0)
    second = told(correlator, now=600.1)

    assert second is not first
    assert second.count == 1


def test_other_words_or_another_object_are_another_series():
    correlator = Correlator()
    series = [
        told(correlator, now=0),
        told(correlator, now=0, what="promoted"),
        told(correlator, now=0, about="v"),
    ]

    assert [one.count for one in series] == [1, 1, 1]


def test_an_object_is_written_about_25_times_in_a_row_then_once_in_five_minutes():
    correlator = Correlator()
    burst = [told(correlator, now=0, what=str(n)) for n in range(40)]
    assert [one is not None for one in burst] == [True] * 25 + [False] * 15

    assert told(correlator, now=299, what="x") is None
    assert told(correlator, now=300, what="y") is not None
    assert told(correlator, now=300, what="z") is None
    assert told(correlator, now=300, about="v") is not None, "others are told of as ever"


def test_what_was_held_back_is_counted_in_the_next_write():
    correlator = Correlator()
    for _ in range(40):
        told(correlator, now=0)

    assert told(correlator, now=301).count == 41


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 400)), max_size=200))
def test_no_object_is_written_about_more_than_its_share(tellings):
    correlator, now, written = Correlator(), 0.0, {}
    for about, what, pause in tellings:
        now += pause
        if correlator.tell((about, what), about=about, now=now) is not None:
            written[about] = written.get(about, 0) + 1

    assert all(count <= 25 + now / 300 for count in written.values())


def test_what_was_told_of_longest_ago_is_forgotten_first():
    correlator = Correlator()
    told(correlator, now=0, about="old")
    told(correlator, now=0, about="kept")
    for n in range(4095):
        told(correlator, now=0, about=f"u{n}")
        told(correlator, now=0, about="kept") if n % 500 == 0 else None

    assert told(correlator, now=0, about="old").count == 1
    assert told(correlator, now=0, about="kept").count > 2
