"""Small encoders of random weights, as after training: channels differ in their means and spreads."""

import torch
from torch import Tensor

from sluice_predictor.networks.families import Activation, EncoderWeights, LayerWeights, Norm
from sluice_predictor.networks.weights import Linear

WORDS, PLACES = 50, 80


def random_encoder(
    *, hidden: int = 32, heads: int = 4, layers: int = 2, activation: Activation = "gelu", seed: int = 0
) -> EncoderWeights:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, spread: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * spread

    def linear(outputs: int, inputs: int) -> Linear:
        return Linear(weight=normal(outputs, inputs, spread=inputs**-0.5), bias=normal(outputs, spread=0.1))

    def norm() -> Norm:
        return Norm(weight=1 + normal(hidden, spread=0.2), bias=normal(hidden, spread=0.5), epsilon=1e-12)

    return EncoderWeights(
        words=normal(WORDS, hidden, spread=1.0),
        places=normal(PLACES, hidden, spread=0.3),
        norm=norm(),
        layers=[
            LayerWeights(
                projection=linear(3 * hidden, hidden),
                attention_output=linear(hidden, hidden),
                attention_norm=norm(),
                intermediate=linear(4 * hidden, hidden),
                output=linear(hidden, 4 * hidden),
                output_norm=norm(),
            )
            for _ in range(layers)
        ],
        heads=heads,
        activation=activation,
    )


def random_texts(count: int, *, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 40, (count,), generator=generator).tolist()
    return [torch.randint(0, WORDS, (length,), generator=generator).tolist() for length in lengths]
