"""What serves a version: its name, its InferenceService, and why it is not ready."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import MODEL, NAMESPACE, spec

from sluice_operator.api.modelversion import ModelVersionSpec
from sluice_operator.serving.names import backend_name
from sluice_operator.serving.read import by_backend, owner, read_backend
from sluice_operator.serving.render import OWNER_ANNOTATION, STOP_ANNOTATION, render_inference_service

OBJECT_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True)


# Names


@given(OBJECT_NAMES)
def test_a_name_is_one_that_kserve_and_dns_take(name):
    made = backend_name(name, spec("1.0.0"), namespace="default")

    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", made)
    assert len(made) <= 48


def test_same_content_has_the_same_name_whatever_the_order_it_was_written_in():
    one = spec("1.0.0", predictor={"nodeSelector": {"a": "1", "b": "2"}, "runtime": "r"})
    other = spec("1.0.0", predictor={"runtime": "r", "nodeSelector": {"b": "2", "a": "1"}})

    assert backend_name("sms-1-0-0", one, namespace="default") == backend_name("sms-1-0-0", other, namespace="default")


@pytest.mark.parametrize(
    "fields",
    [
        {"predictor": {"minReplicas": 2}},
        {"predictor": {"maxReplicas": 9}},
        {"rollout": {"readyTimeout": "1h"}},
        {"rollout": None},
        {"paused": True},
        {"predictor": {"overlay": {}}},
    ],
)
def test_what_may_change_does_not_change_the_name(fields):
    assert backend_name("sms", spec("1.0.0", **fields), namespace="default") == backend_name(
        "sms", spec("1.0.0"), namespace="default"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "other"},
        {"source": {"storageUri": "pvc://models/other"}},
        {"source": {"storageUri": "pvc://models/1.0.0", "digest": "sha256:" + "0" * 64}},
        {"predictor": {"runtime": "other"}},
        {"predictor": {"args": ["--x"]}},
        {"predictor": {"env": [{"name": "A", "value": "1"}]}},
        {"predictor": {"resources": {"limits": {"cpu": 1}}}},
        {"predictor": {"nodeSelector": {"disk": "fast"}}},
        {"predictor": {"tolerations": [{"key": "gpu"}]}},
        {"predictor": {"overlay": {"priorityClassName": "high"}}},
        {"predictor": {"overlay": {"priorityClassName": None}}},
        {"lineage": {"code": "abc"}},
    ],
)
def test_other_content_has_another_name(fields):
    assert backend_name("sms", spec("1.0.0", **fields), namespace="default") != backend_name(
        "sms", spec("1.0.0"), namespace="default"
    )


def test_a_name_outlives_the_operator_that_gave_it():
    """What is running must be found again under its name, whatever fields the API has gained since."""
    lineage = {"parent": "0.9.0", "dataset": "d", "code": "c", "run": "r"}
    plain = spec("1.0.0", rollout=None)
    full = spec(
        "1.0.0",
        source={"storageUri": "pvc://m", "digest": "sha256:" + "0" * 64},
        predictor={"runtime": "r", "args": ["-v"], "env": [{"name": "A", "value": "1"}], "nodeSelector": {"disk": "x"}},
        lineage=lineage,
    )

    assert backend_name("sms", plain, namespace="default") == "sms-1140cf40"
    assert backend_name("sms", full, namespace="default") == "sms-749af5e4"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def shuffled(value, random):
    """The same JSON, with the fields of every object in another order."""
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return value


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.randoms(use_true_random=False))
def test_an_overlay_written_in_another_order_is_the_same_content(overlay, random):
    one, other = (spec("1.0.0", predictor={"overlay": each}) for each in (overlay, shuffled(overlay, random)))

    assert backend_name("sms", one, namespace="default") == backend_name("sms", other, namespace="default")


@given(*[st.dictionaries(st.text(max_size=2), JSON, max_size=3)] * 2)
def test_another_overlay_is_other_content(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    names = {backend_name("sms", spec("1", predictor={"overlay": each}), namespace="default") for each in (one, other)}

    assert len(names) == (1 if same else 2)


def test_a_name_that_would_start_with_a_digit_gets_a_letter():
    assert backend_name("1.0.0", spec("1.0.0"), namespace="default").startswith("v-1-0-0-")


# Rendering


def rendered(*, runtime="transformers", stopped=False, replicas=None, **fields):
    of = spec("1.1.0", **fields)
    least = of.predictor.min_replicas if replicas is None else replicas
    return render_inference_service(
        name="be", namespace=NAMESPACE, owner="mv", spec=of, runtime=runtime, stopped=stopped, replicas=least
    )


@pytest.mark.parametrize("namespace", ["default", "a-team-with-a-long-name", "n" * 42])
def test_kserve_can_make_a_host_name_of_the_name_and_its_namespace(namespace):
    made = backend_name("a-version-with-a-name-longer-than-anybody-needs", spec("1.0.0"), namespace=namespace)

    assert len(f"{made}-predictor-{namespace}") <= 63
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", made)


def test_every_version_answers_under_the_name_of_its_model():
    model = rendered(predictor={"args": ["--verbose"]})["spec"]["predictor"]["model"]

    assert model["args"] == ["--verbose", f"--model_name={MODEL}"]
    assert model["storageUri"] == "pvc://models/1.1.0"
    assert model["runtime"] == "transformers"
    assert model["modelFormat"] == {"name": "transformers"}


def test_kserve_makes_no_route_of_its_own_and_pods_say_what_they_serve():
    meta = rendered()["metadata"]

    assert meta["labels"] == {
        "app.kubernetes.io/managed-by": "sluice",
        "networking.kserve.io/visibility": "cluster-local",
        "sluice.dev/model": MODEL,
        "sluice.dev/version": "1.1.0",
    }
    assert meta["annotations"] == {"serving.kserve.io/deploymentMode": "Standard", OWNER_ANNOTATION: "mv"}
    assert "ownerReferences" not in meta


def test_what_may_change_never_reaches_the_pod_template():
    """Changed labels, annotations or environment would restart the pods."""
    less, more = rendered(), rendered(predictor={"minReplicas": 2, "maxReplicas": 9}, rollout=None)

    assert less["metadata"] == more["metadata"]
    assert less["spec"]["predictor"]["model"] == more["spec"]["predictor"]["model"]
    assert (more["spec"]["predictor"]["minReplicas"], more["spec"]["predictor"]["maxReplicas"]) == (2, 9)


def test_a_rollout_may_hold_more_pods_than_the_version_asks_for():
    held = rendered(replicas=5, predictor={"minReplicas": 1, "maxReplicas": 3})["spec"]["predictor"]

    assert (held["minReplicas"], held["maxReplicas"]) == (5, 5)


def test_the_autoscaler_is_kserves():
    """With replicas as a lower bound the operator and an autoscaler cannot undo each other's work."""
    assert "serving.kserve.io/autoscalerClass" not in rendered(replicas=5)["metadata"]["annotations"]


def test_the_parts_of_a_pod_go_where_kserve_expects_them():
    given_ = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}},
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    }
    predictor = rendered(predictor=given_)["spec"]["predictor"]

    assert predictor["nodeSelector"] == {"disk": "fast"}
    assert predictor["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert predictor["model"]["resources"] == {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}
    assert predictor["model"]["env"][0] == given_["env"][0]
    assert "nodeSelector" not in predictor["model"]


def test_the_predictor_is_told_which_version_it_must_serve():
    digest = "sha256:" + "a" * 64
    source = {"storageUri": "pvc://models/1.1.0", "digest": digest}
    model = rendered(source=source)["spec"]["predictor"]["model"]

    assert {"name": "SLUICE_MODEL_VERSION", "value": "1.1.0"} in model["env"]
    assert {"name": "SLUICE_MODEL_DIGEST", "value": digest} in model["env"]


def test_without_a_runtime_kserve_chooses_by_format():
    assert "runtime" not in rendered(runtime="")["spec"]["predictor"]["model"]


def test_stopping_changes_nothing_but_the_annotation_by_which_kserve_stops():
    running, stopped = rendered(), rendered(stopped=True)

    assert stopped["metadata"]["annotations"].pop(STOP_ANNOTATION) == "true"
    assert stopped == running


# Reading


def service(*, ready="True", annotations=None, **status):
    return {
        "metadata": {"name": "be", "annotations": {OWNER_ANNOTATION: "mv", **(annotations or {})}},
        "status": {"conditions": [{"type": "Ready", "status": ready}], **status},
    }


def pod(*, ready=True, containers=(), conditions=(), phase="Running", app="isvc.be-predictor", **meta):
    labels = {"serving.kserve.io/inferenceservice": "be", "app": app}
    return {
        "metadata": {"name": "p", "labels": labels, **meta},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready)}, *conditions],
            "containerStatuses": list(containers),
        },
    }


def read(found, *pods):
    return read_backend(name="be", version="mv", service=found, pods=pods)


def test_a_version_may_get_traffic_when_kserve_and_one_pod_say_so():
    assert read(service(), pod(ready=False), pod()).ready
    assert read(service(), pod()).problem is None


@pytest.mark.parametrize(
    ("found", "pods"),
    [
        (service(ready="False"), [pod()]),
        (service(ready="Unknown"), [pod()]),
        ({"metadata": {"annotations": {OWNER_ANNOTATION: "mv"}}}, [pod()]),
        (service(), []),
        (service(), [pod(ready=False)]),
        (service(), [pod(deletionTimestamp="2026-01-01T00:00:00Z")]),
        (service(annotations={STOP_ANNOTATION: "true"}), [pod()]),
    ],
)
def test_a_version_gets_no_traffic_otherwise(found, pods):
    seen = read(found, *pods)

    assert not seen.ready
    assert seen.problem


def asks_for(replicas):
    return {**service(), "spec": {"predictor": {"minReplicas": replicas}}}


GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("found", "pods", "available", "desired"),
    [
        (asks_for(2), [], 0, 2),
        (asks_for(2), [pod()], 1, 2),
        (asks_for(2), [pod(), pod(), pod(ready=False)], 2, 3),
        (asks_for(1), [pod(), pod(**GOING), pod(ready=False, **GOING)], 1, 1),
        (asks_for(1), [pod(), pod(ready=False, phase="Failed"), pod(ready=False, phase="Succeeded")], 1, 1),
        (asks_for(1), [pod(), pod(app="isvc.be-canary-predictor"), pod(app="isvc.be-predictor-worker")], 1, 1),
        (service(), [pod()], 1, 1),
        (service(annotations={STOP_ANNOTATION: "true"}), [], 0, 0),
    ],
)
def test_pods_that_answer_are_counted_and_so_are_those_that_are_to_come(found, pods, available, desired):
    seen = read(found, *pods)

    assert (seen.available, seen.desired) == (available, desired)


@pytest.mark.parametrize(
    ("added", "field"),
    [
        ({"canary": [{"trafficPercent": 5}]}, "spec.canary"),
        ({"transformer": {"minReplicas": 1}}, "spec.transformer"),
        ({"predictor": {"canaryTrafficPercent": 0}}, "spec.predictor.canaryTrafficPercent"),
    ],
)
def test_who_divides_the_traffic_elsewhere_is_told_that_it_cannot_stay(added, field):
    seen = read({**service(), "spec": added}, pod())

    assert seen.refused == f"{field} of its InferenceService was set by somebody else: traffic is decided in the route"
    assert read(service(), pod()).refused is None


def test_a_version_without_its_inference_service_says_so():
    seen = read(None)

    assert (seen.exists, seen.ready) == (False, False)
    assert "not there yet" in seen.problem


@pytest.mark.parametrize("annotations", [{}, {OWNER_ANNOTATION: "another"}])
def test_what_was_not_made_for_the_version_is_foreign(annotations):
    found = {"metadata": {"name": "be", "annotations": annotations}}

    assert read(found, pod()).foreign
    assert not read(found, pod()).ready


def waiting(why, message=None, *, said=None, code=1, reason="Error"):
    last = {"terminated": {"exitCode": code, "reason": reason, "message": said}} if said else {}
    return {"state": {"waiting": {"reason": why, "message": message}}, "lastState": last}


@pytest.mark.parametrize(
    ("container", "problem"),
    [
        (waiting("ImagePullBackOff", "no such image"), "ImagePullBackOff: no such image"),
        (waiting("CreateContainerConfigError", "no secret s"), "CreateContainerConfigError: no secret s"),
        (
            waiting("CrashLoopBackOff", "back-off 5m0s restarting", said="digest is not sha256:aaa\n"),
            "CrashLoopBackOff: digest is not sha256:aaa",
        ),
        (waiting("CrashLoopBackOff", "back-off 5m0s restarting"), "CrashLoopBackOff: back-off 5m0s restarting"),
        (
            {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
            "OOMKilled: it needed more memory than its limit allows",
        ),
        (
            waiting("CrashLoopBackOff", "back-off 5m0s restarting", said="so far so good", reason="OOMKilled"),
            "CrashLoopBackOff: it needed more memory than its limit allows",
        ),
        (
            waiting("CrashLoopBackOff", "back-off 5m0s restarting", said="so far so good", code=137),
            "CrashLoopBackOff: it was ended by signal 9",
        ),
        (
            {"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1, "message": "no model"}}},
            "restarted: no model",
        ),
        (waiting("ContainerCreating"), "its pods are starting"),
        ({"state": {"running": {}}}, "its pods are starting"),
    ],
)  # fmt: skip
def test_the_problem_is_told_in_the_pods_own_words(container, problem):
    assert read(service(ready="False"), pod(ready=False, containers=[container])).problem == problem


def test_a_pod_that_finds_no_node_says_why():
    why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}

    seen = read(service(ready="False"), pod(ready=False, conditions=[why]))

    assert seen.problem == "Unschedulable: 0/1 nodes are available"


def test_a_download_that_fails_is_told_too():
    failing = pod(ready=False)
    failing["status"]["initContainerStatuses"] = [waiting("CrashLoopBackOff", said="no such directory")]

    assert read(service(ready="False"), failing).problem == "CrashLoopBackOff: no such directory"


def test_kserves_own_word_is_passed_on_where_there_is_no_pod():
    failed = service(ready="False", modelStatus={"lastFailureInfo": {"reason": "NoRuntime", "message": "no r"}})

    assert read(failed).problem == "NoRuntime: no r"


def test_a_runtime_that_is_not_there_is_named():
    info = {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"}
    waits = service(ready="Unknown", modelStatus={"lastFailureInfo": info})
    waits["spec"] = {"predictor": {"model": {"runtime": "nobody-has-it"}}}

    assert read(waits).problem == f"{info['reason']}: {info['message']}: nobody-has-it"


def test_a_long_problem_is_cut():
    container = waiting("CrashLoopBackOff", said="x" * 5000)

    assert len(read(service(ready="False"), pod(ready=False, containers=[container])).problem) == 400


def test_pods_are_grouped_by_what_they_serve_and_others_are_left_out():
    stray = {"metadata": {"name": "x"}}

    assert {name: len(pods) for name, pods in by_backend([pod(), pod(), stray]).items()} == {"be": 2}


def test_the_owner_of_what_was_rendered_can_be_read():
    assert owner(rendered()) == "mv"
    assert owner({"metadata": {"name": "x"}}) is None


def test_a_spec_survives_the_wire():
    given_ = spec("1.0.0", predictor={"resources": {"limits": {"cpu": 2}}}, rollout=None)

    wire = given_.model_dump(mode="json", by_alias=True)
    assert ModelVersionSpec.model_validate(wire) == given_
