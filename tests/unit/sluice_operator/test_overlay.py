"""An overlay is a JSON merge patch as its RFC says, and keeps off what is not its to set."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import MODEL, NAMESPACE, spec

from sluice_operator.serving.foreign import without_additions
from sluice_operator.serving.overlay import UnservableError, check_overlay, merge_patch
from sluice_operator.serving.render import STOP_ANNOTATION, check_servable, render_inference_service

KEYS = st.text("abc", min_size=1, max_size=2)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)


# The merge


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(target, patch, result):
    assert merge_patch(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_a_patch_applied_twice_is_applied_once(target, patch):
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_what_a_patch_does_not_name_is_left_alone_and_what_it_takes_out_is_gone(target, patch):
    merged = merge_patch(target, patch)

    assert {key: merged[key] for key in target if key not in patch} == {
        key: value for key, value in target.items() if key not in patch
    }
    assert not {key for key, value in patch.items() if value is None} & set(merged)


@given(OBJECTS, OBJECTS)
def test_merging_alters_neither_document(target, patch):
    before = copy.deepcopy((target, patch))
    merge_patch(target, patch)

    assert (target, patch) == before


@given(OBJECTS)
def test_an_empty_patch_changes_nothing(target):
    assert merge_patch(target, {}) == target


# What an overlay may not touch


@pytest.mark.parametrize(
    ("overlay", "says"),
    [
        ({"canaryTrafficPercent": 10}, "overlay.canaryTrafficPercent: traffic is decided in the route alone"),
        ({"canary": []}, "overlay.canary: traffic"),
        ({"name": "next"}, "overlay.name: traffic"),
        ({"minReplicas": 0}, "overlay.minReplicas: spec.predictor has a field for it"),
        ({"maxReplicas": None}, "overlay.maxReplicas: spec.predictor has a field for it"),
        ({"tolerations": []}, "overlay.tolerations: spec.predictor has a field for it"),
        ({"storageUris": [{"uri": "s3://x"}]}, "overlay.storageUris: spec.source says what is served"),
        ({"sklearn": {"storageUri": "s3://x"}}, "overlay.sklearn: spec.predictor.modelFormat"),
        ({"model": None}, "overlay.model: it must stay an object"),
        ({"model": []}, "overlay.model: it must stay an object"),
        ({"model": {"storageUri": "s3://x"}}, "overlay.model.storageUri: spec.source"),
        ({"model": {"storage": {"key": "x"}}}, "overlay.model.storage: spec.source"),
        ({"model": {"args": ["--model_name=other"]}}, "overlay.model.args: spec.predictor has a field for it"),
        ({"model": {"env": None}}, "overlay.model.env: spec.predictor has a field for it"),
        ({"model": {"runtime": "other"}}, "overlay.model.runtime: spec.predictor.modelFormat and runtime"),
        ({"labels": {"sluice.dev/version": "2"}}, "overlay.labels['sluice.dev/version']: it belongs to"),
        ({"labels": {"app": "x"}}, "overlay.labels['app']"),
        ({"labels": {"serving.kserve.io/inferenceservice": "x"}}, "overlay.labels['serving"),
        ({"labels": None}, "overlay.labels: it must be an object"),
        ({"annotations": {STOP_ANNOTATION: "true"}}, "overlay.annotations['serving.kserve.io/stop']"),
        ({"annotations": {"sluice.dev/model-version": "x"}}, "overlay.annotations['sluice.dev"),
        ({"annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": "x"}}, "overlay.annotations['"),
        ({"containers": {"name": "x"}}, "overlay.containers: it must be a list"),
        ({"containers": ["x"]}, "overlay.containers[0]: it must be an object"),
        ({"containers": [{"name": "kserve-container"}]}, "overlay.containers[0]: kserve-container is the model's own"),
        (
            {"initContainers": [{"name": "a"}, {"name": "b", "env": [{"name": "SLUICE_MODEL_DIGEST"}]}]},
            "overlay.initContainers[1].env: SLUICE_MODEL_DIGEST is the operator's",
        ),
        ({"containers": [{"args": ["--model_name", "x"]}]}, "overlay.containers[0].args: --model_name is the"),
    ],
)  # fmt: skip
def test_an_overlay_that_touches_what_is_not_its_own_is_refused_by_name(overlay, says):
    with pytest.raises(UnservableError) as caught:
        check_overlay(overlay)

    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    "overlay",
    [
        {},
        {"affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": [{"maxSkew": 1}]},
        {"volumes": [{"name": "cache", "emptyDir": {}}], "model": {"volumeMounts": [{"name": "cache"}]}},
        {"containers": [{"name": "side", "args": ["--verbose"], "env": [{"name": "A", "value": "1"}]}]},
        {"containers": [{"name": "side", "args": "not a list", "env": "neither"}]},
        {"labels": {"team": "ml", "example.com/app": "x"}},
        {"annotations": {"serving.kserve.io/autoscalerClass": "none"}},
        {"scaleMetric": "cpu", "scaleTarget": 60, "deploymentStrategy": {"type": "Recreate"}},
        {"serviceAccountName": "reader", "model": {"protocolVersion": "v2", "command": ["serve"]}},
    ],
)
def test_everything_else_is_kserves_to_judge(overlay):
    check_overlay(overlay)


FIELDS = st.sampled_from(["model", "args", "env", "minReplicas", "labels", "containers", "storageUri", "name", "a"])
OVERLAYS = st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON, max_size=2), max_size=2)


@given(OVERLAYS)
def test_whatever_an_overlay_holds_it_is_refused_in_words_or_leaves_ours_alone(asked):
    try:
        check_overlay(asked)
    except UnservableError:
        return
    plain, laid = rendered()["spec"]["predictor"], rendered(predictor={"overlay": asked})["spec"]["predictor"]

    assert {key: laid["model"][key] for key in plain["model"]} == plain["model"]
    assert (laid["minReplicas"], laid["maxReplicas"]) == (plain["minReplicas"], plain["maxReplicas"])


@pytest.mark.parametrize("nest", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_an_overlay_deeper_than_anybody_needs_is_refused_however_deep_it_is(nest):
    deep = {}
    for _ in range(20_000):
        deep = nest(deep)

    with pytest.raises(UnservableError, match="nested deeper"):
        check_overlay({"affinity": deep})


# What a version may not ask for


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ([{"name": "SLUICE_MODEL_DIGEST", "value": "x"}], "env: SLUICE_MODEL_DIGEST is set by the operator"),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "env: A is given twice"),
    ],
)
def test_a_variable_is_set_once(env, says):
    with pytest.raises(UnservableError) as caught:
        check_servable(spec("1.0.0", predictor={"env": env}))

    assert str(caught.value) == says


def test_what_can_be_served_passes():
    check_servable(spec("1.0.0", predictor={"env": [{"name": "A", "value": "1"}], "overlay": {"hostIPC": False}}))
    with pytest.raises(UnservableError):
        check_servable(spec("1.0.0", predictor={"overlay": {"minReplicas": 3}}))


# Laid over what the operator renders


def rendered(**fields):
    return render_inference_service(
        name="be",
        namespace=NAMESPACE,
        owner="mv",
        spec=spec("1.1.0", **fields),
        runtime="r",
        stopped=False,
        replicas=1,
    )


def test_an_overlay_adds_to_the_predictor_and_to_its_model():
    overlay = {"priorityClassName": "high", "model": {"livenessProbe": {"periodSeconds": 5}}}
    predictor = rendered(predictor={"overlay": overlay, "nodeSelector": {"disk": "fast"}})["spec"]["predictor"]

    assert predictor["priorityClassName"] == "high"
    assert predictor["nodeSelector"] == {"disk": "fast"}
    assert predictor["model"]["livenessProbe"] == {"periodSeconds": 5}
    assert predictor["model"]["args"] == [f"--model_name={MODEL}"]
    assert "overlay" not in predictor["model"]


# What others added


def test_nothing_is_taken_out_of_what_stands_as_it_was_rendered():
    assert without_additions(rendered(), rendered()) == {}


def test_what_kserves_webhook_adds_is_no_addition():
    live = copy.deepcopy(rendered())
    live["spec"]["predictor"]["automountServiceAccountToken"] = False
    live["spec"]["predictor"]["model"] |= {"name": "", "protocolVersion": "v2", "resources": {"limits": {"cpu": "1"}}}
    live["metadata"]["annotations"]["serving.kserve.io/model-format"] = "transformers"

    assert without_additions(live, rendered()) == {}


def test_another_canary_another_image_and_another_transformer_go_and_so_does_a_stop_by_hand():
    live = copy.deepcopy(rendered())
    live["spec"] |= {"canary": [{"trafficPercent": 5}], "transformer": {}}
    live["spec"]["predictor"] |= {"canaryTrafficPercent": 5, "hostNetwork": True}
    live["spec"]["predictor"]["model"]["image"] = "another"
    live["metadata"]["annotations"][STOP_ANNOTATION] = "true"

    assert without_additions(live, rendered()) == {
        "spec": {
            "canary": None,
            "transformer": None,
            "predictor": {"canaryTrafficPercent": None, "hostNetwork": None, "model": {"image": None}},
        },
        "metadata": {"annotations": {STOP_ANNOTATION: None}},
    }


def test_entries_that_others_added_to_lists_with_keys_go_and_what_the_api_server_fills_in_stays():
    overlay = {"model": {"ports": [{"containerPort": 9000}], "volumeMounts": [{"name": "a", "mountPath": "/a"}]}}
    ours = rendered(predictor={"overlay": overlay, "env": [{"name": "A", "value": "1"}]})
    live = copy.deepcopy(ours)
    model = live["spec"]["predictor"]["model"]
    model["ports"][0]["protocol"] = "TCP"
    model["args"] = ["--another"]  # has no keys: server-side apply puts it back
    assert without_additions(live, ours) == {}

    model["volumeMounts"].append({"name": "b", "mountPath": "/b"})
    assert without_additions(live, ours) == {
        "spec": {"predictor": {"model": {"volumeMounts": overlay["model"]["volumeMounts"]}}}
    }


def test_what_an_overlay_adds_is_ours():
    overlay = {"hostNetwork": True, "model": {"image": "mine"}}
    live = rendered(predictor={"overlay": overlay})

    assert without_additions(live, live) == {}
    assert without_additions(live, rendered())["spec"]["predictor"] == {"hostNetwork": None, "model": {"image": None}}
