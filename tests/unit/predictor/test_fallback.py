"""Texts that transformers' classes run together: of similar lengths, and not too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.networks.fallback import groups

lengths = st.lists(st.integers(1, 512), min_size=1, max_size=64)


@given(lengths=lengths, most_padding=st.sampled_from([1.0, 1.25]))
def test_every_text_is_in_one_group_of_similar_lengths(lengths: list[int], most_padding: float) -> None:
    found = list(groups(lengths, most_padding=most_padding))

    assert sorted(place for group in found for place in group) == list(range(len(lengths)))
    for group in found:
        sizes = [lengths[place] for place in group]
        assert max(sizes) <= most_padding * min(sizes)
        assert max(sizes) * len(sizes) <= 4096


@pytest.mark.parametrize("length", [1, 4097])
def test_a_text_alone_is_a_group(length: int) -> None:
    assert list(groups([length], most_padding=1.25)) == [[0]]


def test_similar_texts_share_a_group() -> None:
    assert list(groups([100, 10, 110, 12, 120], most_padding=1.25)) == [[1, 3], [0, 2, 4]]
