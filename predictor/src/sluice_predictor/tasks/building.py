"""How a version's network is made at a precision, on the machine that this is.

The packed encoder runs whatever is of the BERT family, transformers' own classes run other encoders. Both run on the
GPU if there is one. A precision that may be faster here is one that the machine has instructions for: without them
bfloat16, for example, is slower than float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.networks import int8
from sluice_predictor.networks.checkpoint import take_encoder
from sluice_predictor.networks.families import EncoderWeights
from sluice_predictor.networks.floating import FloatEncoder
from sluice_predictor.networks.packed import Network
from sluice_predictor.networks.ranges import observe
from sluice_predictor.tasks.base import Precision
from sluice_predictor.tasks.definition import Definition, Files

if TYPE_CHECKING:
    from sluice_predictor.networks.fallback import Architecture

_TYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Builder(Protocol):
    """A version's network, not made yet."""

    @property
    def engine(self) -> Literal["torch", "transformers"]:
        """What will run it."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text it can be shown."""

    @property
    def pad_token_id(self) -> int:
        """What stands for a text that has no tokens."""

    @property
    def faster(self) -> Sequence[Precision]:
        """Precisions that may be faster here than float32."""

    def build(self, precision: Precision, texts: Sequence[Sequence[int]]) -> Network:
        """Make it at a precision.

        Args:
            precision: any.
            texts: token ids of the calibration's texts; none without a calibration.

        Raises:
            ArtifactError: it does not run at this precision here.
        """


def make_builder(files: Files, definition: Definition) -> Builder:
    """Take the network's tensors, once the task has taken those of its heads.

    Raises:
        ArtifactError: they are not those of the architecture, or that is none that can be served.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if files.shape is not None:
        weights = take_encoder(files.shape, files.weights)
        files.weights.finish()
        return _Packed(
            weights, max_tokens=files.shape.max_tokens, pad_token_id=files.shape.pad_token_id or 0, device=device
        )
    if definition.transformers_class is None:
        raise ArtifactError("config.json: model_type: this task needs an encoder of the BERT family")
    # Imported here because it takes seconds, and few versions need it.
    from sluice_predictor.networks.fallback import read_architecture

    return _Fallback(
        read_architecture(files.config, files.weights, class_name=definition.transformers_class), device=device
    )


@dataclass(frozen=True, slots=True)
class _Packed:
    weights: EncoderWeights
    max_tokens: int
    pad_token_id: int
    device: torch.device
    engine: Literal["torch"] = "torch"

    @property
    def faster(self) -> Sequence[Precision]:
        if self.device.type == "cuda":
            return ["bf16"]
        found: list[Precision] = ["int8"] if int8.available() else []
        if torch.cpu.get_capabilities().get("amx_bf16"):
            found.append("bf16")
        return found

    def build(self, precision: Precision, texts: Sequence[Sequence[int]]) -> Network:
        if precision == "int8":
            return self._build_int8(texts)
        return FloatEncoder(self.weights, dtype=_TYPES[precision], device=self.device)

    def _build_int8(self, texts: Sequence[Sequence[int]]) -> Network:
        if self.device.type != "cpu" or not int8.available():
            raise _no_int8("this machine has no instructions for it (VNNI or AMX)")
        if not texts:
            raise _no_int8("the version has no calibration to take its ranges from; pack it with --calibration")
        return int8.Int8Encoder(self.weights, observe(self.weights, texts))


@dataclass(frozen=True, slots=True)
class _Fallback:
    architecture: Architecture
    device: torch.device
    engine: Literal["transformers"] = "transformers"

    @property
    def max_tokens(self) -> int:
        return self.architecture.max_tokens

    @property
    def pad_token_id(self) -> int:
        return self.architecture.pad_token_id

    @property
    def faster(self) -> Sequence[Precision]:
        return ["bf16"] if self.device.type == "cuda" else []

    def build(self, precision: Precision, texts: Sequence[Sequence[int]]) -> Network:
        del texts  # only int8 has use for them
        if precision == "int8":
            raise _no_int8("config.json describes no encoder of the BERT family, and others do not run in it")
        return self.architecture.build(dtype=_TYPES[precision], device=self.device)


def _no_int8(reason: str) -> ArtifactError:
    return ArtifactError(f"--precision=int8: {reason}, or serve it with --precision=auto")
