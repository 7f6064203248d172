"""What readers make of records: of the operator's own, of later versions', and of nonsense."""

from hypothesis import given
from hypothesis import strategies as st
from records import MODEL, NAMESPACE, Chain, after

from sluice_operator.history.account import accounts
from sluice_operator.history.descent import tree
from sluice_operator.history.events import events
from sluice_operator.history.rollout import rollout


def of(chain):
    return accounts(chain.records)[NAMESPACE, MODEL]


def test_what_happened_is_told_in_its_order_with_the_reason_and_the_person():
    chain = Chain()
    chain.first()
    chain.acted("1.0.0", "Pause", minute=5, by="ann@example.com", reason="looking at it")
    chain.taken_back("2.0.0", over="1.0.0", minute=60)

    told = [(one.version, one.what, one.by) for one in events(of(chain).versions.values())]

    assert ("1.0.0", "Pause", "ann@example.com") in told
    assert ("2.0.0", "Canary, step 1, 10 %", "") in told
    assert ("2.0.0", "gate errors: Fail", "") in told
    assert told.index(("2.0.0", "gate errors: Fail", "")) < told.index(("2.0.0", "RollingBack, 0 %", ""))


def test_a_person_who_was_erased_is_told_as_such():
    chain = Chain()
    chain.first()
    act = chain.acted("1.0.0", "Pause", minute=5)
    erased = [*chain.records[: act.seq - 1], _without_openings(act)]

    assert accounts(erased)[NAMESPACE, MODEL].versions["1.0.0"].acts[0].by == "(erased)"


def _without_openings(record):
    from sluice_operator.ledger.record import read

    return read(record.text, dict.fromkeys(record.openings))


def test_a_rollout_is_over_when_it_was_promoted_and_what_comes_later_is_no_part_of_it():
    chain = Chain()
    chain.first()
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    chain.promoted("3.0.0", over="2.0.0", minute=600)

    told = rollout(of(chain), "2.0.0")

    assert (told.began, told.ended, told.over, told.stable) == (after(60), after(70), True, "1.0.0")
    assert told.spans[-1].weights == {"2.0.0": 100}
    assert [one.gate for one in told.evidence] == ["errors"]


def test_the_reason_of_a_rollout_that_was_taken_back_is_that_of_the_decision():
    chain = Chain()
    chain.first()
    chain.taken_back("2.0.0", over="1.0.0", minute=60)

    assert rollout(of(chain), "2.0.0").outcome == "errors: 80 of 500 requests bad"


def test_versions_hang_below_their_parents_whether_named_by_version_or_by_object():
    chain = Chain()
    chain.came_from("1.0.0", minute=0, parent="of-somebody-else")
    chain.came_from("1.1.0", minute=1, parent="1.0.0")
    chain.came_from("1.2.0", minute=2, parent="sms-1-1-0")
    chain.came_from("2.0.0", minute=3)

    roots = tree(of(chain).versions)

    assert [root.version for root in roots] == ["of-somebody-else", "2.0.0"]
    assert roots[0].account is None
    (first,) = roots[0].children
    (second,) = first.children
    assert [one.version for one in second.children] == ["1.2.0"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=20))
def test_every_version_is_in_the_tree_once_whoever_names_whom(pairs):
    chain = Chain()
    for child, parent in pairs:
        chain.came_from(f"v{child}", minute=0, parent=f"v{parent}")
    if not pairs:
        return

    versions, open_, seen = of(chain).versions, list(tree(of(chain).versions)), []
    while open_:
        node = open_.pop()
        seen.append(node.version)
        open_.extend(node.children)

    assert sorted(one for one in seen if one in versions) == sorted(versions)
    assert len(seen) == len(set(seen))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KNOWN = [
    "from", "to", "phase", "weight", "step", "attempt", "decision", "gates", "name", "comparison", "bad", "requests",
    "stableBad", "stableRequests", "ratio", "lineage", "source", "parent", "metrics", "promotedAt", "reason",
]  # fmt: skip
BODY = st.dictionaries(
    st.sampled_from(KNOWN), JSON | st.dictionaries(st.sampled_from(KNOWN), JSON, max_size=4), max_size=6
)


@given(st.sampled_from(["Transition", "Verdict", "Act", "Resolved", "Lineage", "Deleted", "Future"]), BODY)
def test_no_body_is_too_strange_to_be_read(kind, body):
    chain = Chain()
    chain.first()
    chain.add(kind, "2.0.0", body, minute=10)

    model = of(chain)

    events(model.versions.values())
    tree(model.versions)
    assert sum(model.spans[-1].weights.values()) in (0, 100)


def test_records_about_no_model_say_nothing_to_readers():
    chain = Chain()
    chain.add("Configuration", "", {"configuration": "abc"}, minute=0, model="")

    assert accounts(chain.records) == {}


def test_the_digest_of_one_that_was_deleted_is_not_that_of_another_of_its_version():
    chain = Chain()
    chain.first("1.0.0")
    chain.add("Deleted", "1.0.0", {"from": {"phase": "Stable"}}, minute=100)
    chain.came_from("1.0.0", minute=110)
    chain.moved("1.0.0", minute=111, phase="Canary", weight=10)

    account = accounts(chain.records)[NAMESPACE, MODEL].versions["1.0.0"]

    assert [account.digest_at(after(minute)) for minute in (50, 112)] == ["sha256:1.0.0", ""]


def test_the_digest_of_a_moment_is_the_one_that_was_known_then_also_where_a_later_attempt_found_out_none():
    chain = Chain()
    chain.first()
    chain.resolved("1.0.0", minute=50, digest="sha256:before")
    chain.resolved("1.0.0", minute=60, digest="sha256:after")
    chain.resolved("1.0.0", minute=70, digest="")

    account = accounts(chain.records)[NAMESPACE, MODEL].versions["1.0.0"]

    assert [account.digest_at(after(minute)) for minute in (55, 65, 75)] == [
        "sha256:before",
        "sha256:after",
        "sha256:after",
    ]
    assert account.digest == "sha256:after"
