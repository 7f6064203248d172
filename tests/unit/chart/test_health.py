"""Argo CD's health scripts, run by a real Lua of the version that Argo CD has, on statuses that the kinds allow."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from hack.generate import ROOT
from sluice_operator.api.action import Outcome, RolloutActionSpec, RolloutActionStatus
from sluice_operator.api.modelversion import ModelVersionSpec
from sluice_operator.api.status import ModelVersionStatus, Phase

SCRIPTS = ROOT / "docs" / "gitops" / "sluice.dev"
MODELS = {
    "ModelVersion": (ModelVersionSpec, ModelVersionStatus),
    "RolloutAction": (RolloutActionSpec, RolloutActionStatus),
}


def fixtures() -> list[Any]:
    found = []
    for kind in MODELS:
        for test in yaml.safe_load((SCRIPTS / kind / "health_test.yaml").read_text())["tests"]:
            path = SCRIPTS / kind / test["inputPath"]
            found.append(pytest.param(path, test["healthStatus"], id=f"{kind}-{path.stem}"))
    return found


def health(kind: str, obj: dict[str, Any]) -> dict[str, str]:
    """What the script says of an object; it can reach nothing of ours."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(obj, recursive=True)
    return dict(lua.execute((SCRIPTS / kind / "health.lua").read_text()))


def read(path: Path) -> dict[str, Any]:
    obj: dict[str, Any] = yaml.safe_load(path.read_text())
    return obj


@pytest.mark.parametrize(("path", "wanted"), fixtures())
def test_health_is_what_the_fixture_says(path: Path, wanted: dict[str, str]) -> None:
    obj = read(path)
    assert health(obj["kind"], obj) == wanted


@pytest.mark.parametrize(("path", "wanted"), fixtures())
def test_a_fixture_is_an_object_that_the_kind_allows(path: Path, wanted: dict[str, str]) -> None:
    obj = read(path)
    spec, status = MODELS[obj["kind"]]

    assert wanted["status"] in {"Healthy", "Progressing", "Suspended", "Degraded"}
    spec.model_validate(obj["spec"])
    status.model_validate(obj.get("status", {}))


def test_every_phase_and_every_outcome_has_a_fixture() -> None:
    objects = [read(param.values[0]) for param in fixtures()]
    statuses = {kind: [one.get("status", {}) for one in objects if one["kind"] == kind] for kind in MODELS}

    assert {one.get("phase") for one in statuses["ModelVersion"]} >= set(Phase)
    assert {one.get("outcome") for one in statuses["RolloutAction"]} >= set(Outcome)


def test_every_fixture_is_used() -> None:
    used = {param.values[0] for param in fixtures()}
    assert used == set(SCRIPTS.glob("*/testdata/*.yaml"))


@pytest.mark.parametrize("kind", MODELS)
def test_what_a_later_operator_says_is_progress(kind: str) -> None:
    obj = {"metadata": {"generation": 1}, "status": {"phase": "Dreaming", "outcome": "Dreamt"}}
    assert health(kind, obj)["status"] == "Progressing"


def test_conditions_in_any_order_say_the_same() -> None:
    obj = read(SCRIPTS / "ModelVersion" / "testdata" / "name_taken.yaml")
    obj["status"]["conditions"].reverse()
    assert health("ModelVersion", obj)["status"] == "Degraded"
