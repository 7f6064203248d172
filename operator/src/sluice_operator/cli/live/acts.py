"""The commands by which people decide: one for each act, all alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ..completion import named
from ..errors import CommandError, QuestionError
from ..kubeconfig import Target
from ..options import Context, Format, Kubeconfig, Namespace, Reason, Timeout, Version, Wait, Yes, seconds
from ..output import Output, can_ask, clean, say, say_json, tell
from ..record.record_options import OPERATOR_NAMESPACE, LedgerUrl, OperatorNamespace

if TYPE_CHECKING:
    from ..cluster import Cluster
    from .deciding import Made, Said
    from .versions import Model
    from .versions import Version as Known

_HELP = {
    "approve": "Agree to what a version waits for: at the step that it is at now, and at no other.",
    "reject": "End a rollout for good: the version is taken back, and ends as Rejected.",
    "pause": "Hold a rollout where it is. What a gate takes back is taken back all the same.",
    "resume": "Let a rollout go on that was paused by an act.",
    "advance": "End the present step now, without waiting for its hold and gates. Needs --reason.",
    "promote": "Go to probation now; in probation, end that. Passes over holds and gates: needs --reason.",
    "abort": "Take a version back.",
    "retry": "Begin anew with a version that was rolled back, failed or was rejected.",
}
_STATUSES = "Exit status 0: it had its effect. 1: it was refused, and has none. 3: nobody said."
_PASSES_GATES = frozenset({"advance", "promote"})
_MOVES_TRAFFIC = frozenset({"advance", "promote", "abort", "reject", "rollback"})
"""Acts before which somebody at a terminal is asked whether they are meant."""
_NO_REASON = "no reason given"


def _command(what: str) -> Callable[..., None]:
    def act(
        name: Version,
        reason: Reason = None,
        yes: Yes = False,
        wait: Wait = True,
        timeout: Timeout = "1m",
        namespace: Namespace = None,
        context: Context = None,
        kubeconfig: Kubeconfig = None,
        output: Format = Output.TABLE,
    ) -> None:
        decision = _decided(what, reason=reason, yes=yes, wait=wait, most=seconds(timeout), output=output)
        cluster, known = _known(Target(namespace=namespace, context=context, kubeconfig=kubeconfig))
        from .versions import one

        decision.carry_out(cluster, one(known, name))

    act.__doc__ = f"{_HELP[what]}\n\n{_STATUSES}"
    return act


def rollback(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.", autocompletion=named)],
    to: Annotated[
        str | None, typer.Option(help="The version; the best by the record, otherwise.", autocompletion=named)
    ] = None,
    reason: Reason = None,
    yes: Yes = False,
    wait: Wait = True,
    timeout: Timeout = "1m",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: Format = Output.TABLE,
) -> None:
    """Return to a version that was proven before: all traffic as soon as it is ready, then probation.

    Without --to it is the best by the record, as `history` ranks them, and it is said why; where the record cannot be
    read, the one that was stable before.

    Exit status 0: it begins. 1: it was refused, and has no effect. 3: nobody said.
    """
    decision = _decided("rollback", reason=reason, yes=yes, wait=wait, most=seconds(timeout), output=output)
    cluster, known = _known(Target(namespace=namespace, context=context, kubeconfig=kubeconfig))
    from .returning import choose, recorded
    from .versions import one

    about = _model(known, model)
    if to is None:
        choice = choose(
            about, lambda: recorded(cluster, about, ledger_url=ledger_url, operator_namespace=operator_namespace)
        )
        for line in choice.why:
            tell(clean(line))
        decision.carry_out(cluster, choice.version)
    else:
        decision.carry_out(cluster, one([about], to))


COMMANDS: dict[str, Callable[..., None]] = {**{what: _command(what) for what in _HELP}, "rollback": rollback}


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a person wants, and how he wants to be told."""

    what: str
    reason: str
    asks: bool
    """Whether it is asked first, where there is somebody to ask."""
    wait: bool
    most: float
    """Seconds for which it is waited."""
    output: Output

    def carry_out(self, cluster: "Cluster", version: "Known") -> None:
        """Make the act, and say what came of it."""
        from ...api.action import Action
        from .deciding import APPLIED, make, message_of, outcome

        if self.asks and can_ask() and not typer.confirm(self._question(version), err=True):
            raise CommandError("nothing was done")
        made = make(cluster, version, what=Action(self.what.capitalize()), reason=self.reason)
        try:
            said = outcome(cluster, made, namespace=version.namespace, seconds=self.most) if self.wait else None
        except KeyboardInterrupt:
            tell(f"kubectl-sluice: {self.what} {version.name}: rolloutaction {made.name} is made, whoever waits for it")
            raise
        if self.output is Output.JSON:
            self._document(version, made, said)
        if said is None:
            if self.output is Output.TABLE:
                say(f"{self.what} {version.name}: rolloutaction {made.name} is made")
        elif said.outcome != APPLIED:
            raise CommandError(f"{self.what} {version.name}: {said.outcome.lower()}: {said.message}")
        elif self.output is Output.TABLE:
            say(f"{self.what} {version.name}: {clean(said.message)}")
            after = message_of(cluster, version)
            if after:
                say(f"{version.name}: {clean(after)}")

    def _document(self, version: "Known", made: "Made", said: "Said | None") -> None:
        body = {
            "namespace": version.namespace,
            "name": made.name,
            "uid": made.uid,
            "action": self.what,
            "modelVersion": version.name,
            "requestedBy": made.by,
            "reason": self.reason,
            "outcome": said.outcome if said else None,
            "message": said.message if said else None,
        }
        say_json("Act", body)

    def _question(self, version: "Known") -> str:
        from .tree import state, weight

        share = weight(version.status)
        now = ", ".join(part for part in (state(version), f"{share} of the requests" if share else "") if part)
        return clean(f"{self.what} {version.name} ({now}) in namespace {version.namespace}?")


def _decided(what: str, *, reason: str | None, yes: bool, wait: bool, most: float, output: Output) -> _Decision:
    given = (reason or "").strip()
    if what in _PASSES_GATES and not given:
        raise QuestionError(f"--reason is missing: {what} passes over gates, and people will ask why")
    asks = what in _MOVES_TRAFFIC and not yes
    return _Decision(what, given or _NO_REASON, asks=asks, wait=wait, most=most, output=output)


def _known(target: Target) -> "tuple[Cluster, list[Model]]":
    from ..cluster import MODEL_VERSIONS, connect
    from .versions import models

    cluster = connect(target)
    return cluster, models(cluster.items(MODEL_VERSIONS, namespace=cluster.namespace))


def _model(known: "list[Model]", name: str) -> "Model":
    """The model of a name, or of a version's name, with all its versions."""
    from .versions import chosen

    found = chosen(known, [name])[0].name
    return next(one for one in known if one.name == found)
