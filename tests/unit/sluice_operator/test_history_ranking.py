"""Which version to return to."""

from records import MODEL, NAMESPACE, Chain, after

from sluice_operator.history.account import accounts
from sluice_operator.history.ranking import ranked


def targets(chain, minute=1000):
    return ranked(accounts(chain.records)[NAMESPACE, MODEL], now=after(minute))


def test_the_one_that_served_last_comes_first():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.promoted("3.0.0", over="2.0.0", minute=120)

    assert [one.version for one in targets(chain)] == ["2.0.0", "1.0.0"]


def test_what_was_never_promoted_or_is_deleted_is_no_target():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.taken_back("3.0.0", over="2.0.0", minute=120)
    chain.add("Deleted", "1.0.0", {"from": {"phase": "Superseded"}}, minute=140)

    assert targets(chain) == ()


def test_what_was_deleted_and_made_anew_is_proven_by_what_it_did_itself():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.add("Deleted", "1.0.0", {"from": {"phase": "Superseded"}}, minute=140)
    chain.moved("1.0.0", minute=150, phase="Deploying", weight=0)

    assert targets(chain) == ()

    chain.resolved("1.0.0", minute=151, digest="sha256:another")
    chain.moved("1.0.0", minute=152, phase="Stable", weight=100, promoted=True)
    chain.moved("2.0.0", minute=152, phase="Superseded", weight=0)
    chain.promoted("3.0.0", over="1.0.0", minute=200)

    assert [(one.version, one.digest) for one in targets(chain)] == [
        ("1.0.0", "sha256:another"),
        ("2.0.0", "sha256:2.0.0"),
    ]


def test_one_that_a_person_left_comes_after_one_that_was_replaced():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.left("2.0.0", back_to="1.0.0", minute=100, reason="wrong answers in Spanish")
    chain.promoted("3.0.0", over="1.0.0", minute=120)

    first, second = targets(chain)

    assert (first.version, second.version) == ("1.0.0", "2.0.0")
    assert any("wrong answers in Spanish" in reason for reason in second.reasons)


def test_one_whose_digest_is_not_known_comes_after_one_that_can_be_checked():
    chain = Chain()
    chain.first()
    chain.moved("2.0.0", minute=60, phase="Stable", weight=100, promoted=True)
    chain.moved("1.0.0", minute=60, phase="Superseded", weight=0)
    chain.promoted("3.0.0", over="2.0.0", minute=120)

    assert [one.version for one in targets(chain)] == ["1.0.0", "2.0.0"]


def test_one_with_more_bad_requests_than_others_comes_after_them():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60, own=(5, 1000))
    chain.promoted("3.0.0", over="2.0.0", minute=120, own=(90, 1000))
    chain.promoted("4.0.0", over="3.0.0", minute=180)

    found = targets(chain)

    assert [one.version for one in found] == ["2.0.0", "1.0.0", "3.0.0"]
    assert any("more than others" in reason for reason in found[-1].reasons)


def test_every_target_says_how_long_it_served_and_when():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)

    (target,) = targets(chain, minute=70 + 24 * 60)

    assert target.seconds == (70 - 1) * 60
    assert "served 1 h 9 min" in target.reasons
    assert "last 1 d ago" in target.reasons
