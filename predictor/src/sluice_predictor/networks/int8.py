"""The packed encoder with its matrix products in int8, on CPUs that have instructions for it.

What lies between the products (attention, normalisation, the sum of the states) stays in float32. How a batch is
computed depends on its size, and so may the last digits of the answers; they do not depend on which texts are in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sluice_predictor.networks import int8_batches, int8_few
from sluice_predictor.networks.families import EncoderWeights
from sluice_predictor.networks.packed import Rows, asked, filled_up, in_passes, lay_out
from sluice_predictor.networks.quantised import quantise_layers, quantise_norm
from sluice_predictor.networks.ranges import LayerRanges

FEW_TOKENS = 64
"""Up to so many, FBGEMM is faster in a narrow encoder. In a wide one it is not, and needs the weights once more."""

_WIDE = 768


def available() -> bool:
    """Whether int8 is exact and fast here: oneDNN's operations are there, and the CPU multiplies without overflow."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.onednn, "qlinear_pointwise")):  # type: ignore[no-untyped-call]
        return False
    cpu = torch.cpu.get_capabilities()
    return any(bool(cpu.get(name)) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


class Int8Encoder:
    """An encoder with its matrix products in int8, on the CPU."""

    def __init__(self, weights: EncoderWeights, ranges: Sequence[LayerRanges]) -> None:
        """Quantise the weights, and lay them out.

        Args:
            weights: of the encoder.
            ranges: of each layer.
        """
        norm = quantise_norm(weights, ranges)
        self._heads, self._epsilon, self._activation = weights.heads, norm.epsilon, weights.activation
        self._tables = [weights.words, weights.places, norm.weight, norm.bias]
        self._few = weights.words.size(1) < _WIDE and int8_few.available()
        self._batches: list[list[list[Tensor]]] = []
        self._few_layers: list[list[int8_few.Packed]] = []
        self._norms: list[list[Tensor]] = []
        self._scales: list[list[float]] = []
        self._zeros: list[list[int]] = []
        for layer in quantise_layers(weights, ranges):
            first, second = layer.attention_norm, layer.output_norm
            self._norms.append([first.weight, first.bias, second.weight, second.bias])
            self._scales.append([linear.scale for linear in layer.linears])
            self._zeros.append([linear.zero_point for linear in layer.linears])
            self._batches.append(int8_batches.pack(layer))
            if self._few:
                self._few_layers.append(int8_few.pack(layer))

    def encode(self, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
        """Return the last states; see `Network`."""
        return in_passes(ids, lambda texts: self._encode(texts, rows), width=self._tables[0].size(1))

    def _encode(self, ids: Sequence[Sequence[int]], rows: Rows) -> Tensor:
        if self._few and sum(map(len, ids)) <= FEW_TOKENS:
            return self._encode_few(ids, rows)
        flat, lengths = lay_out(filled_up(ids), vocabulary=len(self._tables[0]))
        states = int8_batches.compiled()(
            flat,
            lengths,
            self._heads,
            rows == "first",
            self._tables,
            self._batches,
            self._norms,
            self._scales,
            self._zeros,
            self._epsilon,
            int8_batches.POST_OPERATIONS[self._activation],
        )
        return asked(states, ids, rows=rows)

    def _encode_few(self, ids: Sequence[Sequence[int]], rows: Rows) -> Tensor:
        flat, lengths = lay_out(ids, vocabulary=len(self._tables[0]))
        return int8_few.compiled()(
            flat,
            lengths,
            self._heads,
            rows == "first",
            self._tables,
            self._few_layers,
            self._norms,
            self._scales,
            self._zeros,
            self._epsilon,
            self._activation,
        )
