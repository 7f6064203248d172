"""The page of values says what the schema says, and the schema says what the values are."""

import json
import re
from typing import Any

import pytest
import yaml

from hack.chart.docs import MARK, page, values
from hack.generate import ROOT

CHART = ROOT / "helm" / "sluice"

SCHEMA: dict[str, Any] = {
    "definitions": {"name": {"type": "string", "maxLength": 63}},
    "properties": {
        "global": {"type": "object", "description": "Not read."},
        "route": {
            "type": "object",
            "description": "Where models are reached.",
            "properties": {
                "domain": {"$ref": "#/definitions/name", "description": "The last part."},
                "ports": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1, "maximum": 9},
                    "description": "Its ports.",
                },
            },
        },
        "policy": {"enum": ["Always", "Never"], "description": "When."},
    },
}
DEFAULTS = {"route": {"domain": "a.b", "ports": []}}


def test_every_value_has_a_line_with_its_type_default_and_meaning():
    old = f"# The chart\n\n{MARK} by a command. -->\n\nWhat was there before.\n"

    text = page(old, schema_text=json.dumps(SCHEMA), values_text=yaml.safe_dump(DEFAULTS))

    assert text.startswith(f"# The chart\n\n{MARK} by a command. -->\n\n### route\n")
    assert "before" not in text
    assert '| `route.domain` | string | `"a.b"` | The last part. |' in text
    assert "| `route.ports` | list of integer (1 to 9) | `[]` | Its ports. |" in text
    assert "| `policy` | Always or Never |  | When. |" in text
    assert "### route\n\nWhere models are reached.\n" in text


def test_what_is_not_read_is_not_told():
    assert "global" not in [value.path for value in values(SCHEMA, DEFAULTS)]


def schema() -> dict[str, Any]:
    return json.loads((CHART / "values.schema.json").read_text())


def objects(part: Any):
    """Every object of the schema that names its properties."""
    if isinstance(part, dict):
        if "properties" in part:
            yield part
        for name, child in part.items():
            if name not in ("if", "then", "else"):  # they say when values go together, and list none
                yield from objects(child)


def test_the_schema_refuses_what_it_does_not_list():
    assert all(part["additionalProperties"] is False for part in objects(schema()))


def test_every_default_is_in_the_schema_and_every_value_has_a_default():
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    listed = {value.path: value.default for value in values(schema(), defaults)}

    assert {path for path, default in listed.items() if default is None} == set()
    assert set(defaults) == {path.split(".")[0] for path in listed}


@pytest.mark.parametrize("interval", ["100ms", "1s", "5s", "15s", "60s", "1m"])
def test_predictors_are_scraped_as_often_as_limits_need(interval):
    assert re.fullmatch(schema()["properties"]["scrape"]["properties"]["interval"]["pattern"], interval)


@pytest.mark.parametrize("interval", ["0s", "61s", "90s", "2m", "1h", "5", "99999ms"])
def test_predictors_are_not_scraped_less_often_than_limits_can_judge(interval):
    assert not re.fullmatch(schema()["properties"]["scrape"]["properties"]["interval"]["pattern"], interval)
