"""Where versions have been, by the record of a world."""

from typing import Any

from world import World

from sluice_operator.api.status import ModelVersionStatus


def path(world: World, name: str) -> list[dict[str, Any]]:
    """Where a version has been: every transition begins where the one before it ended."""
    seen: list[dict[str, Any]] = [{}]
    for (uid, _), entry in world.recorded.items():
        if uid == f"uid-{name}" and entry.type == "Transition":
            assert entry.body["from"] == seen[-1], f"{name}: {seen[-1]} is followed by {entry.body}"
            seen.append(entry.body["to"])
    return seen[1:]


def is_whole(world: World) -> None:
    """Nothing that became of a version is missing in the record."""
    for name, said in world.statuses().items():
        assert [{}, *path(world, name)][-1] == where(said), f"{name} is {where(said)}"


def where(said: ModelVersionStatus) -> dict[str, Any]:
    """What of a status transitions tell of."""
    known = said.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {at: known[at] for at in ("attempt", "phase", "step", "weight", "desiredWeight") if at in known}
