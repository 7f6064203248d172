"""Growth that keeps what a network knows: deeper by any number of layers, with the same answers.

Teams grow a network from a good one rather than train a large one anew. Layers that add nothing are put
on top; training would then give them something to do. What growth costs at once is time per answer.
"""

from __future__ import annotations

import copy
from typing import Any

import torch

from examples.sms.model import TextEntitiesModel


@torch.no_grad()
def deepened(model: TextEntitiesModel, *, layers: int) -> TextEntitiesModel:
    """Return a copy with more layers and, but for rounding, the same answers.

    A new layer adds nothing to its input and normalises it. That changes nothing where the input is
    normalised and not yet scaled, so the scale of the old last layer moves to the new last one.

    Args:
        model: the model to copy.
        layers: how many layers the copy has.

    Raises:
        ValueError: the model has that many layers already.
    """
    old = model.config.num_hidden_layers
    if layers <= old:
        raise ValueError(f"the model has {old} layers; it cannot grow to {layers}")
    grown = copy.deepcopy(model)
    grown.config.num_hidden_layers = layers
    blocks: Any = grown.encoder.encoder.layer  # the library declares no types for what is in there
    scale = copy.deepcopy(blocks[-1].output.LayerNorm.state_dict())
    addition = copy.deepcopy(blocks[-1])
    _add_nothing(addition.attention.output.dense)
    _add_nothing(addition.output.dense)
    blocks.extend(copy.deepcopy(addition) for _ in range(layers - old))
    for block in blocks[old - 1 :]:
        _only_normalise(block.output.LayerNorm)
    for block in blocks[old:]:
        _only_normalise(block.attention.output.LayerNorm)
    blocks[-1].output.LayerNorm.load_state_dict(scale)
    return grown


def _add_nothing(layer: torch.nn.Linear) -> None:
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)


def _only_normalise(layer: torch.nn.LayerNorm) -> None:
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
