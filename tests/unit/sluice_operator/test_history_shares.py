"""Who had which share of a model's requests, told from the record."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import MODEL, NAMESPACE, Chain, after

from sluice_operator.history.account import accounts
from sluice_operator.history.facts import Change
from sluice_operator.history.shares import span_at, spans, usage, within


def of(chain):
    return accounts(chain.records)[NAMESPACE, MODEL]


def told(version, minute, weight, seq=1):
    return Change(
        seq=seq,
        at=after(minute),
        version=version,
        attempt=1,
        before="",
        after="Canary",
        step=None,
        weight=weight,
        wanted=weight,
        promoted=False,
        reason="",
    )


def test_a_first_version_has_everything_from_its_promotion_on():
    chain = Chain()
    chain.first(minute=0)

    model = of(chain)

    assert span_at(model.spans, after(0.5)) is None
    assert span_at(model.spans, after(2)).weights == {"1.0.0": 100}


def test_at_any_moment_of_a_rollout_the_shares_are_those_of_the_route():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)

    model = of(chain)

    assert span_at(model.spans, after(60.5)).weights == {"1.0.0": 100}
    assert span_at(model.spans, after(65)).weights == {"1.0.0": 90, "2.0.0": 10}
    assert span_at(model.spans, after(75)).weights == {"2.0.0": 100}


def test_a_version_that_is_taken_back_leaves_everything_to_stable():
    chain = Chain()
    chain.first()
    chain.taken_back("2.0.0", over="1.0.0", minute=60)

    assert span_at(of(chain).spans, after(62.5)).weights == {"1.0.0": 100}


def test_who_tells_his_weight_last_is_believed_and_the_others_share_the_rest():
    found = spans([told("a", 0, 100), told("b", 1, 40)])

    assert [dict(one.weights) for one in found] == [{"a": 100}, {"a": 60, "b": 40}]


def test_what_a_version_loses_goes_to_who_has_most_until_that_one_tells():
    found = spans([told("a", 0, 90), told("b", 0, 10), told("b", 1, 0)])

    assert dict(found[-1].weights) == {"a": 100}


def test_a_model_that_is_deleted_serves_nobody():
    chain = Chain()
    chain.first()
    chain.add("Deleted", "1.0.0", {"from": {"phase": "Stable", "weight": 100}}, minute=30)

    model = of(chain)

    assert dict(span_at(model.spans, after(40)).weights) == {}
    assert usage(model.spans, since=after(35), until=after(40)) == ()


def test_usage_is_weight_times_time():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)

    used = {one.version: one for one in usage(of(chain).spans, since=after(61), until=after(80))}

    assert used["1.0.0"].percent_seconds == pytest.approx(9 * 60 * 90)
    assert used["2.0.0"].percent_seconds == pytest.approx(9 * 60 * 10 + 10 * 60 * 100)
    assert used["1.0.0"].last == after(70)


CHANGES = st.lists(
    st.builds(told, st.sampled_from("abcd"), st.integers(0, 500), st.one_of(st.none(), st.integers(0, 100))),
    max_size=40,
)


@given(CHANGES)
def test_shares_sum_to_all_of_it_whatever_was_told(changes):
    found = spans(changes)

    assert all(sum(one.weights.values()) in (0, 100) for one in found)
    assert all(weight > 0 for one in found for weight in one.weights.values())
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.start < one.end for one in found[:-1])
    assert not found or found[-1].end is None


@given(CHANGES, st.integers(0, 600), st.integers(1, 600))
def test_usage_sums_to_all_requests_at_all_times(changes, since, length):
    found = spans(changes)
    begin, end = after(since), after(since + length)

    used = usage(found, since=begin, until=end)

    served = sum(
        ((one.end - one.start) / timedelta(seconds=1) for one in within(found, since=begin, until=end) if one.weights),
        0.0,
    )
    assert sum(one.percent_seconds for one in used) == pytest.approx(100 * served)
    if used:
        assert sum(one.share for one in used) == pytest.approx(1)
        assert all(begin <= one.first <= one.last <= end for one in used)
