"""The release of the chart in the hands of its administrator: upgraded, put back, stopped, its leader killed."""

import asyncio
import subprocess
from pathlib import Path

from hack.cluster.paths import default_paths
from hack.demo import prepare
from hack.demo.kube import Cluster, tool

NAMESPACE = "sluice-system"
CHART = Path("helm/sluice")
_DEPLOYMENT = "deployment/sluice-operator"
_PODS = "--selector=app.kubernetes.io/component=operator"
_TAKEN_OVER_WITHIN_S = 60


def run(program: str, *words: str, stdin: str = "") -> str:
    """What a program prints about the cluster; a failure is the test's, with all that it said."""
    command = [tool(program), f"--kubeconfig={default_paths().kubeconfig}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def helm(*words: str, stdin: str = "") -> str:
    return run("helm", f"--namespace={NAMESPACE}", *words, stdin=stdin)


def chart_before(directory: Path) -> Path:
    """The chart as it was before its last change, written into a directory."""
    log = ["git", "log", "-2", "--format=%H", "--", str(CHART)]
    commit = subprocess.check_output(log, text=True).split()[-1]
    archive = subprocess.check_output(["git", "archive", commit, str(CHART)])
    subprocess.run(["tar", "--extract", f"--directory={directory}"], input=archive, check=True)
    return directory / CHART


class Release:
    """What an administrator does to Sluice. Each call ends when it is done."""

    def __init__(self, cluster: Cluster) -> None:
        self._system = Cluster(cluster.kubeconfig, NAMESPACE)

    async def install(self) -> None:
        """Bring the release to the state in which tests expect it."""
        step = prepare.steps(default_paths())[-1]
        await asyncio.to_thread(prepare.prepare, [step], print)

    async def upgrade(self, *, chart: Path = CHART, replicas: int = 1) -> None:
        """Go to a chart, with the values that the release has."""
        values = ("--reset-then-reuse-values", f"--set=operator.replicas={replicas}")
        await asyncio.to_thread(helm, "upgrade", "sluice", str(chart), *values, "--wait", "--hide-notes")

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
