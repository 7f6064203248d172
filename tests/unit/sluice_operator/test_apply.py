"""Writes come in the order that keeps traffic safe, and never on top of what nobody has looked at."""

from dataclasses import replace

import pytest
from making import NAMESPACE
from world import ROUTES, SERVICES, VERSIONS, World, on_canary

from sluice_operator.api.status import ModelVersionStatus, Phase, Verdict
from sluice_operator.controller.writer import covers
from sluice_operator.kube.errors import ConflictError, InvalidError
from sluice_operator.rollout.plan import Preview
from sluice_operator.rollout.transitions import transition


def writes_of(world, act):
    before = len(world.api.writes)
    act()
    return [(verb, plural) for verb, plural, _ in world.api.writes[before:]]


def test_before_a_version_gets_traffic_it_cannot_vanish_and_its_status_says_why():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    world.everybody_acts()
    assert world.weights() == {"v1": 100, "v2": 0}
    world.seconds += 2
    world.follow(*world.copies)

    finalizer, *statuses, route = writes_of(world, world.reconcile)
    assert finalizer == ("patch", VERSIONS)
    assert set(statuses) == {("status", VERSIONS)}
    assert route == ("apply", ROUTES)


@pytest.mark.parametrize("seen", [True, False], ids=["route seen", "route not seen yet"])
def test_a_rollback_writes_the_route_and_lets_the_rest_wait_until_others_have_written_theirs(seen):
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL

    assert writes_of(world, world.reconcile) == [("apply", ROUTES)]
    assert world.weights() == {"v1": 100, "v2": 0}
    assert world.wake_at == world.now()
    if seen:
        world.verdicts["v2"] = Verdict.PASS  # what has recovered since stays taken back
        world.follow(*world.copies)
    assert writes_of(world, world.reconcile)[0] == ("status", VERSIONS)
    world.reconcile_until_idle()
    assert world.statuses()["v2"].phase is Phase.ROLLING_BACK


def test_a_rise_decided_on_a_route_that_has_changed_since_is_dropped():
    world = on_canary()
    world.seconds += 100
    world.edit_first_weight(70)  # the operator has not seen it yet

    assert ("apply", ROUTES) not in writes_of(world, world.reconcile)
    assert isinstance(world.refused[-1], ConflictError)
    assert world.weights() == {"v1": 70, "v2": 50}


def test_a_rollback_decided_on_a_route_that_has_changed_since_is_repeated_on_the_live_one_at_once():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL
    world.edit_first_weight(70)

    assert writes_of(world, world.reconcile)[0] == ("apply", ROUTES)
    assert world.weights() == {"v1": 100, "v2": 0}


def test_a_rollback_whose_route_somebody_deleted_is_made_good():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL
    world.delete_route()
    world.reconcile_until_idle()

    assert world.weights() == {"v1": 100}
    assert world.statuses()["v2"].phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)


def test_a_hand_edit_of_the_weights_is_put_right():
    world = on_canary()
    world.edit_first_weight(100)
    world.reconcile_until_idle()

    assert world.weights() == {"v1": 50, "v2": 50}


def one_version(**fields):
    """A world in which v1 serves."""
    world = World()
    world.apply_version("v1", **fields)
    world.live_on(10)
    assert world.weights() == {"v1": 100}
    return world


def edit(world, plural, change):
    """Somebody edits the only object of a kind by hand, and the operator gets to see it."""
    ((key, obj),) = world.api.kind(plural).items()
    changed = change(obj)
    if changed["spec"] != obj["spec"]:
        changed["metadata"] = {**changed["metadata"], "generation": obj["metadata"]["generation"] + 1}
    world.api.put(plural, changed)
    world.follow(*world.copies)
    return key


def the_only(world, plural):
    (obj,) = world.api.kind(plural).values()
    return obj


def wanted(obj):
    """What of an object is ours or anybody's to decide."""
    return obj["spec"], obj["metadata"]["labels"], obj["metadata"]["annotations"]


def kserve_defaults(plural, obj):
    """As KServe's webhook does it: quantities in another spelling, defaults, an annotation."""
    if plural != SERVICES:
        return obj
    predictor = obj["spec"]["predictor"]
    model = {**predictor["model"], "name": "", "resources": {"limits": {"cpu": "1"}}}
    meta = {**obj["metadata"], "annotations": {**obj["metadata"]["annotations"], "serving.kserve.io/format": "x"}}
    return {**obj, "metadata": meta, "spec": {"predictor": {**predictor, "model": model}}}


@pytest.mark.parametrize("webhook", [lambda _plural, obj: obj, kserve_defaults])
def test_a_plan_carried_out_twice_is_written_once(webhook):
    world = World()
    world.api.webhook = webhook
    predictor = {
        "resources": {"limits": {"cpu": "1000m"}},
        "overlay": {"priorityClassName": "high", "affinity": {"nodeAffinity": None}},
    }
    world.apply_version("v1", predictor=predictor)
    world.live_on(10)
    plan = world.plan()
    previews = (Preview(header="x-preview", value="next", backend=world.backend("v1")),)
    plan = replace(plan, route=replace(plan.route, previews=previews), replicas={"v1": 3})

    assert world.apply(plan) == 2
    assert world.apply(plan) == 0
    assert the_only(world, SERVICES)["spec"]["predictor"]["minReplicas"] == 3
    assert len(the_only(world, ROUTES)["spec"]["rules"]) == 2


def test_pods_held_for_a_rollout_are_given_back_after_it():
    world = one_version(predictor={"minReplicas": 2, "maxReplicas": 4})
    plan = world.plan()

    world.apply(replace(plan, replicas={"v1": 4}))
    assert the_only(world, SERVICES)["spec"]["predictor"]["minReplicas"] == 4
    world.apply(plan)
    assert the_only(world, SERVICES)["spec"]["predictor"]["minReplicas"] == 2


def another_rule(obj):
    return {**obj, "spec": {**obj["spec"], "rules": [obj["spec"]["rules"][0], *obj["spec"]["rules"]]}}


def a_time_limit(obj):
    (rule,) = obj["spec"]["rules"]
    return {**obj, "spec": {**obj["spec"], "rules": [{**rule, "timeouts": {"request": "1s"}}]}}


def another_host(obj):
    return {**obj, "spec": {**obj["spec"], "hostnames": ["somewhere.else"]}}


def no_marks(obj):
    return {**obj, "metadata": {**obj["metadata"], "annotations": {}}}


@pytest.mark.parametrize("change", [another_rule, a_time_limit, another_host, no_marks])
def test_a_route_edited_by_hand_is_written_anew(change):
    world = one_version()
    before = wanted(the_only(world, ROUTES))
    edit(world, ROUTES, change)

    world.reconcile_until_idle()
    assert wanted(the_only(world, ROUTES)) == before


def spec_of(**fields):
    return lambda obj: {**obj, "spec": {**obj["spec"], **fields}}


def predictor_of(**fields):
    return lambda obj: {**obj, "spec": {**obj["spec"], "predictor": {**obj["spec"]["predictor"], **fields}}}


def env_of(change):
    def changed(obj):
        spec, predictor, model = obj["spec"], obj["spec"]["predictor"], obj["spec"]["predictor"]["model"]
        model = {**model, "env": change(model["env"])}
        return {**obj, "spec": {**spec, "predictor": {**predictor, "model": model}}}

    return changed


def stopped(obj):
    annotations = {**obj["metadata"]["annotations"], "serving.kserve.io/stop": "true"}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def no_labels(obj):
    labels = {name: "another" for name in obj["metadata"]["labels"]} | {"sluice.dev/model": "sms"}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


@pytest.mark.parametrize("webhook", [lambda _plural, obj: obj, kserve_defaults])
@pytest.mark.parametrize(
    "change",
    [
        spec_of(canary=[{"trafficPercent": 5, "predictor": {"name": "next"}}]),
        spec_of(transformer={"minReplicas": 1}),
        predictor_of(canaryTrafficPercent=10),
        predictor_of(hostNetwork=True),
        predictor_of(minReplicas=9, hostNetwork=True),
        predictor_of(model={"modelFormat": {"name": "another"}, "image": "another"}),
        env_of(lambda env: [*env, {"name": "ANOTHER", "value": "x"}]),
        env_of(lambda env: [*env[1:], {"name": "ANOTHER", "value": "x"}]),
        env_of(lambda env: [{**env[0], "value": "another"}, *env[1:]]),
        env_of(lambda env: [{**env[0], "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}, *env[1:]]),
        env_of(lambda env: env[1:]),
        stopped,
        no_labels,
    ],
)
def test_an_inference_service_edited_by_hand_is_put_right(change, webhook):
    world = World()
    world.api.webhook = webhook
    world.apply_version("v1")
    world.live_on(10)
    before = wanted(the_only(world, SERVICES))
    edit(world, SERVICES, change)

    world.reconcile_until_idle()
    assert wanted(the_only(world, SERVICES)) == before


def test_who_sets_kserves_canary_is_told_that_it_was_taken_out():
    world = one_version()
    edit(world, SERVICES, spec_of(canary=[{"trafficPercent": 5}]))
    world.reconcile_until_idle()

    (event,) = [event for event in world.events if event.reason == "EditReverted"]
    assert (event.kind, event.about["metadata"]["name"]) == ("Warning", "v1")
    assert event.note.endswith("where somebody else had put it: spec.canary")


def test_who_adds_an_environment_variable_is_told_that_it_was_taken_out():
    world = one_version()
    edit(world, SERVICES, env_of(lambda env: [*env, {"name": "ANOTHER", "value": "x"}]))
    world.reconcile_until_idle()

    (event,) = [event for event in world.events if event.reason == "EditReverted"]
    assert event.note.endswith("where somebody else had put it: spec.predictor.model.env")


def test_nobody_fights_a_webhook_that_adds_an_environment_variable_to_every_write():
    world = World()
    adds = env_of(lambda env: [*(one for one in env if one["name"] != "ANOTHER"), {"name": "ANOTHER", "value": "x"}])
    world.api.webhook = lambda plural, obj: adds(obj) if plural == SERVICES else obj
    world.apply_version("v1")
    world.live_on(10)

    world.start_operator()
    assert [plural for _, plural in writes_of(world, world.reconcile_until_idle)].count(SERVICES) <= 2
    assert writes_of(world, world.reconcile) == []


def test_nobody_fights_a_webhook_that_adds_to_every_write():
    world = World()
    world.api.webhook = lambda plural, obj: (
        predictor_of(serviceAccountName="theirs")(obj) if plural == SERVICES else obj
    )
    world.apply_version("v1")
    world.live_on(10)

    world.start_operator()
    assert [plural for _, plural in writes_of(world, world.reconcile_until_idle)].count(SERVICES) <= 2
    assert writes_of(world, world.reconcile) == []
    assert the_only(world, SERVICES)["spec"]["predictor"]["serviceAccountName"] == "theirs"


def test_an_inference_service_on_its_way_out_is_left_alone_and_made_again():
    world = one_version()
    backend = world.backend("v1")
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    edit(world, SERVICES, lambda obj: {**predictor_of(minReplicas=9)(obj), "metadata": {**obj["metadata"], **going}})
    assert ("apply", SERVICES) not in writes_of(world, world.reconcile)

    del world.api.kind(SERVICES)[(NAMESPACE, backend)]
    world.live_on(10)
    assert world.backend("v1") == backend


@pytest.mark.parametrize(("going", "deleted"), [({}, 1), ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, 0)])
def test_what_belongs_to_no_version_is_deleted_once(going, deleted):
    world = one_version()
    service = the_only(world, SERVICES)
    annotations = {**service["metadata"]["annotations"], "sluice.dev/model-version": "gone"}
    meta = {**service["metadata"], "name": "orphan", "annotations": annotations, **going}
    world.api.put(SERVICES, {**service, "metadata": meta})
    world.follow(*world.copies)

    assert writes_of(world, world.reconcile) == [("delete", SERVICES)] * deleted


def test_a_version_that_kserve_refuses_says_why_and_does_not_hold_up_the_others():
    world = one_version()

    def refuse(plural, body):
        if plural == SERVICES and body["metadata"]["labels"]["sluice.dev/version"] == "v2":
            raise InvalidError(403, "admission webhook denied the request: no such runtime")

    world.api.before_write = refuse
    world.apply_version("v2")
    for _ in range(3):
        world.follow(*world.copies)
        world.reconcile()

    assert "its InferenceService is refused: 403 admission webhook denied" in world.statuses()["v2"].message
    assert isinstance(world.refused[-1], InvalidError)
    assert world.weights() == {"v1": 100}
    assert world.statuses()["v1"].phase is Phase.STABLE

    world.api.before_write = lambda _plural, _body: None
    world.live_on(15)
    assert world.weights() == {"v1": 50, "v2": 50}


def test_an_overlay_that_is_not_allowed_is_an_invalid_spec_and_nothing_runs():
    world = one_version()
    world.apply_version("v2", predictor={"overlay": {"canaryTrafficPercent": 10}})
    world.live_on(10)

    said = world.statuses()["v2"].message
    assert said == "InvalidSpec: spec.predictor.overlay.canaryTrafficPercent: traffic is decided in the route alone"
    assert world.running() == {"v1"}


def test_an_overlay_nested_without_end_is_an_invalid_spec_as_well():
    world = one_version()
    deep = {}
    for _ in range(3000):
        deep = {"a": deep}
    world.apply_version("v2", predictor={"overlay": deep})
    world.live_on(10)

    assert "InvalidSpec: spec.predictor.overlay" in world.statuses()["v2"].message
    assert world.running() == {"v1"}


def test_a_version_can_be_deleted_while_somebody_else_has_the_name_of_the_route():
    world = on_canary()
    theirs = {"labels": {"sluice.dev/model": "sms"}, "annotations": {}}
    edit(world, ROUTES, lambda obj: {**obj, "metadata": {**obj["metadata"], **theirs}})
    world.delete_version("v2")
    world.live_on(200)

    assert set(world.statuses()) == {"v1"}
    assert the_only(world, ROUTES)["metadata"]["labels"] == {"sluice.dev/model": "sms"}


def test_answers_name_their_version_also_when_its_object_is_gone():
    world = one_version()
    named = the_only(world, ROUTES)["spec"]["rules"][0]["backendRefs"][0]["filters"]
    assert named[0]["responseHeaderModifier"]["set"] == [{"name": "x-model-version", "value": "v1"}]

    del world.api.kind(VERSIONS)[(NAMESPACE, "v1")]
    world.apply_version("v2")
    world.everybody_acts()
    (rule,) = the_only(world, ROUTES)["spec"]["rules"]
    assert {ref["filters"][0]["responseHeaderModifier"]["set"][0]["value"] for ref in rule["backendRefs"]} == {
        "v1",
        "v2",
    }


def test_what_a_webhook_adds_to_an_object_is_left_alone():
    world = World()
    world.api.webhook = kserve_defaults
    world.apply_version("v1")
    world.live_on(10)
    world.start_operator()

    assert world.reconcile() == 0


def test_an_inference_service_that_somebody_deleted_is_made_again():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    before = world.backend("v1")
    del world.api.kind(SERVICES)[(NAMESPACE, before)]
    world.live_on(10)

    assert world.backend("v1") == before
    assert world.weights() == {"v1": 100}


def test_an_object_that_cannot_be_read_does_not_hold_up_the_others():
    """Its status may be refused: the API server looks at the whole object."""
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    world.apply_version("v2")
    broken = world.api.kind(VERSIONS)[(NAMESPACE, "v2")]
    world.api.put(VERSIONS, {**broken, "spec": {"model": "sms"}})
    world.api.refuse_status_of = "v2"
    world.apply_version("v3")
    world.live_on(200)

    assert world.weights() == {"v3": 100}
    assert world.refused == []


@pytest.mark.parametrize("weight", [7, 1000, 1_000_000])
def test_a_route_that_somebody_edits_is_put_right_although_a_status_is_refused(weight):
    world = on_canary()
    world.edit_first_weight(weight)
    world.gateway_takes_the_route()
    world.api.refuse_status_of = "v2"

    world.follow(*world.copies)
    world.reconcile()

    assert isinstance(world.refused[-1], InvalidError)
    assert world.weights() == {"v1": 50, "v2": 50}


def test_nobody_gets_more_while_the_status_that_would_say_so_is_refused():
    world = on_canary()
    world.api.refuse_status_of = "v2"
    world.seconds += 100

    world.follow(*world.copies)
    assert world.plan().route.weight(world.backend("v2")) > 50
    world.reconcile()

    assert isinstance(world.refused[-1], InvalidError)
    assert world.weights() == {"v1": 50, "v2": 50}


def test_a_weight_above_100_is_told_as_percent_and_keeps_no_version_from_going_on():
    world = on_canary()
    world.edit_first_weight(1000)
    world.gateway_takes_the_route()
    world.follow(*world.copies)
    world.reconcile()

    assert {name: said.weight for name, said in world.statuses().items()} == {"v1": 96, "v2": 4}
    world.live_on(300)
    assert world.weights() == {"v2": 100}
    assert world.refused == []


def test_an_object_that_cannot_be_read_says_so_in_its_status():
    world = World()
    world.apply_version("v1")
    broken = world.api.kind(VERSIONS)[(NAMESPACE, "v1")]
    world.api.put(VERSIONS, {**broken, "spec": {"model": "sms"}})
    world.reconcile_until_idle()

    said = world.statuses()["v1"]
    assert said.message == "InvalidSpec: spec.version: Field required"
    assert {c.type: c.status for c in said.conditions} == {"Ready": "False", "Stalled": "True"}
    assert world.refused == []


def test_what_a_later_operator_wrote_into_a_status_takes_nothing_else_along():
    world = World()
    world.apply_version("v1")
    world.live_on(10)
    stored = world.api.kind(VERSIONS)[(NAMESPACE, "v1")]
    promoted = world.statuses()["v1"].promoted_at
    later = {**stored["status"], "phase": "Rehearsal", "gates": [{"name": "errors", "verdict": "Perhaps"}]}
    world.api.put(VERSIONS, {**stored, "status": later})
    world.start_operator()
    world.live_on(10)

    assert (world.statuses()["v1"].phase, world.statuses()["v1"].promoted_at) == (Phase.STABLE, promoted)
    assert world.weights() == {"v1": 100}


@pytest.mark.parametrize(
    ("live", "wanted", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({}, {"a": None}, True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": "text"}, {"a": {"b": 1}}, False),
        (None, {"a": 1}, False),
    ],
)
def test_an_object_covers_what_is_wanted_of_it(live, wanted, covered):
    assert covers(live, wanted) is covered


def test_every_change_of_phase_or_step_is_told_once_and_nothing_else_is():
    world = on_canary()
    world.live_on(300)

    told = [(event.about["metadata"]["name"], event.reason) for event in world.events]
    assert told == [
        ("v1", "Deploying"),
        ("v1", "PreflightStarted"),
        ("v1", "Promoted"),
        ("v2", "Deploying"),
        ("v2", "PreflightStarted"),
        ("v2", "StepStarted"),
        ("v2", "StepStarted"),
        ("v2", "ProbationStarted"),
        ("v2", "Promoted"),
        ("v1", "Superseded"),
    ]


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_something_to_tell(phase):
    told = transition(ModelVersionStatus(), ModelVersionStatus(phase=phase, message="why"))
    assert told is not None
    assert told.note == "why"


def test_while_the_route_changes_faster_than_a_rollback_is_written_nothing_else_is():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL

    def changes_again(plural, _body):
        if plural == ROUTES:
            raise ConflictError(409, "changed")

    world.api.before_write = changes_again
    assert set(writes_of(world, world.reconcile)) == {("apply", ROUTES)}
    assert isinstance(world.refused[-1], ConflictError)
    world.api.before_write = lambda _plural, _body: None
    world.reconcile()

    assert world.weights() == {"v1": 100, "v2": 0}


def test_people_elsewhere_are_told_what_events_tell():
    world = on_canary()
    world.verdicts["v2"] = Verdict.FAIL

    world.reconcile_until_idle()

    assert [(name, told.reason, told.note) for name, told in world.notices] == [
        (event.about["metadata"]["name"], event.reason, event.note) for event in world.events
    ]
    assert ("v2", "RollbackStarted") in [(name, told.reason) for name, told in world.notices]
