"""Who may do what, as a real API server decides it with the chart's admission policies and roles."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from hack.cluster.paths import default_paths
from hack.testbed.client import MODEL_VERSIONS, Client, Kind, Object, RefusedError, connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from hack.testbed.installation import rendered_chart
from sluice_operator.api.action import Action

_GROUP = ("admissionregistration.k8s.io", "v1")
POLICIES = (
    Kind(*_GROUP, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False),
    Kind(*_GROUP, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False),
)
BINDINGS = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
ROLES = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
ACTIONS = Kind("sluice.dev", "v1alpha1", "rolloutactions", "RolloutAction")
AUTHOR = "sluice.dev/author"
SECONDS = 30

As = Callable[[str], AbstractAsyncContextManager[Client]]


@pytest.fixture
async def as_user(control_plane: ControlPlane) -> AsyncIterator[As]:
    """Clients of people: editors and admins of namespace default, with the chart's roles and policies in force."""
    async with connected(control_plane.url, control_plane.tls(ADMINISTRATOR)) as administrator:
        made = [obj async for obj in _installed(administrator)]

        @contextlib.asynccontextmanager
        async def client(user: str) -> AsyncIterator[Client]:
            control_plane.kubeconfig(user)
            async with connected(control_plane.url, control_plane.tls(user)) as found:
                yield found

        await _until_in_force(client)
        yield client
        for kind in (MODEL_VERSIONS, ACTIONS):
            for obj in await administrator.items(kind):
                await administrator.delete(kind, obj["metadata"]["name"])
        for kind, name in made:
            await administrator.delete(kind, name)


async def _installed(administrator: Client) -> AsyncIterator[tuple[Kind, str]]:
    """Make the policies and the people; yields what was made."""
    for kind in POLICIES:
        for obj in rendered_chart(default_paths()):
            if obj["kind"] == kind.kind:
                await administrator.create(kind, obj)
                yield kind, obj["metadata"]["name"]
    rules = [{"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["create"]}]
    await administrator.create(ROLES, {"metadata": {"name": "kserve-edit"}, "rules": rules})
    yield ROLES, "kserve-edit"
    for user, kind_of_role, role in (
        ("editor", "ClusterRole", "sluice-edit"),
        ("editor", "Role", "kserve-edit"),
        ("deputy", "ClusterRole", "sluice-edit"),
        ("admin", "ClusterRole", "sluice-edit"),
        ("admin", "ClusterRole", "sluice-admin"),
    ):
        yield BINDINGS, await _bind(administrator, user=user, kind=kind_of_role, role=role)


async def _bind(administrator: Client, *, user: str, kind: str, role: str) -> str:
    name = f"{user}-{role}"
    group = "rbac.authorization.k8s.io"
    body = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    await administrator.create(BINDINGS, body)
    return name


async def _until_in_force(client: As) -> None:
    """A policy is in force a moment after it was made: wait until both refuse what they must."""
    async with asyncio.timeout(SECONDS), client("deputy") as deputy:
        for kind, body in ((MODEL_VERSIONS, version("probe")), (ACTIONS, act("Abort", by="another"))):
            body["metadata"]["generateName"] = body["metadata"].pop("name")
            while await refusal(deputy.create(kind, body)) is None:  # noqa: ASYNC110 - inside the API server
                await asyncio.sleep(0.1)


async def refusal(asked: Any) -> str | None:
    """Why the API server refused, None where it did not."""
    try:
        await asked
    except RefusedError as error:
        return str(error)
    return None


def version(name: str, **annotations: str) -> Object:
    spec = {"model": "sms", "version": name, "source": {"storageUri": "pvc://models/sms"}}
    return {"metadata": {"name": name, "annotations": annotations}, "spec": spec}


def act(action: str, *, by: str, groups: tuple[str, ...] = ()) -> Object:
    seen = {"attempt": 1, "step": 0, "policyHash": "sha256:0"}
    spec = {"modelVersion": "v", "uid": "u", "action": action, "reason": "because", "requestedBy": by, **seen}
    return {"metadata": {"name": f"{action}-{by}".lower()}, "spec": {**spec, "groups": list(groups)}}


async def test_a_version_says_nothing_or_the_truth_about_who_made_it(as_user: As) -> None:
    async with as_user("editor") as editor:
        assert await refusal(editor.create(MODEL_VERSIONS, version("silent"))) is None
        assert await refusal(editor.create(MODEL_VERSIONS, version("true", **{AUTHOR: "editor"}))) is None
        refused = await refusal(editor.create(MODEL_VERSIONS, version("false", **{AUTHOR: "somebody"})))
        assert refused is not None and "annotation sluice.dev/author must be editor" in refused


@pytest.mark.parametrize("said", [None, "somebody", ""])
async def test_who_made_a_version_cannot_be_changed_afterwards(as_user: As, said: str | None) -> None:
    async with as_user("editor") as editor:
        await editor.create(MODEL_VERSIONS, version("one", **{AUTHOR: "editor"}))
        changed = editor.patch(MODEL_VERSIONS, "one", {"metadata": {"annotations": {AUTHOR: said}}})
        assert "cannot be changed" in str(await refusal(changed))
        replicas = editor.patch(MODEL_VERSIONS, "one", {"spec": {"predictor": {"minReplicas": 2}}})
        assert await refusal(replicas) is None


@pytest.mark.parametrize("overlay", [{"serviceAccountName": "b"}, {"hostNetwork": True}, None])
async def test_what_an_overlay_makes_of_a_pod_cannot_be_changed(as_user: As, overlay: Object | None) -> None:
    made = version("one")
    made["spec"]["predictor"] = {"overlay": {"serviceAccountName": "a"}}
    async with as_user("editor") as editor:
        await editor.create(MODEL_VERSIONS, made)
        refused = await refusal(editor.patch(MODEL_VERSIONS, "one", {"spec": {"predictor": {"overlay": overlay}}}))
        assert refused is not None and "overlay is immutable" in refused


async def test_who_may_not_create_inference_services_gets_none_through_a_version(as_user: As) -> None:
    async with as_user("deputy") as deputy:
        refused = await refusal(deputy.create(MODEL_VERSIONS, version("one")))
    assert refused is not None and "deputy may not create inferenceservices.serving.kserve.io" in refused


async def test_an_act_is_its_persons_own(as_user: As) -> None:
    async with as_user("editor") as editor:
        refused = await refusal(editor.create(ACTIONS, act("Abort", by="admin")))
        assert refused is not None and "spec.requestedBy must be editor" in refused
        claimed = await refusal(editor.create(ACTIONS, act("Abort", by="editor", groups=("ml-leads",))))
        assert claimed is not None and "editor is not in all of spec.groups" in claimed
        own = act("Abort", by="editor", groups=("system:authenticated",))
        assert await refusal(editor.create(ACTIONS, own)) is None


@pytest.mark.parametrize("action", Action)
async def test_everybody_acts_as_far_as_his_role_goes(as_user: As, action: Action) -> None:
    for user, may in (("admin", True), ("editor", action not in ("Approve", "Reject", "Advance", "Promote"))):
        async with as_user(user) as client:
            refused = await refusal(client.create(ACTIONS, act(action, by=user)))
            assert (refused is None) == may, refused
            if refused is not None:
                assert f"{user} may not {action.lower()} modelversions.sluice.dev v in namespace default" in refused


async def test_nobody_changes_what_was_decided(as_user: As) -> None:
    async with as_user("admin") as admin:
        await admin.create(ACTIONS, act("Approve", by="admin"))
        assert await refusal(admin.patch(ACTIONS, "approve-admin", {"spec": {"reason": "another"}})) is not None
        assert await refusal(admin.delete(ACTIONS, "approve-admin")) is not None
