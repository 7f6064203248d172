"""Ranges hold what calibration showed: zero exactly, everything that was seen nearly."""

import pytest
import torch
from torch import Tensor

from sluice_predictor.networks.ranges import LEVELS, Range, observe, range_of
from tests.unit.predictor.encoders import WORDS, random_encoder, random_texts


def restored(values: Tensor, found: Range) -> Tensor:
    quantised = torch.fake_quantize_per_tensor_affine(
        values - found.mean, found.scale, found.zero_point, quant_min=0, quant_max=LEVELS
    )
    return quantised + found.mean


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("centred", [True, False])
def test_values_are_restored_to_a_step(centred: bool) -> None:
    values = normal(200, 30)
    values[7, 3] = 40.0
    found = range_of(values, centred=centred)
    assert (restored(values, found) - values).abs().max() <= found.scale


def test_channels_means_take_no_room() -> None:
    values = normal(200, 30) + torch.linspace(-50, 50, 30)
    centred, plain = (range_of(values, centred=centred) for centred in (True, False))
    assert centred.scale < plain.scale / 10
    assert (restored(values, centred) - values).square().mean() < (
        restored(values, plain) - values
    ).square().mean() / 50


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
@pytest.mark.parametrize("centred", [True, False])
def test_a_constant_is_restored(value: float, centred: bool) -> None:
    values = torch.full((10, 4), value)
    torch.testing.assert_close(restored(values, range_of(values, centred=centred)), values, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("size", [1e-20, 1e-6, 1e6, 1e18])
def test_values_of_any_size_have_a_range(size: float) -> None:
    found = range_of(normal(50, 8) * size, centred=True)
    assert found.scale > 0
    assert 0 <= found.zero_point <= LEVELS
    assert restored(normal(50, 8) * size, found).isfinite().all()


@pytest.mark.parametrize("sign", [1, -1])
def test_zero_is_exact_even_if_all_values_are_on_one_side(sign: int) -> None:
    found = range_of(sign * (normal(50, 8).abs() + 3), centred=False)
    assert restored(torch.zeros(1, 8), found).abs().max() == 0


def test_every_layer_has_ranges_over_all_its_channels() -> None:
    ranges = observe(random_encoder(hidden=32, layers=3), random_texts(5))
    assert len(ranges) == 3
    for layer in ranges:
        inputs = (layer.projection, layer.attention_output, layer.intermediate, layer.output)
        assert [len(part.mean) for part in inputs] == [32, 32, 32, 128]
        assert not layer.output.mean.any()


def test_ranges_do_not_depend_on_the_order_of_the_texts() -> None:
    weights, texts = random_encoder(), random_texts(5)
    for one, other in zip(observe(weights, texts), observe(weights, texts[::-1]), strict=True):
        assert one.projection.scale == pytest.approx(other.projection.scale, rel=1e-3)
        torch.testing.assert_close(one.projection.mean, other.projection.mean, atol=1e-5, rtol=0)


def test_of_very_many_texts_the_first_suffice() -> None:
    weights, texts = random_encoder(), random_texts(400)
    assert sum(map(len, texts[:200])) > 2048
    for one, other in zip(observe(weights, texts), observe(weights, texts[:200]), strict=True):
        assert one.output.scale == other.output.scale


def test_without_texts_there_are_no_ranges() -> None:
    with pytest.raises(ValueError, match="calibration"):
        observe(random_encoder(), [])


def test_an_id_without_an_embedding_is_refused() -> None:
    with pytest.raises(IndexError, match=f"{WORDS} embeddings"):
        observe(random_encoder(), [[WORDS]])
