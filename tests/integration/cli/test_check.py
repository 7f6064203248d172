"""`check`, `version` and completion: what a real API server says of the cluster and of the person who asks."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hack.cluster.paths import default_paths
from hack.testbed.client import Client, Kind, connected
from hack.testbed.controlplane import ADMINISTRATOR, RELEASE_NAMESPACE, ControlPlane
from hack.testbed.installation import rendered_chart
from sluice_operator.cli.live.installation import own_version
from tests.integration.cli.people import ADMIN, ROOT, STRANGER, VIEWER, Done, Shell
from tests.integration.operator.stage import Stage

DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")


@contextlib.asynccontextmanager
async def deployed(plane: ControlPlane, *, version: str = "", ready: int = 1) -> AsyncIterator[None]:
    """The operator's Deployment, as the chart makes it; there is no kubelet to run it."""
    (deployment,) = (one for one in rendered_chart(default_paths()) if one["kind"] == "Deployment")
    if version:
        deployment["metadata"]["labels"]["app.kubernetes.io/version"] = version
    async with connected(plane.url, plane.tls(ADMINISTRATOR)) as client:
        name = (await client.create(DEPLOYMENTS, deployment, namespace=RELEASE_NAMESPACE))["metadata"]["name"]
        try:
            await _say_ready(client, name, ready)
            yield
        finally:
            await client.delete(DEPLOYMENTS, name, namespace=RELEASE_NAMESPACE)


async def _say_ready(client: Client, name: str, ready: int) -> None:
    status = {"replicas": ready, "readyReplicas": ready}
    await client.patch(DEPLOYMENTS, name, {"status": status}, namespace=RELEASE_NAMESPACE, status=True)


def answers(done: Done) -> dict[str, dict[str, Any]]:
    """What came of each question."""
    document = done.document()
    return {one["about"]: one for one in (*document["checks"], *document["rights"])}


async def test_what_is_there_is_ticked_and_what_is_missing_says_what_to_do(
    control_plane: ControlPlane, shell: Shell
) -> None:
    async with deployed(control_plane):
        done = await shell.run("check", "-o", "json", user=ROOT)
        told = await shell.run("check", user=ROOT)

    found = answers(done)
    for about in ("API server", "kinds of sluice.dev", "KServe", "admission policy", "operator in sluice-system"):
        assert found[about]["good"] is True, found[about]
    # The test stand has routes and no Gateway, and nobody who runs a Deployment's pods.
    assert (found["Gateway API"]["good"], found["Gateway API"]["to_do"]) == (
        False,
        "install the Gateway API and a Gateway",
    )
    assert found["Gateway"]["said"] == "projectcontour/contour is not there"
    assert found["Prometheus"]["good"] is False
    assert done.code == told.code == 1
    assert "✔" in told.out
    assert "✖  Gateway API" in told.out
    assert "→ install the Gateway API and a Gateway" in told.out


async def test_without_an_operator_it_says_so(shell: Shell) -> None:
    found = answers(await shell.run("check", "-o", "json", user=ROOT))

    assert (found["operator"]["good"], found["operator"]["to_do"]) == (False, "install Sluice's chart")


async def test_an_operator_without_a_ready_pod_is_a_fault(control_plane: ControlPlane, shell: Shell) -> None:
    async with deployed(control_plane, ready=0):
        found = answers(await shell.run("check", "-o", "json", user=ROOT))

    assert found["operator in sluice-system"]["good"] is False
    assert "0 of 1 pods ready" in found["operator in sluice-system"]["said"]


@pytest.mark.parametrize(
    ("user", "allowed", "not_allowed"),
    [
        (ADMIN, {"list modelversions", "create rolloutactions", "approve modelversions", "list pods"}, set()),
        (VIEWER, {"list modelversions", "watch modelversions"}, {"create rolloutactions", "abort modelversions"}),
    ],
)
async def test_people_see_what_they_may_do_and_what_they_may_not_see_is_no_fault(
    shell: Shell, user: str, allowed: set[str], not_allowed: set[str]
) -> None:
    done = await shell.run("check", "-o", "json", user=user)

    found = answers(done)
    assert {about for about in allowed if found[about]["good"] is True} == allowed
    assert {about for about in not_allowed if found[about]["good"] is None} == not_allowed
    assert found["operator"]["good"] is None


async def test_an_admission_policy_that_one_may_not_read_is_found_by_what_it_refuses(shell: Shell) -> None:
    found = answers(await shell.run("check", "-o", "json", user=ADMIN))

    assert found["admission policy"]["good"] is True
    assert "refuses acts in others' names" in found["admission policy"]["said"]


async def test_who_may_not_even_look_is_told(shell: Shell) -> None:
    done = await shell.run("check", "-o", "json", user=STRANGER)

    assert done.code == 1
    assert answers(done)["list modelversions"]["to_do"] == "ask for the role view"


async def test_versions_that_fit_and_versions_that_do_not(control_plane: ControlPlane, shell: Shell) -> None:
    async with deployed(control_plane):
        fits = await shell.run("version", user=ROOT)
    async with deployed(control_plane, version="0.9.0"):
        apart = await shell.run("version", user=ROOT)
    unknown = await shell.run("version", user=STRANGER)

    assert (fits.code, fits.err) == (0, "")
    assert fits.out.splitlines()[0] == f"kubectl-sluice {own_version()}"
    assert apart.code == 1
    assert "more than one minor version apart: pip install 'sluice-operator[cli]==0.9.0'" in apart.only_line
    assert unknown.code == 0
    assert 'User "sam" cannot list resource "deployments"' in unknown.out


async def test_names_complete_from_the_cluster(stage: Stage, shell: Shell) -> None:
    await stage.serves("sms", "1.0.0")

    by_kubectl = await shell.run("get", "sm", entry="complete")
    commands = await shell.run("expl", entry="complete")
    nothing = await shell.run("get", "sm", entry="complete", user=STRANGER)

    assert by_kubectl.out.splitlines() == ["sms", "sms-1.0.0", ":4"]
    assert commands.out.splitlines() == ["explain", ":4"]
    assert nothing.out.split() == [":4"]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
async def test_a_shell_is_taught(shell: Shell, name: str) -> None:
    done = await shell.run("completion", name)

    assert done.code == 0
    assert "_KUBECTL_SLUICE_COMPLETE" in done.out
