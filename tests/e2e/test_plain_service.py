"""KServe alone, without ModelVersions, serves with our runtime: the cluster's or a namespace's, in every protocol."""

import subprocess
from collections.abc import AsyncIterator

import httpx
import pytest
import yaml
from kserve import InferenceGRPCClient, InferInput, InferRequest

from examples.sms import messages
from hack.cluster.kind import GATEWAY_PORT
from hack.demo.kube import Cluster, tool
from hack.demo.traffic import Target, Traffic
from tests.e2e.clients import answering
from tests.e2e.plain import PlainNamespace, plain_namespace, runtime

TEXT = "Your a/c XX1234 debited for Rs.5000"


@pytest.fixture
async def namespace(installed: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[PlainNamespace]:
    """A namespace named after the test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:30].rstrip("-")
    async with plain_namespace(installed, f"e2e-{name}") as made:
        yield made


def shared_runtime() -> str:
    """The cluster's runtime, by name."""
    name: str = runtime("ClusterServingRuntime")["metadata"]["name"]
    return name


async def test_plain_service_answers_in_every_protocol(namespace: PlainNamespace) -> None:
    await namespace.serve("sms", runtime=shared_runtime())

    async with namespace.forward("sms", 8080) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        v1 = await client.post("/v1/models/sms:predict", json={"instances": [TEXT]})
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}
        v2 = await client.post("/v2/models/sms/infer", json={"inputs": [tensor]})
    async with namespace.forward("sms", 8081) as address:
        grpc = InferenceGRPCClient(address)
        assert await grpc.is_server_ready()
        assert await grpc.is_model_ready("sms")
        inputs = [InferInput(name="text", shape=[1], datatype="BYTES", data=[TEXT.encode()])]
        answer = await grpc.infer(InferRequest(model_name="sms", infer_inputs=inputs))
        await grpc.close()

    assert v1.headers["x-model-version"] == "1.0.0"
    label = v1.json()["predictions"][0]["label"]
    assert label == "debit"
    assert v2.json()["model_version"] == "1.0.0"
    assert v2.json()["outputs"][0]["data"] == [label]
    assert [output.as_numpy().tolist() for output in answer.outputs if output.name == "label"] == [[label.encode()]]


async def test_plain_service_uses_its_namespaces_runtime(namespace: PlainNamespace) -> None:
    manifest = runtime("ServingRuntime")
    manifest["metadata"]["name"] = "ours-alone"
    await namespace.cluster.apply(manifest)

    await namespace.serve("sms", runtime="ours-alone")

    async with namespace.forward("sms", 8080) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.post("/v1/models/sms:predict", json={"instances": [TEXT]})
    assert answer.json()["predictions"][0]["label"] == "debit"


async def test_plain_service_restarts_without_losing_a_request(namespace: PlainNamespace) -> None:
    await namespace.serve("sms", runtime=shared_runtime(), replicas=2)
    hostname = f"sms.{namespace.name}.sluice.local"
    await namespace.publish("sms", hostname=hostname)
    before = await namespace.pods("sms")
    target = Target(f"http://127.0.0.1:{GATEWAY_PORT}/v1/models/sms:predict", host=hostname)

    async with Traffic(target, (message.text for message in messages.stream(seed=1))) as traffic:
        await answering(traffic)
        traffic.start()
        await traffic.more(100)
        await namespace.restart("sms")
        await traffic.more(100)

    after = await namespace.pods("sms")
    assert len(before) == len(after) == 2
    assert before.keys().isdisjoint(after)
    assert [answer for answer in traffic.answers if not answer.ok] == []
    assert traffic.held_back == 0


def test_the_shipped_manifest_is_what_the_chart_installs(installed: Cluster) -> None:
    shipped = runtime("ClusterServingRuntime")

    command = [tool("helm"), "get", "manifest", "sluice", "--namespace=sluice-system"]
    rendered = subprocess.check_output([*command, f"--kubeconfig={installed.kubeconfig}"], text=True)

    # A release that was upgraded knows the former runtimes as well.
    runtimes = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] == "ClusterServingRuntime"]
    (found,) = [one for one in runtimes if one["metadata"]["name"] == shipped["metadata"]["name"]]
    assert found["spec"] == shipped["spec"]
