"""Questions asked after the story: when each taken-back version was first over its limit, and on what machine."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.demo.breach import first_breach
from hack.demo.prometheus import Prometheus
from hack.demo.record import Chapter, Mark
from hack.demo.scene import Gate


async def breaches(
    prometheus: Prometheus, *, chapters: Sequence[Chapter], gates: Mapping[str, Gate], marks: Sequence[Mark]
) -> dict[str, float | None]:
    """The first breaching scrape of each version that a gate must take back; None where no sample breaches.

    Raises:
        PrometheusError: Prometheus cannot be asked.
    """
    found: dict[str, float | None] = {}
    applied = {mark.version: mark.at for mark in marks if mark.kind == "apply"}
    for chapter in chapters:
        if not chapter.gate or chapter.version not in applied:
            continue
        gate, since = gates[chapter.gate], applied[chapter.version]
        if gate.slower_than is None:
            counts = await prometheus.errors(chapter.version, since=since)
        else:
            counts = await prometheus.slow(chapter.version, since=since, slower_than=gate.slower_than)
        found[chapter.version] = first_breach(bad=counts.bad, total=counts.total, limit=gate.limit)
    return found


def environment(*, kubernetes: str) -> dict[str, str | int | float]:
    """What the figures were measured on: size and versions, the cluster's as given; no names of hosts, no paths."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = {name: importlib.metadata.version(name) for name in ("torch", "transformers")}
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "kubernetes": kubernetes,
        "python": platform.python_version(),
        **packages,
    }


def accuracies(path: Path) -> dict[str, float]:
    """Accuracy on held-out formats by version, as training wrote it; empty when it wrote none."""
    if not path.exists():
        return {}
    summary = json.loads(path.read_text())
    return {version: one["accuracy"] for version, one in summary["versions"].items() if "accuracy" in one}
