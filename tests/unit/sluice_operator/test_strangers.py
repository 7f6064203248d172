"""What others do to our objects: it is put right, and takes nothing from anybody."""

import pytest
from making import MODEL, NAMESPACE
from world import ROUTES, SERVICES, VERSIONS, World, on_canary

from sluice_operator.api.labels import MODEL_LABEL
from sluice_operator.api.status import Phase, Verdict
from sluice_operator.serving.render import OWNER_ANNOTATION

OTHER = "mail"


@pytest.fixture
def world():
    """A model that is served."""
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    assert world.weights() == {"v1": 100}
    return world


def edit(world, plural, name, **meta):
    """Somebody gives an object other labels or annotations."""
    obj = world.api.kind(plural)[(NAMESPACE, name)]
    world.api.put(plural, {**obj, "metadata": {**obj["metadata"], **meta}})


def relabel(world, model):
    name = world.backend("v1")
    labels = world.api.kind(SERVICES)[(NAMESPACE, name)]["metadata"]["labels"]
    edit(world, SERVICES, name, labels={**labels, MODEL_LABEL: model})
    return name


def test_what_serves_another_model_is_not_swept_whatever_its_label_says(world):
    name = relabel(world, OTHER)

    world.reconcile_until_idle(model=OTHER)
    assert name in world.services()

    world.reconcile_until_idle()
    assert world.api.kind(SERVICES)[(NAMESPACE, name)]["metadata"]["labels"][MODEL_LABEL] == MODEL


def test_what_another_models_route_still_names_is_not_swept_although_its_version_is_gone(world):
    world.api.kind(VERSIONS).clear()
    name = relabel(world, OTHER)

    world.reconcile_until_idle(model=OTHER)
    assert name in world.services()

    world.delete_route()
    world.reconcile_until_idle(model=OTHER)
    assert name not in world.services()


def test_what_an_object_of_the_same_name_for_another_model_left_behind_is_swept(world):
    world.api.kind(VERSIONS).clear()
    world.delete_route()
    name = world.backend("v1")
    world.apply_version("v1", model=OTHER)

    world.reconcile_until_idle()
    assert name not in world.services()


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "Helm"}])
def test_a_rollback_goes_through_although_somebody_changed_the_labels_of_the_route(world, labels):
    world.apply_version("v2")
    world.live_on(15)
    assert world.weights() == {"v1": 50, "v2": 50}
    before = world.api.kind(ROUTES)[(NAMESPACE, MODEL)]["metadata"]["labels"]

    edit(world, ROUTES, MODEL, labels=labels)
    world.verdicts["v2"] = Verdict.FAIL
    world.reconcile_until_idle()

    assert world.weights() == {"v1": 100, "v2": 0}
    assert before.items() <= world.api.kind(ROUTES)[(NAMESPACE, MODEL)]["metadata"]["labels"].items()
    world.live_on(5)
    assert world.statuses()["v2"].phase is Phase.ROLLED_BACK


def annotate(world, name, **changes):
    """Somebody changes annotations of an InferenceService, or takes them away."""
    annotations = {**world.api.kind(SERVICES)[(NAMESPACE, name)]["metadata"]["annotations"], **changes}
    edit(world, SERVICES, name, annotations={key: value for key, value in annotations.items() if value is not None})
    world.follow(*world.copies)


@pytest.mark.parametrize("whose", ["gone", None])
def test_a_stable_whose_annotation_somebody_changed_takes_back_the_traffic_of_a_failing_candidate(whose):
    world = on_canary()
    name = world.backend("v1")
    annotate(world, name, **{OWNER_ANNOTATION: whose})
    world.verdicts["v2"] = Verdict.FAIL

    world.live_on(5)

    assert world.api.kind(SERVICES)[(NAMESPACE, name)]["metadata"]["annotations"][OWNER_ANNOTATION] == "v1"
    assert world.weights() == {"v1": 100, "v2": 0}


def test_what_lacks_our_labels_as_well_stays_foreign(world):
    name = world.backend("v1")
    labels = world.api.kind(SERVICES)[(NAMESPACE, name)]["metadata"]["labels"]
    edit(world, SERVICES, name, labels={key: value for key, value in labels.items() if "managed-by" not in key})
    annotate(world, name, **{OWNER_ANNOTATION: "gone"})

    world.reconcile_until_idle()

    assert world.statuses()["v1"].message.startswith("NameTaken")
    assert name in world.services()


def test_the_pods_of_what_serves_without_its_version_are_counted(world):
    name = world.backend("v1")
    world.api.kind(VERSIONS).pop((NAMESPACE, "v1"))
    world.start_operator()
    world.apply_version("v2")

    world.live_on(5)

    assert name in world.services()
    assert world.statuses()["v2"].capacity == 1
