"""The packed encoder in int8 answers nearly what it does in float32, whatever stands beside a text."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest
import torch

from sluice_predictor.networks import int8
from sluice_predictor.networks.families import Activation, EncoderWeights
from sluice_predictor.networks.floating import FloatEncoder
from sluice_predictor.networks.int8 import FEW_TOKENS, Int8Encoder
from sluice_predictor.networks.ranges import observe
from tests.unit.predictor.encoders import WORDS, random_encoder, random_texts

TEXTS = random_texts(24)


@pytest.fixture(scope="module")
def encoder() -> Int8Encoder:
    return quantised(random_encoder())


def quantised(weights: EncoderWeights) -> Int8Encoder:
    return Int8Encoder(weights, observe(weights, random_texts(40, seed=1)))


def batches(texts: list[list[int]], *, few: bool) -> list[list[list[int]]]:
    """Return the texts one by one, or all at once: each in the way that serves batches of that size."""
    if few:
        assert all(len(text) <= FEW_TOKENS for text in texts)
        return [[text] for text in texts]
    assert sum(map(len, texts)) > FEW_TOKENS
    return [texts]


@pytest.mark.parametrize("few", [True, False], ids=["few tokens", "many tokens"])
@pytest.mark.parametrize("rows", ["all", "first"])
@pytest.mark.parametrize("activation", get_args(Activation))
def test_states_are_those_of_float32_but_for_the_quantisation(activation: Activation, rows, few: bool) -> None:
    weights = random_encoder(activation=activation)
    exact = FloatEncoder(weights, dtype=torch.float32, device=torch.device("cpu")).encode(TEXTS, rows=rows)
    encoder = quantised(weights)
    states = torch.cat([encoder.encode(batch, rows=rows) for batch in batches(TEXTS, few=few)])
    assert states.shape == exact.shape
    error = (states - exact).square().mean().sqrt() / exact.std()
    assert 0 < error < 0.03


def test_a_wide_encoder_has_one_way_for_all_sizes() -> None:
    weights = random_encoder(hidden=768, heads=12, layers=1)
    encoder = quantised(weights)
    alone = torch.cat([encoder.encode([text], rows="first") for text in TEXTS])
    torch.testing.assert_close(alone, encoder.encode(TEXTS, rows="first"), atol=1e-4, rtol=0)


@pytest.mark.parametrize("few", [True, False], ids=["few tokens", "many tokens"])
def test_the_texts_beside_a_text_and_their_order_change_nothing(encoder: Int8Encoder, few: bool) -> None:
    text = TEXTS[0]
    others = [text[:1]] * 3 if few else TEXTS[1:]
    assert (sum(map(len, [text, *others])) <= FEW_TOKENS) == few
    before = encoder.encode([text, *others], rows="all")[: len(text)]
    behind = encoder.encode([*reversed(others), text], rows="all")[-len(text) :]
    torch.testing.assert_close(before, behind, atol=1e-5, rtol=0)


def test_the_size_of_a_batch_changes_less_than_quantising_does(encoder: Int8Encoder) -> None:
    exact = FloatEncoder(random_encoder(), dtype=torch.float32, device=torch.device("cpu")).encode(TEXTS, rows="first")
    alone = torch.cat([encoder.encode([text], rows="first") for text in TEXTS])
    together = encoder.encode(TEXTS, rows="first")
    assert (alone - together).abs().mean() < 0.5 * (together - exact).abs().mean()


@pytest.mark.parametrize("few", [True, False], ids=["few tokens", "many tokens"])
def test_the_first_rows_are_the_first_of_all_rows(encoder: Int8Encoder, few: bool) -> None:
    for batch in batches(TEXTS, few=few):
        states = encoder.encode(batch, rows="all")
        firsts = torch.stack([part[0] for part in states.split([len(text) for text in batch])])
        torch.testing.assert_close(encoder.encode(batch, rows="first"), firsts, atol=1e-5, rtol=0)


def test_threads_do_not_disturb_each_other(encoder: Int8Encoder) -> None:
    work = [TEXTS, *([text] for text in TEXTS)] * 8
    expected = [encoder.encode(batch, rows="all") for batch in work]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda batch: encoder.encode(batch, rows="all"), work))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_values_far_outside_the_calibration_are_cut_off_and_finite() -> None:
    weights = random_encoder()
    encoder = Int8Encoder(weights, observe(weights, [[3]]))
    assert encoder.encode(TEXTS, rows="all").isfinite().all()


@pytest.mark.parametrize("texts", [[[WORDS]], [[1] * 70, [WORDS]]], ids=["few tokens", "many tokens"])
def test_an_id_without_an_embedding_is_refused(encoder: Int8Encoder, texts: list[list[int]]) -> None:
    with pytest.raises(IndexError, match=f"{WORDS} embeddings"):
        encoder.encode(texts, rows="first")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_vnni": True}, True),
        ({"avx_vnni": True}, True),
        ({"amx_int8": True}, True),
        ({"avx512_f": True, "avx512_vnni": False}, False),
        ({"neon": True}, False),
    ],
)
def test_int8_is_for_cpus_with_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert int8.available() is expected


def test_int8_is_not_for_a_torch_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not int8.available()
