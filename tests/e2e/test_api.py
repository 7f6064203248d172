"""What people type: malformed objects are refused with the field's name, kubectl shows and explains the rest."""

import json
from typing import Any

import pytest

from hack.demo.kube import Cluster, KubectlError
from tests.e2e.model import Model

STEP = {"weight": 10, "hold": "1m"}
GATE = {"name": "errors", "metric": "error-rate", "limit": {"above": 0.1}}


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.model", {"model": "Not_A_Name"}),
        ("spec.version", {"version": "not a label"}),
        ("spec.source.storageUri", {"source": {"storageUri": "nowhere"}}),
        ("spec.source.digest", {"source": {"storageUri": "pvc://a/b", "digest": "md5:1"}}),
        ("spec.predictor.minReplicas", {"predictor": {"minReplicas": 0}}),
        ("spec.predictor.resources.limits.cpu", {"predictor": {"resources": {"limits": {"cpu": "much"}}}}),
        ("minReplicas must not exceed maxReplicas", {"predictor": {"minReplicas": 4, "maxReplicas": 2}}),
        ("spec.rollout.steps[0].weight", {"rollout": {"steps": [{**STEP, "weight": 100}]}}),
        ("spec.rollout.steps[0].hold", {"rollout": {"steps": [{**STEP, "hold": "soon"}]}}),
        ("spec.rollout.steps", {"rollout": {"steps": [{**STEP, "weight": 50}, STEP]}}),
        ("slowerThan", {"rollout": {"analysis": {"gates": [{**GATE, "metric": "latency"}]}}}),
        ("spec.rollout.analysis.gates", {"rollout": {"analysis": {"gates": []}}}),
        ('unknown field "spec.rolout"', {"rolout": {}}),
    ],
)
async def test_a_malformed_version_is_refused_with_the_name_of_the_field(
    cluster: Cluster, field: str, spec: dict[str, Any]
) -> None:
    manifest = Model(cluster, "e2e-malformed").manifest("1", **spec)
    with pytest.raises(KubectlError) as refused:
        await cluster.apply(manifest)
    assert field in str(refused.value)


async def test_what_shapes_a_version_cannot_be_changed_and_replicas_can(model: Model) -> None:
    await model.apply("1")
    for changed in ({"source": {"storageUri": "pvc://models/sms/1.3.0"}}, {"predictor": {"args": ["--other"]}}):
        with pytest.raises(KubectlError, match="immutable: make a new ModelVersion instead"):
            await model.apply("1", **changed)
    await model.apply("1", predictor={"minReplicas": 2, "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}}})


async def test_kubectl_shows_the_columns_and_explains_every_field(cluster: Cluster) -> None:
    explained = await cluster.kubectl("explain", "modelversion.spec", "--recursive=false")
    for sentence in ("What is rolled out", "Where the version's files are", "What KServe runs to serve the version"):
        assert sentence in explained
    columns = await cluster.kubectl(
        "get",
        "crd",
        "modelversions.sluice.dev",
        "-o",
        "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}",
    )
    assert columns == "Model Version Phase Weight Step Ready Age Verdict Reason Digest"


async def test_who_may_not_create_inference_services_gets_none_through_a_version(cluster: Cluster) -> None:
    may = ("create", "rolebinding", "e2e-author", "--clusterrole=e2e-author", "--user=e2e-author")
    await cluster.kubectl(
        "create", "clusterrole", "e2e-author", "--verb=create,get,patch", "--resource=modelversions.sluice.dev"
    )
    await cluster.kubectl(*may)
    try:
        with pytest.raises(KubectlError, match="may not create inferenceservices"):
            await cluster.kubectl(
                "apply", "--as=e2e-author", "-f", "-", stdin=json.dumps(Model(cluster, "e2e-deputy").manifest("1"))
            )
    finally:
        await cluster.kubectl("delete", "rolebinding", "e2e-author")
        await cluster.kubectl("delete", "clusterrole", "e2e-author")
