"""The settings in force for a version: the installation's defaults under what the version gives."""

import hashlib
import json
from datetime import timedelta

from ..api.settings import (
    Analysis,
    EffectiveRollout,
    Gate,
    Limit,
    Metric,
    Probation,
    RolloutSettings,
    Step,
)

DEFAULTS = EffectiveRollout(
    steps=[
        Step(weight=5, hold=timedelta(minutes=2)),
        Step(weight=25, hold=timedelta(minutes=5)),
        Step(weight=50, hold=timedelta(minutes=5)),
    ],
    probation=Probation(duration=timedelta(minutes=10)),
    ready_timeout=timedelta(minutes=10),
    analysis=Analysis(
        gates=[
            Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(above=0.10)),
            Gate(
                name="slow",
                metric=Metric.LATENCY,
                slower_than=timedelta(milliseconds=250),
                limit=Limit(above=0.05),
            ),
        ]
    ),
)


def merge(given: RolloutSettings | None) -> EffectiveRollout:
    """The settings in force: each field from the version where it gives one, else the default."""
    if given is None:
        return DEFAULTS
    return DEFAULTS.model_copy(
        update={name: value for name in type(given).model_fields if (value := getattr(given, name)) is not None}
    )


def settings_hash(settings: EffectiveRollout) -> str:
    """A hash by which two people can see that they speak of the same settings."""
    text = json.dumps(settings.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
