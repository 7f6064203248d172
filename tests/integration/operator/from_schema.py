"""Examples of whatever the schema of a kind allows, and of a little more: rules in CEL are left to the API server."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sluice_operator.api.base import DURATION_PATTERN

_MOST_ITEMS = 3
_LONGEST = 64
_DURATIONS = ["0s", "1s", "5s", "1m", "10m", "720h", "9999h9999m99999s99999ms", "250ms", "0ms", "1h0m1s"]
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=_LONGEST)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _NUMBERS | _WORDS,
    lambda inner: st.lists(inner, max_size=_MOST_ITEMS) | st.dictionaries(_WORDS, inner, max_size=_MOST_ITEMS),
    max_leaves=8,
)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a structural schema allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return st.dictionaries(_WORDS, _ANYTHING, max_size=_MOST_ITEMS)
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(-10, 10) | _text(schema)
    return _OF_TYPE[schema["type"]](schema)


def drawn(strategy: st.SearchStrategy[Any], *, examples: int, from_seed: int) -> list[Any]:
    """So many examples, the same for the same seed."""
    found: list[Any] = []

    @seed(from_seed)
    @settings(max_examples=examples, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def _object(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "additionalProperties" in schema:
        most = min(schema.get("maxProperties", _MOST_ITEMS), _MOST_ITEMS)
        return st.dictionaries(_WORDS, values(schema["additionalProperties"]), max_size=most)
    fields = {name: values(field) for name, field in schema.get("properties", {}).items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _array(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    keys = schema.get("x-kubernetes-list-map-keys", ())
    unique = {"unique_by": lambda item: tuple(item.get(key) for key in keys)} if keys else {}
    most = min(schema.get("maxItems", _MOST_ITEMS), _MOST_ITEMS)
    return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=most, **unique)


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", _LONGEST)
    pattern = schema.get("pattern")
    if pattern == DURATION_PATTERN:
        return st.sampled_from(_DURATIONS) | st.from_regex(pattern, fullmatch=True).filter(lambda text: len(text) > 1)
    if pattern is not None:
        return st.from_regex(pattern, fullmatch=True).filter(lambda text: least <= len(text) <= most)
    longest = st.just("ä" * most)
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=min(most, _LONGEST)) | longest


def _integer(schema: dict[str, Any]) -> st.SearchStrategy[int]:
    least, most = schema.get("minimum", -(2**53)), schema.get("maximum", 2**53)
    return st.sampled_from([least, most]) | st.integers(least, most)


def _number(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    return st.floats(
        schema.get("minimum"),
        schema.get("maximum"),
        exclude_max=schema.get("exclusiveMaximum", False),
        allow_nan=False,
        allow_infinity=False,
    )


_OF_TYPE = {
    "object": _object,
    "array": _array,
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": lambda _schema: st.booleans(),
}
