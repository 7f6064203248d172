"""Where things lie: the checkout, and the user's cache that outlives it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """All directories and files of this package, from two roots."""

    checkout: Path
    cache: Path

    @property
    def bin(self) -> Path:
        """Built programs: kind, kubectl, helm and those that go into images."""
        return self.cache / "bin"

    @property
    def logs(self) -> Path:
        return self.cache / "logs"

    @property
    def wheels(self) -> Path:
        """Programs that come as Python wheels, one directory each."""
        return self.cache / "wheels"

    @property
    def models(self) -> Path:
        """What the node sees as /models."""
        return self.cache / "models"

    @property
    def lock(self) -> Path:
        return self.cache / "lock"

    @property
    def kubeconfig(self) -> Path:
        return self.checkout / "build" / "kubeconfig"

    @property
    def images_json(self) -> Path:
        """Names of the images last built from this checkout, for the chart's values."""
        return self.checkout / "build" / "images.json"

    @property
    def image_figures(self) -> Path:
        """How large the predictor's image is, for the benchmark."""
        return self.checkout / "build" / "bench" / "predictor-image.json"

    @property
    def tools(self) -> Path:
        return self.checkout / "hack" / "tools"

    @property
    def containerfiles(self) -> Path:
        return self.checkout / "hack" / "images"

    @property
    def manifests(self) -> Path:
        return self.checkout / "hack" / "cluster" / "manifests"


def default_paths() -> Paths:
    """The paths of this checkout and of the user who runs it."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Paths(checkout=Path(__file__).resolve().parents[2], cache=cache_home / "sluice")
