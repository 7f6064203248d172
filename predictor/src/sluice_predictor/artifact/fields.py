"""What the fields of `sluice.json` are made of: every text and collection has a greatest size, every number is finite.

Texts hold no control characters, so a manifest can be shown on a terminal as it is.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_SAFE_INTEGER = (1 << 53) - 1
"""The greatest integer that RFC 8785 can write: beyond it, readers that use doubles would see another number."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^\P{Cc}+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^\P{Cc}+$")]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    """A part of the manifest: unknown keys are refused, values are never converted, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
