"""A version's tensors, each taken once by whoever needs it.

A tensor that is missing, of another shape or not finite is an error, never a random number; and so is one that nobody
took: the files would then hold another model than the one that runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sluice_predictor.artifact import Artifact, ArtifactError

_FILES = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_OLD_NAMES = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))
"""Checkpoints that were converted from TensorFlow still say it so."""

_KEPT_BY_HABIT = re.compile(r"(^|\.)embeddings\.(position_ids|token_type_ids)$")
"""Counting buffers that older libraries saved beside the weights."""


@dataclass(frozen=True, slots=True)
class Linear:
    """`weight` has shape [outputs, inputs]."""

    weight: Tensor
    bias: Tensor


class Weights:
    """The tensors of a version's safetensors files by name.

    They are views of files that are mapped into memory, and one view keeps its whole file there. So what is kept is
    copied, and views are for who makes something else of them.
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the tensors as read."""
        self._left = {_modern(name): tensor for name, tensor in tensors.items() if not _KEPT_BY_HABIT.search(name)}

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *shape: int) -> Tensor:
        """Return a tensor in float32, which nobody can take again.

        Raises:
            ArtifactError: there is none, or its shape or a number in it is wrong.
        """
        return self.view(name, *shape).to(torch.float32, copy=True)

    def take_linear(self, name: str, outputs: int, inputs: int) -> Linear:
        """Return a layer's weight [outputs, inputs] and bias, in float32.

        Raises:
            ArtifactError: one is missing or wrong.
        """
        return Linear(self.take(f"{name}.weight", outputs, inputs), self.take(f"{name}.bias", outputs))

    def view(self, name: str, *shape: int) -> Tensor:
        """Return a tensor as the file has it, which nobody can take again.

        Raises:
            ArtifactError: there is none, or its shape or a number in it is wrong.
        """
        tensor = self._left.pop(name, None)
        if tensor is None:
            raise ArtifactError(f"model.safetensors: tensor {name} is missing")
        if tuple(tensor.shape) != shape:
            problem = f"tensor {name} has shape {tuple(tensor.shape)}, config.json says {shape}"
            raise ArtifactError(f"model.safetensors: {problem}")
        _check_finite(name, tensor)
        return tensor

    def rest(self) -> dict[str, Tensor]:
        """Return what is left by name, as the files have it; nothing is left then.

        Raises:
            ArtifactError: a number in one of them is wrong.
        """
        rest, self._left = self._left, {}
        for name, tensor in rest.items():
            _check_finite(name, tensor)
        return rest

    def discard(self, prefixes: Iterable[str]) -> None:
        """Pass over tensors that this task has no use for, such as the pooler of a model that tags tokens."""
        wanted = tuple(prefixes)
        self._left = {name: tensor for name, tensor in self._left.items() if not name.startswith(wanted)}

    def finish(self) -> None:
        """Check that every tensor was taken.

        Raises:
            ArtifactError: one was not.
        """
        for name in sorted(self._left):
            problem = f"tensor {name} is not part of the model that config.json describes"
            raise ArtifactError(f"model.safetensors: {problem}")


def read_weights(artifact: Artifact) -> Weights:
    """Read all of a version's `model*.safetensors`.

    Raises:
        ArtifactError: there is none, or one cannot be read; the message names it.
    """
    tensors: dict[str, Tensor] = {}
    names = [name for name in sorted(artifact.manifest.files) if _FILES.fullmatch(name)]
    if not names:
        raise ArtifactError("model.safetensors: no such file in this version")
    for name in names:
        try:
            read = load_file(artifact.directory / name)
        except (OSError, SafetensorError) as error:
            raise ArtifactError(f"{name}: {error}") from error
        if repeated := sorted(read.keys() & tensors.keys()):
            raise ArtifactError(f"{name}: tensor {repeated[0]} is in another file too")
        tensors |= read
    return Weights(tensors)


def _modern(name: str) -> str:
    for old, new in _OLD_NAMES:
        name = name.replace(old, new)
    return name


def _check_finite(name: str, tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise ArtifactError(f"model.safetensors: tensor {name} holds a value that is not a finite number")
