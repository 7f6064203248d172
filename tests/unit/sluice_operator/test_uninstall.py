"""Letting go of a version that somebody else changes at the same moment."""

from scripted_api import ScriptedApi, page, refuses, says, serving

from sluice_operator.controller.resources import FINALIZER
from sluice_operator.controller.uninstall import uninstall

NOTHING = page()


def version(number, *finalizers):
    return {"metadata": {"name": "v", "namespace": "n", "resourceVersion": str(number), "finalizers": finalizers}}


async def let_go(*answers):
    """Uninstall with these answers after the operator has been stopped; what was asked then."""
    api = ScriptedApi([says({}), NOTHING, *answers])
    async with serving(api) as gateway:
        count = await uninstall(gateway, namespace="sluice-system", selector="a=b")
    return count, api.asked[2:]


async def test_a_version_that_changed_is_read_again_and_let_go():
    count, asked = await let_go(
        page(version(1, FINALIZER)), refuses(409), says(version(2, "other", FINALIZER)), says(version(3, "other"))
    )

    assert count == 1
    assert [one.method for one in asked] == ["GET", "PATCH", "GET", "PATCH"]
    assert asked[-1].body == {"metadata": {"resourceVersion": "2", "finalizers": ["other"]}}


async def test_a_version_that_is_gone_needs_nothing():
    assert (await let_go(page(version(1, FINALIZER)), refuses(404)))[0] == 1
    assert (await let_go(page(version(1, FINALIZER)), refuses(409), refuses(404)))[0] == 1


async def test_where_the_kind_is_gone_there_is_nothing_to_let_go():
    assert (await let_go(refuses(404)))[0] == 0


async def test_versions_come_in_pages():
    count, asked = await let_go(page(version(1, FINALIZER), more="next"), page(version(2, FINALIZER)), says({}))

    assert count == 2
    assert [one.query.get("continue") for one in asked[:2]] == [None, "next"]


async def test_only_pods_of_the_operator_that_have_not_ended_are_waited_for():
    api = ScriptedApi([says({}), NOTHING, NOTHING])
    async with serving(api) as gateway:
        await uninstall(gateway, namespace="sluice-system", selector="a=b")

    stopped, looked, _ = api.asked
    assert (stopped.path, stopped.body) == (
        "/apis/apps/v1/namespaces/sluice-system/deployments/sluice-operator",
        {"spec": {"replicas": 0}},
    )
    assert looked.path == "/api/v1/namespaces/sluice-system/pods"
    assert looked.query == {
        "labelSelector": "a=b",
        "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed",
    }


async def test_where_only_some_namespaces_are_watched_only_their_versions_are_let_go():
    api = ScriptedApi([says({}), NOTHING, page(version(1, FINALIZER)), says({}), NOTHING])
    async with serving(api) as gateway:
        count = await uninstall(gateway, namespace="sluice-system", selector="a=b", watched=("n", "m"))

    assert count == 1
    versions = "/apis/sluice.dev/v1alpha1/namespaces/{}/modelversions"
    assert [one.path for one in api.asked[2:]] == [
        versions.format("n"),
        f"{versions.format('n')}/v",
        versions.format("m"),
    ]
