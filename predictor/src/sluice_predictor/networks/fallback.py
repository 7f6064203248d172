"""Encoders that the packed one cannot be: transformers' own classes, with the version's tensors and nothing else.

Only the configuration's content and tensors that were verified get here: nothing is looked up by a name, no code comes
with a version, and no tensor is made up. Texts are sorted by length and padded within a group of similar ones, unless
the architecture lets padding change what a text's tokens become; then only texts of one length share a group. So a
text's answer does not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import transformers
from torch import Tensor
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.networks.packed import Rows
from sluice_predictor.networks.weights import Weights

_MOST_TOKENS = 2048
"""Some of these classes hold a number for each pair of a text's tokens."""

_GROUP_TOKENS = 4096
_MOST_PADDING = 1.25
"""How much longer the longest text of a group may be than the shortest."""

_INVARIANT = 1e-4
_TRIAL_TOKENS = 512

_REFUSED = ("auto_map", "quantization_config")
_PASSED_OVER = ("attn_implementation", "experts_implementation", "fusion_config", "kernel_config")
"""Keys that choose how a model runs, some of them by the name of code elsewhere."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of transformers' classes, and what a version fills it with.

    `bare` is an encoder without a head. `max_tokens` is how many tokens of a text it can be shown.
    """

    config: transformers.PreTrainedConfig
    model_class: Any
    bare: bool
    tensors: Mapping[str, Tensor]
    max_tokens: int
    pad_token_id: int

    def build(self, *, dtype: torch.dtype, device: torch.device) -> TransformersNetwork:
        """Make the network.

        Raises:
            ArtifactError: the tensors are not exactly those of the class, or it needs more than tokens to run.
        """
        tensors = {name: tensor.to(dtype, copy=True) for name, tensor in self.tensors.items()}
        try:
            # Tensors of another shape are refused below, by their names.
            model, report = self.model_class.from_pretrained(
                None,
                config=self.config,
                state_dict=tensors,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        except Exception as error:
            raise ArtifactError(f"model.safetensors: {_one_line(error)}") from error
        unused = "pooler." if self.bare else None
        _check_complete(report, unused=unused)
        if unused and hasattr(model, "pooler"):
            model.pooler = None
        network = TransformersNetwork(model.to(device).eval(), pad_token_id=self.pad_token_id, device=device)
        network.try_out(longest=min(self.max_tokens, _TRIAL_TOKENS))
        return network


def read_architecture(config: Mapping[str, Any], weights: Weights, *, class_name: str) -> Architecture:
    """Find the class for a configuration, and take all tensors that are left for it.

    Args:
        config: content of `config.json`.
        weights: of the version; those that the task has no use for are discarded already.
        class_name: of transformers' automatic class for the task.

    Raises:
        ArtifactError: the configuration is not of an encoder that can be served.
    """
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    settled = _settle(config)
    automatic = getattr(transformers, class_name)
    try:
        with torch.device("meta"):
            model = automatic.from_config(settled, trust_remote_code=False)
    except Exception as error:
        raise ArtifactError(f"config.json: {_one_line(error)}") from error
    return Architecture(
        config=settled,
        model_class=type(model),
        bare=class_name == "AutoModel",
        tensors=weights.rest(),
        max_tokens=_max_tokens(settled, model),
        pad_token_id=settled.pad_token_id or 0,
    )


def _settle(config: Mapping[str, Any]) -> transformers.PreTrainedConfig:
    kind = str(config.get("model_type"))
    for key in _REFUSED:
        if config.get(key):
            raise ArtifactError(
                f"config.json: {key}: not served: a version brings tensors of a known architecture only"
            )
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise ArtifactError(f"config.json: model_type: {kind[:64]!a} is no encoder that this server knows")
    known = {key: value for key, value in config.items() if key not in _PASSED_OVER and not key.startswith("_")}
    try:
        settled = transformers.AutoConfig.for_model(**known)
    except Exception as error:
        raise ArtifactError(f"config.json: {_one_line(error)}") from error
    if settled.is_encoder_decoder or any(getattr(settled, key, False) for key in ("is_decoder", "add_cross_attention")):
        raise ArtifactError(f"config.json: model_type: {kind!a} is a decoder here; only encoders are served")
    return settled


def _max_tokens(config: transformers.PreTrainedConfig, model: Any) -> int:
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        raise ArtifactError("config.json: max_position_embeddings: should be a number of tokens, at least 1")
    for name, module in model.named_modules():
        # RoBERTa's relatives count positions from behind their padding.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            positions -= module.padding_idx + 1
    if positions < 1:
        raise ArtifactError("config.json: max_position_embeddings leaves no position for a token")
    return min(positions, _MOST_TOKENS)


def _check_complete(report: Mapping[str, Any], *, unused: str | None) -> None:
    """Check that every tensor of the class came from the version, but for those of a part that is not used."""
    for name in sorted(report["missing_keys"]):
        if unused is None or not name.startswith(unused):
            raise ArtifactError(f"model.safetensors: tensor {name} is missing")
    for name in sorted(report["unexpected_keys"]):
        problem = f"tensor {name} is not part of the model that config.json describes"
        raise ArtifactError(f"model.safetensors: {problem}")
    for name, found, wanted in sorted(report["mismatched_keys"]):
        problem = f"tensor {name} has shape {tuple(found)}, config.json says {tuple(wanted)}"
        raise ArtifactError(f"model.safetensors: {problem}")
    for message in report["error_msgs"]:
        raise ArtifactError(f"model.safetensors: {_one_line(message)}")


class TransformersNetwork:
    """A `Network` whose states are those of transformers' class, or what its own head makes of them."""

    def __init__(self, model: Any, *, pad_token_id: int, device: torch.device) -> None:
        """Take a model that is ready to run."""
        self._model = model
        self._pad = pad_token_id
        self._device = device
        self._padding = 1.0

    def encode(self, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
        """Return the last states, or the head's: of all tokens or of each text's first, or one row a text."""
        found: list[Tensor | None] = [None] * len(ids)
        for places in groups([len(text) for text in ids], most_padding=self._padding):
            values = self._run(self._model, [ids[place] for place in places])
            for place, value in zip(places, values, strict=True):
                if value.dim() == 1:
                    found[place] = value[None]
                else:
                    found[place] = value[:1] if rows == "first" else value[: len(ids[place])]
        return torch.cat([value for value in found if value is not None])

    def try_out(self, *, longest: int) -> None:
        """Run a long text and a short one, and see whether padding changes what becomes of the short one.

        Raises:
            ArtifactError: the model cannot run on tokens alone.
        """
        long, short = _some_ids(longest, avoiding=self._pad), _some_ids(min(3, longest), avoiding=self._pad)
        try:
            with torch.inference_mode():
                self.encode([long], rows="all")
                together, alone = (self._run(self._model.base_model, texts) for texts in ([long, short], [short]))
        except Exception as error:
            raise ArtifactError(f"config.json: the model does not run on tokens alone: {_one_line(error)}") from error
        padded, bare = together[-1][: len(short)], alone[0][: len(short)]
        if padded.shape == bare.shape and torch.allclose(padded, bare, rtol=0.0, atol=_INVARIANT):
            self._padding = _MOST_PADDING

    def _run(self, model: Any, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return [texts, tokens, width], or [texts, width] from a head that has one answer for a text."""
        longest = max(map(len, texts))
        ids = torch.tensor([[*text, *[self._pad] * (longest - len(text))] for text in texts])
        mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
        output = model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device))
        values = output.logits if "logits" in output else output.last_hidden_state
        return cast(Tensor, values.float().cpu())


def groups(lengths: Sequence[int], *, most_padding: float) -> Iterator[list[int]]:
    """Yield the places of texts that are run together, shortest texts first.

    Within a group no text is longer than `most_padding` times the shortest; and the group, padded, has at most a few
    thousand tokens, unless it is of a single text.
    """
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        if group and (length > most_padding * lengths[group[0]] or length * (len(group) + 1) > _GROUP_TOKENS):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _some_ids(count: int, *, avoiding: int) -> list[int]:
    """Return ids that most vocabularies have, and never padding, which some models count positions by."""
    few = [number for number in range(8) if number != avoiding]
    return [few[place % len(few)] for place in range(count)]


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
