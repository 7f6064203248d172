"""What is known, as programs read it: named as the API names things, and what is not known is null."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any


def document(value: Any) -> Any:
    """A value as JSON has it. Names of fields are ours and become camelCase; keys of mappings are data and stay."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(one.name): document(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): document(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [document(inner) for inner in value]
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
