"""The release of the chart in the hands of its administrator: upgraded, put back, stopped, its leader killed."""

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hack.cluster.applications import built_tags
from hack.cluster.paths import default_paths
from hack.cluster.session import opened
from hack.cluster.steps import only_one
from hack.demo import prepare
from hack.demo.kube import Cluster, tool

NAMESPACE = "sluice-system"
CHART = Path("helm/sluice")
_DEPLOYMENT = "deployment/sluice-operator"
_PODS = "--selector=app.kubernetes.io/component=operator"
_TAKEN_OVER_WITHIN_S = 60
_IN_MEMORY = "ledger-in-memory"


def run(program: str, *words: str, stdin: str = "") -> str:
    """What a program prints about the cluster; a failure is the test's, with all that it said."""
    command = [tool(program), f"--kubeconfig={default_paths().kubeconfig}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def helm(*words: str, stdin: str = "") -> str:
    return run("helm", f"--namespace={NAMESPACE}", *words, stdin=stdin)


@dataclass(frozen=True, slots=True)
class Shipped:
    """What one commit ships: its chart, and the operator that belongs to that."""

    chart: Path
    operator: str
    """Reference of an image that the node has."""


def this_commit() -> Shipped:
    """What this checkout ships."""
    return Shipped(CHART, built_tags()["operator"])


def commit_before(directory: Path) -> Shipped:
    """What was shipped before the chart's last change, built from its sources.

    Args:
        directory: Empty; for that commit's files.
    """
    log = ["git", "log", "-2", "--format=%H", "--", str(CHART)]
    commit = subprocess.check_output(log, text=True).split()[-1]
    archive = subprocess.check_output(["git", "archive", commit])
    subprocess.run(["tar", "--extract", f"--directory={directory}"], input=archive, check=True)
    paths = default_paths()
    with only_one(paths.lock), opened(paths, Console(stderr=True)) as session:
        return Shipped(directory / CHART, session.operator_of(directory))


class Release:
    """What an administrator does to Sluice. Each call ends when it is done."""

    def __init__(self, cluster: Cluster) -> None:
        self._system = Cluster(cluster.kubeconfig, NAMESPACE)

    async def install(self) -> None:
        """Bring the release to the state in which tests expect it."""
        step = prepare.steps(default_paths())[-1]
        await asyncio.to_thread(prepare.prepare, [step], print)

    async def upgrade(self, to: Shipped | None = None, *, replicas: int = 1, values: Sequence[str] = ()) -> None:
        """Go to what a commit ships, this one if none is named, with the values that the release has and these."""
        shipped = to or this_commit()
        told = (f"operator.replicas={replicas}", f"image.operator={shipped.operator}")
        if replicas > 1:
            await self._have_records_in_memory()
            told = (*told, f"ledger.postgresql.secretName={_IN_MEMORY}")
        words = [*(f"--set={value}" for value in told), *(f"--set-json={value}" for value in values)]
        options = ("--reset-then-reuse-values", *words, "--wait", "--hide-notes")
        await asyncio.to_thread(helm, "upgrade", "sluice", str(shipped.chart), *options)

    async def _have_records_in_memory(self) -> None:
        """Several operators share a PostgreSQL, and there is none here: each has a record of its own, in its memory."""
        secret = {"metadata": {"name": _IN_MEMORY}, "stringData": {"url": "sqlite:////dev/shm/ledger.db"}}
        words = ("apply", f"--namespace={NAMESPACE}", "-f", "-")
        body = json.dumps({"apiVersion": "v1", "kind": "Secret", **secret})
        await asyncio.to_thread(run, "kubectl", *words, stdin=body)

    async def undo(self) -> None:
        """Go back to what there was before the last upgrade."""
        await asyncio.to_thread(helm, "rollback", "sluice", "--wait")

    async def scale(self, replicas: int) -> None:
        """Run so many operators."""
        await self._system.kubectl("scale", _DEPLOYMENT, f"--replicas={replicas}")
        if replicas:
            await self._system.kubectl("rollout", "status", _DEPLOYMENT, "--timeout=120s")
        else:
            await self._system.kubectl("wait", "pods", _PODS, "--for=delete", "--timeout=60s")

    async def kill_leader(self) -> str:
        """End the leader's pod without grace, and wait until another leads; that one's name."""
        killed = await self.leader()
        assert killed, "nobody leads"
        await self._system.kubectl("delete", "pod", killed, "--grace-period=0", "--force")
        async with asyncio.timeout(_TAKEN_OVER_WITHIN_S):
            while (leader := await self.leader()) in ("", killed):  # noqa: ASYNC110 - kubectl does not wait for it
                await asyncio.sleep(0.5)
        return leader

    async def leader(self) -> str:
        """The pod that leads; empty while nobody does."""
        return await self._system.kubectl("get", "lease", "sluice-operator", "-o", "jsonpath={.spec.holderIdentity}")
