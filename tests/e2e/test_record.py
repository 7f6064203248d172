"""The record, read from the cluster by a port-forward, with the rights of a kubeconfig and nothing else."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from hack.demo.kube import Cluster
from tests.e2e.model import Model

SYSTEM = "sluice-system"


async def sluice(cluster: Cluster, *words: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What the command says."""
    command = [sys.executable, "-m", "sluice_operator.cli", *words, f"--kubeconfig={kubeconfig or cluster.kubeconfig}"]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120, check=False)


async def test_the_record_of_a_first_version_is_read_through_the_operators_pod(
    cluster: Cluster, model: Model, tmp_path: Path
) -> None:
    await model.serves("1.0.0")
    exported, report = tmp_path / "records.ndjson", tmp_path / "report.html"

    told = await sluice(cluster, "history", model.name, "-o", "json")
    page = await sluice(cluster, "export", "report", f"{model.name}/1.0.0", f"--file={report}")
    records = await sluice(cluster, "export", "records", f"--file={exported}")

    assert told.returncode == page.returncode == records.returncode == 0, told.stderr + page.stderr + records.stderr
    assert {one["version"] for one in json.loads(told.stdout)["events"]} == {"1.0.0"}
    assert "promoted" in report.read_text()
    assert len(exported.read_text().splitlines()) >= 3


async def test_the_whole_chain_verifies_against_the_checkpoint_in_the_cluster(cluster: Cluster, model: Model) -> None:
    await model.serves("1.0.0")

    found = await sluice(cluster, "verify-ledger", "-o", "json")

    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["whole"]
    assert told["checkpoint"]["seq"] <= told["head"]["seq"] == told["records"]


async def test_who_may_not_forward_ports_to_the_operator_reads_nothing(
    cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = "e2e-reader"
    await cluster.kubectl("create", "serviceaccount", name)
    request.addfinalizer(lambda: asyncio.run(cluster.kubectl("delete", "serviceaccount", name)))
    await cluster.kubectl(
        "create", "rolebinding", name, "--clusterrole=view", f"--serviceaccount=default:{name}", "-n", SYSTEM
    )
    request.addfinalizer(lambda: asyncio.run(cluster.kubectl("delete", "rolebinding", name, "-n", SYSTEM)))
    token = (await cluster.kubectl("create", "token", name)).strip()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(await cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    settings = json.loads(kubeconfig.read_text())
    settings["users"][0]["user"] = {"token": token}
    kubeconfig.write_text(json.dumps(settings))

    refused = await sluice(cluster, "history", "anything", kubeconfig=kubeconfig)

    assert refused.returncode == 5
    assert "pods/portforward" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
