"""Rights: nobody gets more than the part he has, and the operator no more than it uses."""

import pytest

from sluice_operator.api.action import Action
from sluice_operator.api.crd import KINDS
from tests.integration.chart.rendering import Chart, Document

READING = {"get", "list", "watch"}


def verbs(role: Document, resource: str) -> set[str]:
    return {verb for rule in role["rules"] if resource in rule["resources"] for verb in rule["verbs"]}


@pytest.fixture(scope="module")
def roles(chart: Chart) -> dict[str, Document]:
    return {one["metadata"]["name"]: one for one in chart.objects() if one["kind"] == "ClusterRole"}


def test_the_clusters_own_roles_include_ours(roles: dict[str, Document]) -> None:
    for name in ("view", "edit", "admin"):
        labels = roles[f"sluice-{name}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{name}"] == "true"


def test_everybody_may_look_at_every_kind(roles: dict[str, Document]) -> None:
    for kind in KINDS:
        assert verbs(roles["sluice-view"], kind.plural) == READING


def test_every_act_is_granted_by_one_role_and_what_lets_a_version_go_on_by_the_admins(
    roles: dict[str, Document],
) -> None:
    acts = {action.lower() for action in Action}
    edit, admin = (verbs(roles[f"sluice-{name}"], "modelversions") & acts for name in ("edit", "admin"))

    assert edit | admin == acts
    assert not edit & admin
    assert admin == {"approve", "reject", "advance", "promote"}


def test_policies_are_not_their_authors_to_write(roles: dict[str, Document]) -> None:
    assert verbs(roles["sluice-edit"], "rolloutpolicies") == set()
    assert "create" in verbs(roles["sluice-admin"], "rolloutpolicies")


def test_what_somebody_did_cannot_be_undone_by_the_record(roles: dict[str, Document]) -> None:
    for name in ("sluice-edit", "sluice-admin"):
        assert verbs(roles[name], "rolloutactions") <= {"create"}


def test_no_role_grants_everything_or_reads_secrets_or_grants_rights(chart: Chart) -> None:
    for one in chart.objects():
        if one["kind"] not in ("Role", "ClusterRole"):
            continue
        for rule in one["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not words & {"*", "secrets", "escalate", "bind", "impersonate"}, one["metadata"]["name"]


def test_the_operator_writes_the_status_of_versions_and_never_creates_one(roles: dict[str, Document]) -> None:
    operator = roles["sluice-operator"]
    assert not verbs(operator, "modelversions") & {"create", "update", "delete"}
    assert verbs(operator, "modelversions/status") == {"patch"}


def test_the_operator_says_what_came_of_an_act_and_makes_none(roles: dict[str, Document]) -> None:
    operator = roles["sluice-operator"]
    assert verbs(operator, "rolloutactions") == verbs(operator, "rolloutpolicies") == {"list", "watch"}
    assert verbs(operator, "rolloutactions/status") == {"patch"}


def test_nobodys_rights_change_where_it_is_not_wanted(chart: Chart) -> None:
    found = [one["metadata"]["name"] for one in chart.objects(aggregateRoles=False) if one["kind"] == "ClusterRole"]
    assert not {"sluice-view", "sluice-edit", "sluice-admin"} & set(found)
