"""Where trained versions lie, and whether one that lies there is still what its recipe would make.

A version appears in one rename, complete, so an interrupted training leaves whole versions and nothing else. What a
version was made from is stamped outside its directory, since the directory's bytes are its identity.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from examples.sms.catalogue import DATA, LABELS
from examples.sms.evaluation import Score
from examples.sms.model import TASK, TextEntitiesModel, load_tokenizer
from examples.sms.versions import Network, Recipe
from sluice_predictor.artifact import ArtifactError, open_artifact, pack

MODEL = "sms-classifier"

_SOURCES = ("catalogue", "evaluation", "growth", "messages", "noise", "tokenizer", "training", "values", "versions")
_LIBRARIES = ("tokenizers", "torch", "transformers")
_DRAFT = ".draft-"


class BusyError(Exception):
    """Another training writes to the same directory."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a trained version; `size_mb` is of its files, `seconds` the time it took to make."""

    version: str
    parameters: int
    messages: int
    accuracy: float
    entity_f1: float
    raising: float
    digest: str
    size_mb: float
    seconds: float


class Store:
    """The directory that holds one directory per version."""

    def __init__(self, directory: Path) -> None:
        """Create the directory if need be; pods, which run as another user, must be able to read it."""
        # Now and not when a version is saved: the sources may be edited while they train.
        self._sources = _hash_of_sources()
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
        """Return what is known of the version if it is there, intact, and made from the same inputs."""
        try:
            stamp = json.loads(self._stamp(recipe.version).read_text(encoding="utf-8"))
            row = Row(**stamp["row"])
            open_artifact(self.directory / recipe.version, row.digest)
        except (OSError, ValueError, KeyError, TypeError, ArtifactError):
            return None
        return row if stamp["inputs"] == self._inputs(recipe, parent=parent) else None

    def network(self, version: str) -> Network:
        """Load a version that is there."""
        directory = self.directory / version
        model = TextEntitiesModel.from_pretrained(directory)
        tokenizer = load_tokenizer(directory, max_tokens=model.config.max_position_embeddings)
        return Network(model, tokenizer)

    def save(self, network: Network, *, recipe: Recipe, score: Score, parent: Row | None, seconds: float) -> Row:
        """Write a version, replacing an older one of its name."""
        draft = self.directory / f"{_DRAFT}{recipe.version}"
        network.model.save_pretrained(draft)
        network.tokenizer.save(str(draft / "tokenizer.json"))
        packed = pack(draft, model=MODEL, version=recipe.version, task=TASK, labels=LABELS)
        draft.chmod(0o755)
        for path in draft.iterdir():
            path.chmod(0o644)
        row = Row(
            version=recipe.version,
            parameters=sum(parameter.numel() for parameter in network.model.parameters()),
            messages=score.messages,
            accuracy=score.accuracy,
            entity_f1=score.entity_f1,
            raising=score.raising,
            digest=packed.digest,
            size_mb=round(sum(path.stat().st_size for path in draft.iterdir()) / 1e6, 1),
            seconds=round(seconds, 1),
        )
        self._publish(draft, recipe.version)
        stamp = {"inputs": self._inputs(recipe, parent=parent), "row": asdict(row)}
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

    def _publish(self, draft: Path, version: str) -> None:
        final = self.directory / version
        if final.exists():
            # A directory cannot be renamed over one that is not empty.
            final.rename(self.directory / f"{_DRAFT}old-{version}")
        draft.rename(final)

    def _remove_drafts(self) -> None:
        for path in self.directory.glob(f"{_DRAFT}*"):
            shutil.rmtree(path)

    def _inputs(self, recipe: Recipe, *, parent: Row | None) -> str:
        return f"{recipe.version} {parent.digest if parent else 'from nothing'} {self._sources}"

    def _stamp(self, version: str) -> Path:
        return self.directory / ".stamps" / f"{version}.json"


def _hash_of_sources() -> str:
    """Hash what decides, beside its parent, what a recipe makes and how it is measured."""
    here = Path(__file__).parent
    seen = hashlib.sha256()
    for name in _LIBRARIES:
        seen.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    for file in [here / f"{name}.py" for name in _SOURCES] + sorted(DATA.glob("*.toml")):
        seen.update(hashlib.sha256(file.read_bytes()).digest())
    return seen.hexdigest()


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
