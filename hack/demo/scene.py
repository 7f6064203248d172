"""What the story is played with: the versions, how each must end, their manifests and the rules of their rollout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hack.demo.breach import Limit
from hack.demo.record import Chapter

MODEL = "sms-classifier"
NAMESPACE = "default"
ROLLOUT = Path(__file__).with_name("rollout.yaml")
MANIFESTS = Path("examples/sms/manifests")
CHAPTERS = (
    Chapter("1.0.0", "Stable"),
    Chapter("1.1.0", "RolledBack", gate="errors"),
    Chapter("1.2.0", "RolledBack", gate="slow"),
    Chapter("1.3.0", "Stable"),
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of the demo's rollout; `slower_than` in seconds, None for a gate on errors."""

    name: str
    limit: Limit
    slower_than: float | None


def seconds(duration: str) -> float:
    """The length of a duration such as 250ms, 20s or 1m30s.

    Raises:
        ValueError: it is not one.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration such as 250ms, 20s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def rollout(path: Path = ROLLOUT) -> dict[str, Any]:
    """The `spec.rollout` that the demo gives each version."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def gates(settings: Mapping[str, Any]) -> dict[str, Gate]:
    """The gates of such settings, by name."""
    return {
        one["name"]: Gate(
            name=one["name"],
            limit=Limit(
                above=one["limit"]["above"],
                window=seconds(one["limit"]["window"]),
                min_requests=one["limit"]["minRequests"],
            ),
            slower_than=seconds(one["slowerThan"]) if "slowerThan" in one else None,
        )
        for one in settings["analysis"]["gates"]
    }


def manifest(version: str, settings: Mapping[str, Any], *, directory: Path = MANIFESTS) -> dict[str, Any]:
    """The example's ModelVersion with the demo's rollout settings in place of its own.

    Raises:
        FileNotFoundError: the example has no such version.
    """
    loaded: dict[str, Any] = yaml.safe_load((directory / f"{version}.yaml").read_text())
    loaded["metadata"]["namespace"] = NAMESPACE
    loaded["spec"]["rollout"] = dict(settings)
    return loaded
