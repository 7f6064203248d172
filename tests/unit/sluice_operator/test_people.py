"""The policy of a model and the acts on its versions, as they are found in the cluster."""

from typing import Any

from fake_cluster import FakeCopy

from sluice_operator.controller.people import acts_on, read_policy
from sluice_operator.controller.resources import version_of_act
from sluice_operator.rollout.snapshot import Act, InvalidAct


def policy(name: str, *, minute: int = 0, **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "creationTimestamp": f"2026-01-01T12:{minute:02}:00Z"}
    return {"metadata": meta, "spec": spec}


def act(name: str, *, on: str = "v2", minute: int = 0, **fields: Any) -> dict[str, Any]:
    spec = {"modelVersion": on, "uid": "u", "action": "Pause", "reason": "r", "requestedBy": "ann"}
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"metadata": {**meta, "creationTimestamp": f"2026-01-01T12:{minute:02}:00Z"}, "spec": spec, **fields}


def test_of_several_policies_that_name_a_model_the_oldest_applies():
    found = read_policy(
        [
            policy("young", minute=9, models=["sms"]),
            policy("old", minute=1, models=["*"]),
            policy("other", models=["x"]),
        ],
        model="sms",
    )

    assert found is not None
    assert found.name == "old"


def test_no_policy_applies_to_a_model_that_none_names():
    assert read_policy([policy("other", models=["fraud-*"])], model="sms") is None


def test_a_policy_that_cannot_be_read_is_not_passed_over():
    found = read_policy([policy("broken", models=["*", 7]), policy("younger", minute=5, models=["*"])], model="sms")

    assert found is not None
    assert (found.name, found.spec) == ("broken", None)


def test_a_policy_that_is_being_deleted_applies_no_more():
    going = policy("going", models=["*"])
    going["metadata"]["deletionTimestamp"] = "2026-01-01T13:00:00Z"

    assert read_policy([going], model="sms") is None


def test_acts_come_oldest_first_and_only_those_of_which_nothing_came():
    copy = FakeCopy(version_of_act)
    acts = [
        act("b", minute=2),
        act("a", minute=1),
        act("done", status={"outcome": "Applied"}),
        act("emptied", status=None),
        act("elsewhere", on="v9"),
        {**act("rubbish"), "spec": {"modelVersion": "v2", "action": "Explode"}},
    ]
    copy.follow({(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in acts})

    found = list(acts_on(["v1", "v2"], copy, namespace="default"))

    assert [act.name for act in found if isinstance(act, Act)] == ["emptied", "a", "b"]
    (invalid,) = (act for act in found if isinstance(act, InvalidAct))
    assert (invalid.name, invalid.problem) == ("rubbish", "spec.uid: Field required")


def test_of_many_acts_that_cannot_be_read_some_are_looked_at_at_once():
    copy = FakeCopy(version_of_act)
    copy.follow({("default", str(n)): {**act(str(n)), "spec": {"modelVersion": "v2"}} for n in range(100)})

    assert len(list(acts_on(["v2"], copy, namespace="default"))) == 20
