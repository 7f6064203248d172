"""The CRD says exactly what the models say, in the subset of JSON schema that the API server takes."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, Field

from sluice_operator.api.crd import KINDS, crd
from sluice_operator.api.modelversion import ModelVersionSpec
from sluice_operator.api.schema import NotStructuralError, structural_schema

ROOT = Path(__file__).parents[3]
MADE = {kind.kind: crd(kind)["spec"]["versions"][0] for kind in KINDS}
SCHEMA = MADE["ModelVersion"]["schema"]["openAPIV3Schema"]
MANIFESTS = sorted((ROOT / "examples/sms/manifests").glob("*.yaml"))
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
IN_DOCS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/rollouts.md").read_text(), re.DOTALL)


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], f"{path}[]")


FIELDS = [
    (f"{kind}.{path}", field)
    for kind, version in MADE.items()
    for part, schema in version["schema"]["openAPIV3Schema"]["properties"].items()
    if part in ("spec", "status")
    for path, field in nodes(schema, part)
]


def test_what_is_generated_is_what_is_committed():
    done = subprocess.run(
        [sys.executable, "-m", "hack.generate", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, field in FIELDS if not path.endswith("[]")])
def test_every_field_explains_itself_to_kubectl_explain(path, field):
    assert field.get("description"), path


def test_the_schema_is_structural():
    for path, field in FIELDS:
        assert "type" in field or field.get("x-kubernetes-int-or-string"), path
        assert not {"$ref", "$defs", "anyOf", "allOf", "title", "const"} & field.keys(), path
        assert all(branch.keys() == {"required"} for branch in field.get("oneOf", ())), path
        assert not ("properties" in field and "additionalProperties" in field), path


def test_everything_people_write_is_bounded_so_that_the_cost_of_its_rules_is():
    for path, field in FIELDS:
        if ".spec" not in path:
            continue
        if field.get("type") == "string" and "enum" not in field:
            assert "maxLength" in field, path
        if field.get("type") == "array":
            assert "maxItems" in field, path
        if "additionalProperties" in field:
            assert "maxProperties" in field, path


def test_columns_show_fields_that_exist():
    known = {path.replace("[]", "") for path, _ in FIELDS}
    for kind, version in MADE.items():
        for column in version["additionalPrinterColumns"]:
            plain = column["jsonPath"].replace("[*]", "").replace("[?(@.type=='Ready')]", "")
            assert kind + plain in known or plain == ".metadata.creationTimestamp", column


def test_the_shape_of_a_pod_and_what_identifies_a_version_are_immutable():
    spec = SCHEMA["properties"]["spec"]
    said = [rule["message"].split()[0] for rule in spec["x-kubernetes-validations"]]
    assert said == ["model", "version", "source", "lineage"]
    predictor = spec["properties"]["predictor"]
    frozen = {r["message"].split()[0] for r in predictor["x-kubernetes-validations"] if "immutable" in r["message"]}
    # CEL does not see what an overlay holds: admission and the operator compare it.
    assert frozen == predictor["properties"].keys() - {"minReplicas", "maxReplicas", "overlay"}


# What has no counterpart is refused


class Tree(BaseModel):
    children: "list[Tree]"


class Union(BaseModel):
    value: int | str


class Nested(BaseModel):
    inner: list[Union]


class Untyped(BaseModel):
    anything: Any


class Pair(BaseModel):
    pair: tuple[int, str]


class Shortest(BaseModel):
    values: dict[Annotated[str, Field(min_length=1)], int]


class Kind1(BaseModel):
    kind: Literal["1"]


class Kind2(BaseModel):
    kind: Literal["2"]


class Choice(BaseModel):
    """One of two kinds, told apart by a field."""

    value: Annotated[Kind1 | Kind2, Field(discriminator="kind")]


class Named(BaseModel):
    values: dict[Annotated[str, Field(max_length=9)], int]


def test_the_length_of_names_is_a_rule_because_server_side_apply_refuses_what_a_crd_cannot_say():
    values = structural_schema(Named)["properties"]["values"]
    assert "propertyNames" not in values
    assert [rule["rule"] for rule in values["x-kubernetes-validations"]] == ["self.all(name, name.size() <= 9)"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Tree, r"Tree\.children\[\]: Tree contains itself"),
        (Union, r"Union\.value: a union of 2 types"),
        (Nested, r"Nested\.inner\[\]\.value: a union of 2 types"),
        (Untyped, r"Untyped\.anything: no type"),
        (Pair, r"Pair\.pair: \['prefixItems'\]"),
        (Choice, r"Choice\.value: \['discriminator', 'oneOf'\]"),
        (Shortest, r"Shortest\.values: \['propertyNames'\]"),
    ],
)
def test_a_field_without_a_counterpart_is_refused_by_its_path(model, message):
    with pytest.raises(NotStructuralError, match=message):
        structural_schema(model)


class Mild(BaseModel):
    """A description."""

    optional: str | None = None
    share: Annotated[float, Field(gt=0, lt=1)]
    one: Literal["only"]
    by_name: dict[str, int] = {}


def test_what_has_an_exact_counterpart_is_rewritten():
    made = structural_schema(Mild)["properties"]

    assert made["optional"] == {"type": "string"}
    assert made["share"] == {
        "type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": True
    }  # fmt: skip
    assert made["one"] == {"type": "string", "enum": ["only"]}
    assert made["by_name"] == {"type": "object", "additionalProperties": {"type": "integer"}}, "absent means empty"


# Examples


def unknown(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """Fields that the schema does not know: the API server would prune them without a word."""
    if isinstance(value, dict) and "properties" in schema:
        for key, child in value.items():
            if key not in schema["properties"]:
                yield f"{path}.{key}"
            else:
                yield from unknown(child, schema["properties"][key], f"{path}.{key}")
    if isinstance(value, list):
        for number, child in enumerate(value):
            yield from unknown(child, schema.get("items", {}), f"{path}[{number}]")


def documents() -> list[Any]:
    found = []
    for path in MANIFESTS:
        for number, document in enumerate(yaml.safe_load_all(path.read_text())):
            if document and document["kind"] == "ModelVersion":
                found.append(pytest.param(document, id=f"{path.name}-{number}"))
    return found


def test_there_are_examples():
    assert documents()


@pytest.mark.parametrize("document", documents())
def test_every_example_says_only_what_the_schema_knows(document):
    spec = ModelVersionSpec.model_validate(document["spec"])

    assert list(unknown(document["spec"], SCHEMA["properties"]["spec"], "spec")) == []
    assert spec.model == document["spec"]["model"]


@pytest.mark.parametrize("text", [path.read_text() for path in SAMPLES] + IN_DOCS)
def test_what_people_are_shown_is_valid(text):
    shown = yaml.safe_load(text)
    (kind,) = [kind for kind in KINDS if kind.kind == shown["kind"]]

    kind.spec.model_validate(shown["spec"])
    schema = MADE[kind.kind]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert list(unknown(shown["spec"], schema, "spec")) == []


def test_what_holds_for_merged_settings_holds_for_what_people_write():
    """Otherwise the API server takes a spec whose status it then refuses for ever."""
    merged = SCHEMA["properties"]["status"]["properties"]["effectiveRollout"]
    keys = ("x-kubernetes-validations", "maxItems", "maximum", "maxLength", "pattern")
    bounds = [(path, key, field[key]) for path, field in nodes(merged, "") for key in keys if key in field]
    written = dict(nodes(SCHEMA["properties"]["spec"]["properties"]["rollout"], ""))
    looser = [(path, key) for path, key, bound in bounds if path in written and written[path].get(key) != bound]

    assert "must be at most 720h" in str(bounds)
    assert looser == []
