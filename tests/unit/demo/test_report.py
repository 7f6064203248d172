"""The report is computed from the recording alone; what cannot be put down to a version counts against Sluice."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hack.demo.record import Answer, Chapter, Recording, RouteState, VersionState
from hack.demo.report import GRACE_S, errors_outside, figures, otherwise, outside, rows

STABLE = Chapter("1.0.0", "Stable")
RAISES = Chapter("1.1.0", "RolledBack", gate="errors")
CRAWLS = Chapter("1.2.0", "RolledBack", gate="slow")
BETTER = Chapter("1.3.0", "Stable")
STORY = (STABLE, RAISES, CRAWLS, BETTER)
ZERO = 20.0


def answer(sent_at, *, version="1.0.0", status=200, latency=0.02):
    return Answer(sent_at=sent_at, latency=latency, status=status, version=version)


def recording(*, answers=(), breaches=None):
    return Recording(
        started=0.0,
        ended=60.0,
        answers=answers,
        held_back=0,
        routes=[
            RouteState(1.0, {"v1": 100}),
            RouteState(10.0, {"v1": 90, "v2": 10}),
            RouteState(ZERO, {"v1": 100, "v2": 0}),
        ],
        states=[
            VersionState(1.0, "1.0.0", "sms-1-0-0", phase="Stable"),
            VersionState(9.0, "1.1.0", "sms-1-1-0", phase="Canary"),
            VersionState(20.5, "1.1.0", "sms-1-1-0", phase="RolledBack", reason="7 of 20 requests failed"),
        ],
        marks=[],
        services={"v1": "1.0.0", "v2": "1.1.0"},
        breaches={"1.1.0": 17.5} if breaches is None else breaches,
    )


def test_an_error_of_the_bad_version_while_it_has_traffic_is_its_own():
    assert errors_outside([answer(15.0, version="1.1.0", status=500)], bad="1.1.0", zero_at=ZERO) == []


def test_an_error_of_any_other_version_is_outside():
    failed = answer(15.0, version="1.0.0", status=500)

    assert errors_outside([failed], bad="1.1.0", zero_at=ZERO) == [failed]


def test_an_error_that_no_version_signed_is_outside():
    """The gateway's own 503 or a broken connection is nobody's answer."""
    refused = answer(15.0, version=None, status=503)
    broken = answer(15.0, version=None, status=0)

    assert errors_outside([refused, broken], bad="1.1.0", zero_at=ZERO) == [refused, broken]


def test_an_error_that_the_gateway_answered_in_the_bad_versions_place_is_outside():
    refused = replace(answer(15.0, version="1.1.0", status=503), by_gateway=True)

    assert errors_outside([refused], bad="1.1.0", zero_at=ZERO) == [refused]


def test_an_error_of_the_bad_version_to_a_request_sent_after_weight_zero_and_the_grace_is_outside():
    late = answer(ZERO + GRACE_S + 0.01, version="1.1.0", status=500)

    assert errors_outside([late], bad="1.1.0", zero_at=ZERO) == [late]


def test_a_request_that_was_under_way_at_weight_zero_is_the_bad_versions_own():
    under_way = answer(ZERO - 1, version="1.1.0", status=500, latency=8.0)

    assert errors_outside([under_way], bad="1.1.0", zero_at=ZERO) == []


answers = st.builds(
    answer,
    st.floats(0, 60),
    version=st.sampled_from([None, "1.0.0", "1.1.0", "1.3.0"]),
    status=st.sampled_from([0, 200, 429, 500, 503]),
)


@given(st.lists(answers))
def test_every_failed_request_is_either_outside_or_the_bad_versions_own_before_its_rollback(seen):
    found = errors_outside(seen, bad="1.1.0", zero_at=ZERO)
    own = [one for one in seen if one.status != 200 and one not in found]

    assert all(one.status != 200 for one in found)
    assert all(one.version == "1.1.0" and one.sent_at <= ZERO + GRACE_S for one in own)


def test_only_the_version_that_raises_may_raise():
    """A slow answer is an answer: an error of the slow version counts."""
    failed = answer(30.0, version="1.2.0", status=500)

    assert outside(recording(answers=[failed, answer(15.0, version="1.1.0", status=500)]), STORY) == [failed]


def test_a_row_counts_what_a_version_answered_and_how_long_its_rollback_took():
    seen = recording(answers=[answer(12.0), answer(13.0, version="1.1.0"), answer(19.9, version="1.1.0", status=500)])

    row = rows(seen, STORY)[1]

    assert (row.version, row.outcome, row.reason) == ("1.1.0", "RolledBack", "7 of 20 requests failed")
    assert (row.requests, row.errors, row.errors_after_zero) == (2, 1, 0)
    assert row.breach_to_zero_s == 2.5
    assert row.last_answer_after_zero_s == -0.1


def test_a_version_that_stays_has_no_time_to_weight_zero():
    assert rows(recording(answers=[answer(12.0)]), STORY)[0].breach_to_zero_s is None


def test_a_version_that_was_never_seen_has_a_row_all_the_same():
    assert rows(recording(), STORY)[3].outcome == "never seen"


def test_a_figure_that_could_not_be_measured_is_null_and_never_left_out():
    found = figures(
        table=rows(recording(), STORY), chapters=STORY, errors=0, build_s=12.34, story_s=60, accuracy={"1.0.0": 0.97}
    )

    assert found == {
        "build_s": 12.3,
        "story_s": 60,
        "client_errors_outside_bad_version": 0,
        "rollback_error_s": 2.5,
        "rollback_latency_s": None,
        "accuracy_1_0_0": 0.97,
        "accuracy_1_3_0": None,
    }


def test_a_run_as_it_must_be_has_nothing_to_complain_of():
    assert otherwise(rows(recording(), STORY), [], within=15) == []


def test_what_went_otherwise_is_said_in_one_line_each():
    slow = otherwise(rows(recording(breaches={"1.1.0": 1.0}), STORY), [], within=15)
    unproven = otherwise(rows(recording(breaches={}), STORY), [], within=15)
    seen = otherwise(rows(recording(), STORY), [answer(15.0, version=None, status=503)], within=15)

    assert slow == ["1.1.0 reached weight 0 19.0 s after the first breaching scrape, must be within 15 s"]
    assert unproven == ["1.1.0 was taken back, but Prometheus has no sample at which its limit is exceeded"]
    assert seen == ["clients saw 1 errors that they should not have seen, the first 503 from no version: "]
