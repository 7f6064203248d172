"""Before the story: steps that can be repeated, and nothing left of an earlier story."""

import sys
from pathlib import Path

import pytest

from hack.demo import prepare
from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, KubectlError
from hack.demo.prepare import PrepareError, Step, clean, install_command


def python(code):
    return Step("models", lambda: [sys.executable, "-c", code])


def test_a_step_that_fails_stops_the_demo_and_is_named():
    said = []

    with pytest.raises(PrepareError, match=r"\[1/2\] models failed with status 3"):
        prepare.prepare([python("raise SystemExit(3)"), python("")], said.append)

    assert said == ["[1/2] models"]


def test_a_step_says_when_it_begins_and_how_long_it_took():
    said = []

    prepare.prepare([python("")], said.append)

    assert said[0] == "[1/1] models"
    assert said[1].startswith("[1/1] models: ")


def test_the_chart_gets_the_images_that_were_just_built():
    command = install_command(Path("build/kubeconfig"), images={"operator": "o:1", "predictor": "p:2"})

    assert command[1:6] == ["--kubeconfig=build/kubeconfig", "upgrade", "--install", "sluice", "helm/sluice"]
    assert {"--set=image.operator=o:1", "--set=image.predictor=p:2", "--wait"} <= set(command)


class Cluster:
    """Objects that go away some looks after their ModelVersion was deleted, as with finalizers."""

    def __init__(self, objects, *, looks=2):
        self.objects = objects
        self.looks = looks
        self.asked, self.deleted = [], []
        self.selectors = set()

    async def items(self, resource, *, selector=""):
        self.selectors.add(selector)
        if resource is MODEL_VERSIONS and self.deleted:
            self.looks -= 1
            if self.looks <= 0:
                self.objects = {}
        return self.objects.get(resource, [])

    async def kubectl(self, *arguments):
        self.asked.append(arguments)
        raise KubectlError("it is gone already")

    async def delete(self, resource, name):
        self.deleted.append((resource.plural, name))


def named(name, **spec):
    return {"metadata": {"name": name}, "spec": spec}


LEFT = {
    MODEL_VERSIONS: [named("sms-1", model="sms"), named("other-1", model="other")],
    INFERENCE_SERVICES: [named("sms-1-0a1b2c3d")],
    ROUTES: [named("sms")],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(prepare, "POLL_S", 0.001)


async def test_an_earlier_story_is_deleted_and_only_that():
    cluster = Cluster(LEFT)

    assert await clean(cluster, "sms") == 1
    assert [asked[-2:] for asked in cluster.asked] == [("sms-1", "sluice.dev/delete-now=true")]
    assert cluster.deleted == [("modelversions", "sms-1")]
    assert cluster.selectors == {"", "sluice.dev/model=sms"}


async def test_nothing_is_deleted_where_nothing_is_left():
    assert await clean(Cluster({}), "sms") == 0


async def test_what_does_not_go_away_is_named(monkeypatch):
    monkeypatch.setattr(prepare, "CLEAN_DEADLINE_S", 0.01)

    with pytest.raises(PrepareError, match="modelversions/sms-1, inferenceservices/sms-1-0a1b2c3d, httproutes/sms"):
        await clean(Cluster(LEFT, looks=10_000), "sms")
