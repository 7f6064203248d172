"""Where trained versions lie, and whether one that lies there is still what its recipe would make.

A version appears in one rename, complete, so an interrupted training leaves whole versions and nothing else. Where
the files are the same as before only the manifest is replaced, as pods may have the directory mounted. What a version
was made from is stamped outside its directory, since the directory's bytes are its identity.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples.sms.catalogue import DATA, LABELS
from examples.sms.evaluation import Answers, score
from examples.sms.model import TASK, TextEntitiesModel, load_tokenizer
from examples.sms.record import calibration_texts, evaluation, hash_of, lineage, reference
from examples.sms.versions import Network, Recipe
from sluice_predictor.artifact import MANIFEST_NAME, Artifact, ArtifactError, describe, open_artifact, write
from sluice_predictor.command.calibration import calibrated

MODEL = "sms-classifier"

_HERE = Path(__file__).parent
_MAKING = ("catalogue", "growth", "messages", "model", "noise", "tokenizer", "training", "values", "versions")
_TELLING = ("evaluation", "record", "store")
_LIBRARIES = ("tokenizers", "torch", "transformers")
_DRAFT = ".draft-"


class BusyError(Exception):
    """Another training writes to the same directory."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a trained version.

    `weights` names its files without what the manifest tells of them; `size_mb` is of its files, `seconds` the time it
    took to make.
    """

    version: str
    parameters: int
    messages: int
    accuracy: float
    entity_f1: float
    raising: float
    digest: str
    weights: str
    size_mb: float
    seconds: float


class Store:
    """The directory that holds one directory per version."""

    def __init__(self, directory: Path) -> None:
        """Create the directory if need be; pods, which run as another user, must be able to read it."""
        # Now and not when a version is saved: the sources may be edited while they train.
        self._making, self._telling = _hash_of_sources(_MAKING), _hash_of_sources(_TELLING)
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keep other trainings out, and remove what an interrupted one left.

        Raises:
            BusyError: another training is under way.
        """
        with (self.directory / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BusyError(f"another training writes to {self.directory}; wait for it to end") from error
            self._remove_drafts()
            try:
                yield
            finally:
                self._remove_drafts()

    def existing(self, recipe: Recipe, *, parent: Row | None) -> Row | None:
        """Return what is known of the version if it is there, intact, and made and told of as it would be now."""
        stamp = self._intact(recipe, parent=parent)
        if stamp is None or stamp["telling"] != self._inputs_of_telling(parent):
            return None
        return Row(**stamp["row"])

    def trained(self, recipe: Recipe, *, parent: Row | None) -> Mapping[str, Any] | None:
        """Return the account of the version's training if its files are what would be made now, if not its manifest."""
        stamp = self._intact(recipe, parent=parent)
        return None if stamp is None else stamp["training"]

    def _intact(self, recipe: Recipe, *, parent: Row | None) -> dict[str, Any] | None:
        try:
            stamp = json.loads(self._stamp(recipe.version).read_text(encoding="utf-8"))
            open_artifact(self.directory / recipe.version, Row(**stamp["row"]).digest)
            return stamp if stamp["making"] == self._inputs_of_making(recipe, parent) else None
        except (OSError, ValueError, KeyError, TypeError, ArtifactError):
            return None

    def network(self, version: str) -> Network:
        """Load a version that is there."""
        directory = self.directory / version
        model = TextEntitiesModel.from_pretrained(directory)
        tokenizer = load_tokenizer(directory, max_tokens=model.config.max_position_embeddings)
        return Network(model, tokenizer)

    def save(
        self,
        network: Network,
        *,
        recipe: Recipe,
        measured: Answers,
        seen: Answers,
        parent: Row | None,
        training: Mapping[str, Any],
    ) -> Row:
        """Write a version, replacing an older one of its name.

        Args:
            network: what answers.
            recipe: how it came about.
            measured: its answers to held-out messages.
            seen: its answers to messages like those it was trained on.
            parent: the version it was derived from.
            training: the account of its training.

        Raises:
            ArtifactError: it cannot be packed.
        """
        draft = self.directory / f"{_DRAFT}{recipe.version}"
        network.model.save_pretrained(draft)
        network.tokenizer.save(str(draft / "tokenizer.json"))
        metadata = {
            "lineage": lineage(recipe, measured, code=self._making, parent=parent.digest if parent else None),
            "reference": reference(seen, network.tokenizer),
            "evaluations": [evaluation(measured)],
            "training": dict(training),
        }
        artifact = describe(draft, model=MODEL, version=recipe.version, task=TASK, labels=LABELS, metadata=metadata)
        artifact = calibrated(artifact, calibration_texts(recipe, measured))
        write(artifact)
        draft.chmod(0o755)
        for path in draft.iterdir():
            path.chmod(0o644)
        files = artifact.manifest.document()["files"]
        row = Row(
            version=recipe.version,
            parameters=sum(parameter.numel() for parameter in network.model.parameters()),
            **asdict(score(measured)),
            digest=artifact.digest,
            weights="sha256:" + hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(),
            size_mb=round(sum(path.stat().st_size for path in draft.iterdir()) / 1e6, 1),
            seconds=training["duration"],
        )
        self._publish(artifact)
        stamp = {
            "making": self._inputs_of_making(recipe, parent),
            "telling": self._inputs_of_telling(parent),
            "training": dict(training),
            "row": asdict(row),
        }
        _write(self._stamp(recipe.version), stamp)
        return row

    def summarise(self, rows: list[Row]) -> None:
        """Write `summary.json`: figures by name, and everything that is known by version."""
        figures: dict[str, object] = {}
        for row in rows:
            suffix = row.version.replace(".", "_")
            figures |= {
                f"accuracy_{suffix}": row.accuracy,
                f"entity_f1_{suffix}": row.entity_f1,
                f"raising_share_{suffix}": row.raising,
                f"digest_{suffix}": row.digest,
            }
        figures["training_s"] = round(sum(row.seconds for row in rows), 1)
        _write(self.directory / "summary.json", figures | {"versions": {row.version: asdict(row) for row in rows}})

    def _publish(self, draft: Artifact) -> None:
        final = self.directory / draft.manifest.version
        if self._same_files(draft):
            (draft.directory / MANIFEST_NAME).replace(final / MANIFEST_NAME)
            shutil.rmtree(draft.directory)
            return
        if final.exists():
            # A directory cannot be renamed over one that is not empty.
            final.rename(self.directory / f"{_DRAFT}old-{draft.manifest.version}")
        draft.directory.rename(final)

    def _same_files(self, draft: Artifact) -> bool:
        try:
            return open_artifact(self.directory / draft.manifest.version).manifest.files == draft.manifest.files
        except ArtifactError:
            return False

    def _remove_drafts(self) -> None:
        for path in self.directory.glob(f"{_DRAFT}*"):
            shutil.rmtree(path)

    def _inputs_of_making(self, recipe: Recipe, parent: Row | None) -> str:
        return f"{recipe.version} {parent.weights if parent else 'from nothing'} {self._making}"

    def _inputs_of_telling(self, parent: Row | None) -> str:
        return f"{parent.digest if parent else 'no parent'} {self._telling}"

    def _stamp(self, version: str) -> Path:
        return self.directory / ".stamps" / f"{version}.json"


def _hash_of_sources(modules: Iterable[str]) -> str:
    """Hash these modules, the formats and the libraries."""
    libraries = " ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    files = hash_of([_HERE / f"{name}.py" for name in modules] + sorted(DATA.glob("*.toml")))
    return "sha256:" + hashlib.sha256(f"{libraries} {files}".encode()).hexdigest()


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
