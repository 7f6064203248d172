"""Our own two images, built by the project's Dockerfile and sent to the node when it does not have them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from hack.cluster import images
from hack.cluster.commands import UV, Shell
from hack.cluster.containers import Store, StoredImage
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Paths, default_paths
from hack.cluster.steps import Plan, Step

VERSION = "0.1.0"
NAMES = ("operator", "predictor")

_CERTIFICATES = Path("/etc/ssl/certs")
_UV_CACHE = "/var/cache/uv"


def built_tags(paths: Paths | None = None) -> dict[str, str]:
    """The references of the images last built from this checkout, by target of the Dockerfile.

    Raises:
        ClusterError: None were built yet.
    """
    record = (paths or default_paths()).images_json
    if not record.exists():
        raise ClusterError("The images are not built yet: run `python -m hack.cluster images`.")
    tags: dict[str, str] = json.loads(record.read_text())
    return tags


def repository(name: str, *, beside: str = "") -> str:
    return f"localhost/sluice-{name}{beside}"


def inputs(name: str, *, paths: Paths) -> tuple[Path, ...]:
    """What decides the content of an image."""
    root = paths.checkout
    projects = tuple(root / part / "pyproject.toml" for part in NAMES)
    own = root / "hack" / "images" / name
    recipe = (root / "Dockerfile", *([own] if own.exists() else []))
    return (*recipe, root / "uv.lock", root / "pyproject.toml", *projects, root / name / "src")


def add_applications(
    plan: Plan, *, paths: Paths, store: Store, built_here: bool, names: Sequence[str] = NAMES, beside: str = ""
) -> dict[str, str]:
    """Add our images to a plan; returns their references.

    Args:
        plan: When their base is built here too, it must have it already.
        paths: Of the checkout.
        store: Where the images go.
        built_here: Whether base and installer are built here, or published.
        names: Which of them.
        beside: Ends the names of images that are to stand beside those of our own checkout, not in their place.
    """
    needs: tuple[str, ...] = ()
    arguments = {"BASE": images.PYTHON.published, "UV_IMAGE": images.INSTALLER.published}
    options: tuple[str, ...] = ()
    if built_here:
        base = images.PYTHON.name
        needs = (base, f"image {images.INSTALLER.name}")
        arguments = {
            "BASE": images.base_reference(plan, base),
            "UV_IMAGE": images.reference(plan, images.INSTALLER),
            # Where published images cannot be reached, that index cannot either.
            "TORCH_INDEX_URL": "",
        }
        # The host's cache spares the download, its certificates let it be made; neither becomes part of the image.
        volumes = {uv_cache(store.shell): _UV_CACHE, _CERTIFICATES: f"{_CERTIFICATES}:ro"}
        options = ("--layers", "--force-rm", *(f"--volume={source}:{target}" for source, target in volumes.items()))
    references = {}
    for name in names:
        build = _builder(name, paths=paths, store=store, arguments=arguments, options=options)
        output = StoredImage(store, repository(name, beside=beside), build, f"{VERSION}-")
        words = json.dumps(arguments, sort_keys=True)
        key = plan.add(Step(f"image {name}", "applications", (words, *inputs(name, paths=paths)), output, needs))
        references[name] = output.reference(key)
    return references


def uv_cache(shell: Shell) -> Path:
    """The package cache of this user."""
    return Path(shell.output([UV, "cache", "dir"]).strip())


def _builder(
    name: str, *, paths: Paths, store: Store, arguments: dict[str, str], options: tuple[str, ...]
) -> Callable[[str], None]:
    def build(reference: str) -> None:
        store.build(
            reference,
            containerfile=paths.checkout / "Dockerfile",
            context=paths.checkout,
            arguments=arguments,
            options=(f"--target={name}", *options),
            log=f"image-{name}",
        )
        store.drop_nameless(f"sluice-{name}")

    return build
