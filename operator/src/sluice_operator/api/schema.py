"""From pydantic models to the structural OpenAPI v3 schema that a CRD may hold.

The API server accepts a subset of JSON schema: no references, no unions, nothing recursive. This walk inlines and
rewrites what has an exact counterpart and refuses, with the path of the field, whatever has none: a schema
that silently says less than the model would let bad objects in.
"""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from .base import format_duration

_DROPPED = ("title", "$defs", "examples")
_REFUSED = frozenset(
    {
        "$ref",
        "oneOf",
        "allOf",
        "not",
        "if",
        "patternProperties",
        "prefixItems",
        "const",
        "discriminator",
        "propertyNames",
    }
)


class NotStructuralError(TypeError):
    """A model says something that a CRD schema cannot."""


def structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a model.

    Raises:
        NotStructuralError: when a field has no counterpart; the message starts with the field's path.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    return _Walk(raw.get("$defs", {})).node(raw, path=model.__name__, seen=())


class _Generator(GenerateJsonSchema):
    """Writes the default of a duration as people do, where pydantic would write ISO 8601."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


class _Walk:
    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions

    def node(self, schema: dict[str, Any], *, path: str, seen: tuple[str, ...]) -> dict[str, Any]:
        out, seen = self._inlined(schema, path=path, seen=seen)
        for key in _DROPPED:
            out.pop(key, None)
        self._rewrite(out)
        refused = _REFUSED & out.keys()
        if "oneOf" in refused and all(branch.keys() == {"required"} for branch in out["oneOf"]):
            refused -= {"oneOf"}  # which fields there are is all that it says
        if refused:
            raise NotStructuralError(f"{path}: {sorted(refused)} has no counterpart in a CRD")
        self._children(out, path=path, seen=seen)
        if "type" not in out and not out.get("x-kubernetes-int-or-string"):
            raise NotStructuralError(f"{path}: no type")
        return out

    def _inlined(
        self, schema: dict[str, Any], *, path: str, seen: tuple[str, ...]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Resolve references and optional fields; what stands beside them wins."""
        out = dict(schema)
        while "$ref" in out or "anyOf" in out:
            if "$ref" in out:
                name = out.pop("$ref").rsplit("/", 1)[1]
                if name in seen:
                    raise NotStructuralError(f"{path}: {name} contains itself")
                seen = (*seen, name)
                out = self._merged(self._definitions[name], out)
                continue
            branches = [branch for branch in out.pop("anyOf") if branch.get("type") != "null"]
            if len(branches) != 1:
                raise NotStructuralError(f"{path}: a union of {len(branches)} types")
            out = self._merged(branches[0], out)
        return out, seen

    @staticmethod
    def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
        """Join a definition and what its user adds; rules of both hold."""
        key = "x-kubernetes-validations"
        out = {**under, **over}
        if key in under and key in over:
            out[key] = [*under[key], *over[key]]
        return out

    @staticmethod
    def _rewrite(out: dict[str, Any]) -> None:
        if out.get("default", 0) is None:
            del out["default"]
        if out.get("default") == [] or (out.get("default") == {} and "additionalProperties" in out):
            del out["default"]  # absent means empty, and stored objects stay as short as people wrote them
        if isinstance(out.get("default"), dict):
            out["default"] = {}  # the defaults inside apply by themselves, and stay true when they change
        if "const" in out:
            out["enum"] = [out.pop("const")]
        for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if flag in out:
                out[bound], out[flag] = out[flag], True
        if out.get("additionalProperties") is False:
            del out["additionalProperties"]
        if out.get("propertyNames", {}).keys() == {"maxLength"}:
            longest = out.pop("propertyNames")["maxLength"]
            rule = {
                "rule": f"self.all(name, name.size() <= {longest})",
                "message": f"a name has at most {longest} characters",
            }
            out["x-kubernetes-validations"] = [*out.get("x-kubernetes-validations", ()), rule]

    def _children(self, out: dict[str, Any], *, path: str, seen: tuple[str, ...]) -> None:
        if "properties" in out:
            out["properties"] = {
                name: self.node(child, path=f"{path}.{name}", seen=seen) for name, child in out["properties"].items()
            }
        if isinstance(out.get("additionalProperties"), dict):
            out["additionalProperties"] = self.node(out["additionalProperties"], path=f"{path}{{}}", seen=seen)
        if "items" in out:
            out["items"] = self.node(out["items"], path=f"{path}[]", seen=seen)
