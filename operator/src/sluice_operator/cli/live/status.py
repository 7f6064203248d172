"""`status`: waits until a rollout has come to where a pipeline wants it, and says so by its exit status."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CommandError
from ..kubeconfig import Target
from ..options import Context, Format, Kubeconfig, Namespace, Timeout, Version, seconds
from ..output import Output, clean, say, say_json, tell

if TYPE_CHECKING:
    from .versions import Version as Known

REACHED, ENDED, LATE, AWAITS = 0, 1, 3, 4
"""Exit statuses; 2 is a wrong question and 5 a cluster that cannot be asked."""


class Goal(StrEnum):
    """What can be waited for."""

    PROMOTED = "promoted"
    STABLE = "stable"
    PROBATION = "probation"
    AWAITING_APPROVAL = "awaiting-approval"
    ROLLED_BACK = "rolled-back"


def status(
    name: Version,
    goal: Annotated[Goal, typer.Option("--for", help="What is waited for.")] = Goal.PROMOTED,
    timeout: Timeout = "30m",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Format = Output.TABLE,
) -> None:
    """Wait until a version has come to where it is wanted, telling what happens. With --timeout 0s it only looks.

    Exit status 0: it is there. 1: it ended elsewhere, as by a rollback, or was deleted. 2: the question is wrong. 3:
    not in time. 4: it waits for people to approve it, which no time ends. 5: the cluster cannot be asked.
    """
    from ..cluster import MODEL_VERSIONS, connect
    from .versions import models, one

    most = seconds(timeout)
    cluster = connect(Target(namespace=namespace, context=context, kubeconfig=kubeconfig))
    version = one(models(cluster.items(MODEL_VERSIONS, namespace=cluster.namespace)), name)
    only = {"fieldSelector": f"metadata.name={version.name}"}
    code, last = LATE, ""
    for found in cluster.follow(MODEL_VERSIONS, namespace=version.namespace, query=only, seconds=most):
        same = [known for model in models(found.values()) for known in model.versions if known.uid == version.uid]
        if not same:
            if output is Output.JSON:
                _say(version, goal, ENDED, output)
            raise CommandError(f"{version.name} was deleted meanwhile")
        version = same[0]
        told = _told(version)
        if told != last and output is Output.TABLE:
            say(told)
        last = told
        decided = verdict(version, goal)
        if decided is not None:
            code = decided
            break
    _say(version, goal, code, output)
    raise typer.Exit(code)


def verdict(version: "Known", goal: Goal) -> int | None:
    """What waiting for a goal comes to by now: an exit status, or None where it goes on."""
    from ...api.status import Phase

    phase = version.phase
    if not version.seen or phase is None:
        return None
    proven = phase in (Phase.STABLE, Phase.SUPERSEDED) or (
        phase is Phase.DELETION_WAITING and version.status.promoted_at is not None
    )
    taken_back = phase in (Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED)
    there = {
        Goal.PROMOTED: proven,
        Goal.STABLE: phase is Phase.STABLE,
        Goal.PROBATION: phase is Phase.PROBATION or proven,
        Goal.AWAITING_APPROVAL: phase is Phase.AWAITING_APPROVAL,
        Goal.ROLLED_BACK: taken_back,
    }[goal]
    if there:
        return REACHED
    if phase is Phase.AWAITING_APPROVAL:
        return AWAITS
    going_back = phase is Phase.ROLLING_BACK and goal is not Goal.ROLLED_BACK
    return ENDED if proven or taken_back or going_back or phase is Phase.SKIPPED else None


def _told(version: "Known") -> str:
    from .tree import state, weight

    parts = (version.name, state(version), weight(version.status), version.problem or version.status.message or "")
    return "  ".join(clean(part) for part in parts if part)


def _say(version: "Known", goal: Goal, code: int, output: Output) -> None:
    if output is Output.JSON:
        body = {
            "namespace": version.namespace,
            "name": version.name,
            "for": goal,
            "reached": code == REACHED,
            "exitStatus": code,
            "phase": version.phase,
            "message": version.status.message,
        }
        say_json("RolloutStatus", body)
        return
    where = f"-n {version.namespace}"
    said = {
        ENDED: f"{version.name} will not be {goal}: kubectl sluice explain {version.name} {where} says why",
        LATE: f"{version.name} is not {goal} in time: kubectl sluice explain {version.name} {where} says why",
        AWAITS: f"{version.name} waits for approval: kubectl sluice approve {version.name} {where} --reason …",
    }
    if code in said:
        tell(f"kubectl-sluice: {clean(said[code])}")
