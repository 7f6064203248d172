"""The user's kubeconfig: which cluster, as whom, in which namespace.

The `kubernetes` package reads it, merges several, and runs the plugins that it names; what those complain of is kept
from the log and becomes the one line that people are told.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ClusterError

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster and namespace a command is about, as its options say."""

    namespace: str | None = None
    """That of the kubeconfig's context otherwise."""
    everywhere: bool = False
    """All namespaces."""
    context: str | None = None
    """The kubeconfig's current one otherwise."""
    kubeconfig: str | None = None
    """A file, or several; what KUBECONFIG says, or ~/.kube/config otherwise."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What a kubeconfig says about a context."""

    client: "Configuration"
    namespace: str
    context: str


def configured(target: Target) -> Configured:
    """Read the kubeconfig.

    Raises:
        ClusterError: there is none, or it does not say how the cluster is reached.
    """
    import yaml
    from kubernetes.client import Configuration
    from kubernetes.config import KUBE_CONFIG_DEFAULT_LOCATION, ConfigException
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

    where = target.kubeconfig or os.environ.get("KUBECONFIG") or KUBE_CONFIG_DEFAULT_LOCATION
    client = Configuration()
    try:
        files = KubeConfigMerger(where)
        if files.config is None:
            raise ClusterError(f"no kubeconfig at {where}: name one with --kubeconfig or in KUBECONFIG")
        loader = KubeConfigLoader(
            config_dict=files.config,
            active_context=target.context,
            config_base_path=None,
            config_persister=files.save_changes,
        )
        with _complaints():
            loader.load_and_set(client)
        chosen = loader.current_context
        return Configured(client, str(chosen["context"].get("namespace") or "default"), str(chosen["name"]))
    except (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        of = f" for context {target.context}" if target.context else ""
        said = " ".join(str(error).split()) or type(error).__name__
        raise ClusterError(f"kubeconfig {where} says nothing usable{of}: {said[:_LONGEST]}") from error


class _Ears(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@contextlib.contextmanager
def _complaints() -> Iterator[None]:
    """Raise what is logged as an error meanwhile: that is how a plugin's failure is told."""
    ears, log = _Ears(), logging.getLogger()
    log.addHandler(ears)
    try:
        yield
    finally:
        log.removeHandler(ears)
    if ears.heard:
        raise ValueError(ears.heard[0])
