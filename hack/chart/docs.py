"""The end of docs/chart.md, from the chart's schema and default values: every value that may be set, and what it means.

The schema is the source: it refuses what it does not list, so that what the page does not list cannot be set.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Schema = Mapping[str, Any]

MARK = "<!-- From here on generated"
_NOT_READ = "global"


@dataclass(frozen=True, slots=True)
class Value:
    """A value that may be set.

    Attributes:
        path: Where, as in --set.
        kind: What it must be, in words.
        default: As in values.yaml; None where that says nothing.
        meaning: A sentence or two.
    """

    path: str
    kind: str
    default: Any
    meaning: str


def page(old: str, *, schema_text: str, values_text: str) -> str:
    """The page, in Markdown: the old one, with the values below its mark written anew.

    Raises:
        ValueError: it has no mark.
    """
    before, mark, after = old.partition(MARK)
    if not mark:
        raise ValueError(f"no line begins with {MARK!r}")
    head = before + mark + after.split("\n", 1)[0] + "\n\n"
    schema = json.loads(schema_text)
    found = list(values(schema, yaml.safe_load(values_text)))
    groups = dict.fromkeys(value.path.split(".")[0] for value in found)
    sections = [_section(name, schema, [value for value in found if _group(value) == name]) for name in groups]
    return head + "\n".join(sections)


def values(schema: Schema, defaults: Mapping[str, Any]) -> Iterator[Value]:
    """Every value of the schema, in its order."""
    yield from _walk(schema, defaults, path="", definitions=schema.get("definitions", {}))


def _walk(schema: Schema, defaults: Any, *, path: str, definitions: Schema) -> Iterator[Value]:
    for name, given in schema.get("properties", {}).items():
        if not path and name == _NOT_READ:
            continue
        full = _resolved(given, definitions)
        default = defaults.get(name) if isinstance(defaults, dict) else None
        here = f"{path}.{name}" if path else name
        if "properties" in full:
            yield from _walk(full, default, path=here, definitions=definitions)
        else:
            yield Value(here, _kind(full, definitions), default, given["description"])


def _resolved(schema: Schema, definitions: Schema) -> dict[str, Any]:
    """The schema with what it refers to; what it says itself wins."""
    out: dict[str, Any] = {}
    for part in (*schema.get("allOf", ()), schema):
        if "$ref" in part:
            out |= definitions[part["$ref"].rsplit("/", 1)[-1]]
        out |= part
    return out


def _kind(schema: Schema, definitions: Schema) -> str:
    if "enum" in schema:
        return " or ".join(str(value) or "empty" for value in schema["enum"])
    kind = schema["type"]
    if kind == "array":
        return f"list of {_kind(_resolved(schema['items'], definitions), definitions)}"
    bounds = [f"{schema[key]}" for key in ("minimum", "maximum") if key in schema]
    return f"{kind} ({' to '.join(bounds)})" if len(bounds) == 2 else str(kind)


def _group(value: Value) -> str:
    return value.path.split(".")[0]


def _section(name: str, schema: Schema, rows: list[Value]) -> str:
    own = schema["properties"][name]
    intro = f"{own['description']}\n\n" if "properties" in own else ""
    lines = [f"| `{row.path}` | {row.kind} | {_default(row.default)} | {row.meaning} |" for row in rows]
    table = "\n".join(["| value | type | default | meaning |", "|---|---|---|---|", *lines])
    return f"### {name}\n\n{intro}{table}\n"


def _default(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"
