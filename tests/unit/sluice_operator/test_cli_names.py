"""People's words find versions: their names, or a model's for the version that matters."""

import pytest
from recorded_versions import version

from sluice_operator.cli.errors import QuestionError
from sluice_operator.cli.live.versions import chosen, models, one, still

STABLE = version("sms-1", "Stable", days=2)
CANARY = version("sms-2", "Canary", days=1, step=0)
OTHER = version("fraud-1", "Stable", model="fraud")


def test_a_version_has_its_name():
    assert one(models([STABLE, CANARY]), "sms-1").name == "sms-1"


def test_a_version_may_be_named_by_its_model_and_its_own_name():
    assert one(models([STABLE, CANARY]), "sms/2").name == "sms-2"
    assert [len(model.versions) for model in chosen(models([STABLE, CANARY]), ["sms/2"])] == [1]


def test_a_model_s_name_means_the_version_under_way_and_otherwise_the_one_that_serves():
    assert one(models([STABLE, CANARY]), "sms").name == "sms-2"
    assert one(models([STABLE]), "sms").name == "sms-1"


def test_a_version_with_the_name_of_a_model_goes_first():
    assert one(models([STABLE, CANARY, version("sms", "Superseded", days=9)]), "sms").name == "sms"


def test_what_is_on_its_way_out_gives_way_to_what_comes():
    going = version("sms-3", "RollingBack", step=0)

    assert one(models([STABLE, going, CANARY]), "sms").name == "sms-2"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sms-3", "no model or version sms-3: did you mean sms-2 or sms-1 or sms?"),
        ("frau", "did you mean fraud or fraud-1?"),
        ("zzz", "no model or version zzz"),
    ],
)
def test_a_name_that_nothing_has_names_what_may_have_been_meant(name, wanted):
    with pytest.raises(QuestionError) as error:
        one(models([STABLE, CANARY, OTHER]), name)

    assert wanted in str(error.value)


def test_where_there_is_nothing_at_all_the_namespace_may_be_wrong():
    with pytest.raises(QuestionError, match="-n names another namespace"):
        one([], "sms")


def test_a_model_of_which_nothing_is_under_way_wants_a_version_named():
    with pytest.raises(QuestionError, match="name a version"):
        one(models([version("sms-1", "RolledBack")]), "sms")


def test_a_name_in_several_namespaces_wants_one_of_them():
    elsewhere = version("sms-1", "Stable")
    elsewhere["metadata"]["namespace"] = "staging"

    with pytest.raises(QuestionError, match=r"payments, staging.*-n"):
        one(models([STABLE, elsewhere]), "sms-1")


def test_chosen_models_are_whole_and_chosen_versions_alone():
    known = models([STABLE, CANARY, OTHER])

    assert [len(model.versions) for model in chosen(known, ["sms"])] == [2]
    assert [[found.name for found in model.versions] for model in chosen(known, ["sms-1", "fraud"])] == [
        ["fraud-1"],
        ["sms-1"],
    ]


def test_what_is_deleted_while_it_is_watched_is_left_out():
    assert still(models([STABLE]), ["sms-1", "sms-2"])[0].versions[0].name == "sms-1"
    assert still(models([OTHER]), ["sms-1"]) == []


def test_a_word_of_a_newer_operator_hides_nothing_but_itself():
    newer = version("sms-2", "Canary", step=1, attempt=3, gates=[{"name": "errors", "verdict": "Perhaps"}], fresh=1)

    found = one(models([STABLE, newer]), "sms")

    assert (found.phase, found.status.attempt, found.status.step, found.status.gates) == ("Canary", 3, 1, [])
    assert "status.gates.0.verdict" in found.problem
    assert found.problem.endswith("this kubectl-sluice may be older than the operator")
