"""Readers read what the operator records: from statuses by outboxes and entries to a history."""

from making import MODEL, NAMESPACE, after, says, snapshot, stable, status, version

from sluice_operator.api.status import Phase, Verdict
from sluice_operator.controller.outboxes import entry_of
from sluice_operator.history.account import accounts
from sluice_operator.history.events import events
from sluice_operator.ledger.record import GENESIS, Head, digest, link
from sluice_operator.rollout.entries import with_outboxes


def recorded(before, statuses, now):
    """The records of a change of statuses."""
    found, head = [], Head("a-chain", 0, GENESIS)
    told = with_outboxes(before, statuses, now)
    for one in before.versions:
        spec = {"model": MODEL, "version": one.spec.version}
        meta = {"namespace": NAMESPACE, "name": one.name, "uid": one.uid}
        for standing in told[one.name].outbox:
            entry = entry_of({"metadata": meta, "spec": spec}, standing.model_dump(mode="json", by_alias=True))
            found.append(link(entry, after=head, recorded=now, salt=lambda: GENESIS))
            head = Head("a-chain", head.seq + 1, digest(found[-1]))
    return found


def test_weights_steps_verdicts_and_reasons_come_through():
    old = stable("v1")
    new = version("v2", created=10, now=status(Phase.CANARY, step=0, weight=5), gates=says(Verdict.FAIL))
    statuses = {
        "v1": old.status.model_copy(update={"weight": 100}),
        "v2": new.status.model_copy(update={"phase": Phase.ROLLING_BACK, "weight": 0, "message": "errors: too many"}),
    }

    model = accounts(recorded(snapshot(old, new), statuses, after(20)))[NAMESPACE, MODEL]

    assert dict(model.spans[-1].weights) == {"v1": 100}
    told = {(one.version, one.what, one.why) for one in events(model.versions.values())}
    assert ("v2", "gate errors: Fail", "it says Fail") in told
    assert any(who == "v2" and "RollingBack" in what and why == "errors: too many" for who, what, why in told)


def test_a_promotion_is_known_as_one():
    new = version("v1", created=0, now=status(Phase.DEPLOYING))
    statuses = {"v1": new.status.model_copy(update={"phase": Phase.STABLE, "promoted_at": after(5), "weight": 100})}

    (account,) = accounts(recorded(snapshot(new), statuses, after(5)))[NAMESPACE, MODEL].versions.values()

    assert account.proven is not None
    assert account.proven.at == after(5)
    assert account.phase == "Stable"
