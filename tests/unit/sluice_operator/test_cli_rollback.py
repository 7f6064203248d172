"""Where nobody says which version a model is to return to, it is the best by the record, and it is said why."""

import pytest
from recorded_versions import version
from records import NAMESPACE, Chain, after

from sluice_operator.cli.errors import ClusterError, QuestionError
from sluice_operator.cli.live import acts, deciding
from sluice_operator.cli.live.returning import choose
from sluice_operator.cli.live.versions import models
from sluice_operator.cli.output import Output
from sluice_operator.history.account import accounts
from sluice_operator.history.ranking import ranked

PROVEN = {"promotedAt": "2026-02-01T00:00:00Z"}
OLD = version("sms-1-0-0", "Superseded", days=9, promotedAt="2026-01-01T00:00:00Z")
LEFT = version("sms-2-0-0", "Superseded", days=8, promotedAt="2026-01-20T00:00:00Z")
STABLE = version("sms-3-0-0", "Stable", days=1, **PROVEN)


def model(*objects):
    (found,) = models(objects)
    return found


def record():
    """2.0.0 was left by a person, for 1.0.0; then 3.0.0 came."""
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.left("2.0.0", back_to="1.0.0", minute=100, reason="wrong answers in Spanish")
    chain.promoted("3.0.0", over="1.0.0", minute=120)
    return ranked(accounts(chain.records)[NAMESPACE, "sms"], now=after(1000))


def away():
    raise ClusterError("no pod of the operator is ready")


def test_it_is_the_best_by_the_record_with_its_reasons_and_those_of_the_next():
    choice = choose(model(OLD, LEFT, STABLE), record)

    assert choice.version.name == "sms-1-0-0"
    best, other = choice.why
    assert best.startswith("sms-1-0-0 is the best to return to: promoted 2025-11-03")
    assert other.startswith("otherwise sms-2-0-0: left on 2025-11-03: wrong answers in Spanish")


def test_what_is_not_there_any_more_or_goes_is_passed_over():
    going = {**OLD, "metadata": {**OLD["metadata"], "deletionTimestamp": "2026-03-01T00:00:00Z"}}

    assert choose(model(LEFT, STABLE), record).version.name == "sms-2-0-0"
    assert choose(model(going, LEFT, STABLE), record).version.name == "sms-2-0-0"


@pytest.mark.parametrize(
    ("ranked_by_record", "said"),
    [(away, "no other is weighed against it: no pod of the operator is ready"), (tuple, "knows of none to return to")],
)
def test_without_the_record_it_is_the_one_that_was_stable_before_and_that_is_said(ranked_by_record, said):
    choice = choose(model(OLD, LEFT, STABLE), ranked_by_record)

    assert choice.version.name == "sms-2-0-0"
    (line,) = choice.why
    assert line.startswith("sms-2-0-0 was stable before; ")
    assert said in line


def test_where_there_is_none_the_record_is_not_asked():
    with pytest.raises(QuestionError, match="there is none to return to"):
        choose(model(STABLE), lambda: pytest.fail("it was"))


def test_who_waits_no_longer_is_told_that_the_act_is_made(monkeypatch, capsys):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(deciding, "make", lambda *_, **__: deciding.Made("rollback-x", "uid", "ann"))
    monkeypatch.setattr(deciding, "outcome", pressed)
    decision = acts._Decision("rollback", "why", asks=False, wait=True, most=1.0, output=Output.TABLE)

    with pytest.raises(KeyboardInterrupt):
        decision.carry_out(None, model(OLD).versions[0])

    told = "kubectl-sluice: rollback sms-1-0-0: rolloutaction rollback-x is made, whoever waits for it\n"
    assert capsys.readouterr().err == told
