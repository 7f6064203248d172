"""A pod that answers is asked where its own container does."""

from typing import Any

import pytest

from sluice_operator.serving.pods import PodAddress, pod_addresses

HTTP, GRPC = {"name": "http1", "containerPort": 9000}, {"name": "grpc", "containerPort": 8081}


def pod(name: str = "p", *, ip: Any = "10.0.0.7", ready: str = "True", ports: Any = (HTTP,), **meta: Any) -> Any:
    sidecar = {"name": "agent", "ports": [{"name": "http", "containerPort": 9081}]}
    container = {"name": "kserve-container", "ports": list(ports)}
    return {
        "metadata": {
            "name": name,
            "labels": {"serving.kserve.io/inferenceservice": "sms", "app": "isvc.sms-predictor"},
            **meta,
        },
        "spec": {"containers": [sidecar, container]},
        "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": ready}]},
    }


def urls(*pods: Any) -> list[str]:
    return [address.url for address in pod_addresses("sms", pods)]


def test_pods_are_asked_at_their_own_address_in_the_order_of_their_names():
    found = pod_addresses("sms", [pod("b", ip="10.0.0.8"), pod("a")])

    assert found == (PodAddress(pod="a", url="http://10.0.0.7:9000"), PodAddress(pod="b", url="http://10.0.0.8:9000"))


@pytest.mark.parametrize(
    ("ports", "port"), [((GRPC, HTTP), 9000), ((GRPC,), 8081), ((), 8080), (({"containerPort": 7000},), 7000)]
)
def test_the_port_is_the_one_named_http_or_the_first_or_kserves(ports, port):
    assert urls(pod(ports=ports)) == [f"http://10.0.0.7:{port}"]


def test_an_address_of_ipv6_stands_in_brackets():
    assert urls(pod(ip="fd00::7")) == ["http://[fd00::7]:9000"]


@pytest.mark.parametrize("ip", [None, "", "example.com", "10.0.0.7/evil"])
def test_a_pod_that_is_nowhere_is_not_asked(ip):
    assert urls(pod(ip=ip)) == []


def test_pods_that_get_no_requests_are_not_asked():
    going = pod(deletionTimestamp="2026-01-01T00:00:00Z")
    other = pod(labels={"serving.kserve.io/inferenceservice": "other", "app": "isvc.other-predictor"})
    canary = pod(labels={"serving.kserve.io/inferenceservice": "sms", "app": "isvc.sms-predictor-canary"})

    assert urls(pod(ready="False"), going, other, canary) == []
