"""What is posted about a version: words of its own status, in a form in which they can do no harm."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.controller.notices import Format, Notice, body
from sluice_operator.rollout.transitions import REASONS

NOTICE = Notice(
    id="msg_1",
    at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    kind="Warning",
    reason="RollbackStarted",
    message="errors: 42 of 500 requests (8.4%) bad",
    namespace="payments",
    name="sms-1-1-0",
    model="sms",
    version="1.1.0",
    phase="RollingBack",
    attempt=2,
)


def plain(notice: Notice):
    return json.loads(body(notice, Format.PLAIN))


def text(notice: Notice) -> str:
    return json.loads(body(notice, Format.SLACK))["text"]


def test_plain_json_says_what_happened_to_whom_and_when():
    assert plain(NOTICE) == {
        "type": "rollout.RollbackStarted",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "data": {
            "kind": "Warning",
            "reason": "RollbackStarted",
            "message": "errors: 42 of 500 requests (8.4%) bad",
            "namespace": "payments",
            "name": "sms-1-1-0",
            "model": "sms",
            "version": "1.1.0",
            "phase": "RollingBack",
            "attempt": 2,
        },
    }


def test_slack_is_told_in_two_lines_and_warned_where_something_is_wrong():
    assert text(NOTICE) == "⚠ payments/sms 1.1.0: RollbackStarted\nerrors: 42 of 500 requests (8.4%) bad"
    assert text(replace(NOTICE, kind="Normal", reason="Promoted", message="")) == "payments/sms 1.1.0: Promoted"


def test_nobody_is_called_and_nothing_is_a_link_in_slack():
    told = text(replace(NOTICE, message="<!channel> <https://evil.example|click> & *you*"))

    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; *you*" in told
    assert json.loads(body(NOTICE, Format.SLACK))["mrkdwn"] is False


@given(st.text(), st.text(max_size=63))
def test_whatever_a_message_says_is_two_lines_without_a_bracket_in_slack(message, version):
    told = text(replace(NOTICE, message=message, version=version))

    assert len(told.split("\n")) <= 2
    assert not set("<>") & set(told)


@given(st.text(alphabet=st.characters()))
def test_any_text_can_be_posted(message):
    """Also halves of surrogate pairs, as they come from JSON."""
    notice = replace(NOTICE, message=message)

    assert json.loads(body(notice, Format.PLAIN))["data"]["reason"] == NOTICE.reason
    assert json.loads(body(notice, Format.SLACK))


def test_a_message_of_any_length_is_bounded_in_slack():
    assert len(text(replace(NOTICE, message="<" * 100_000))) < 15_000


def test_the_page_names_every_event_that_is_told():
    page = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()

    assert [reason for reason in sorted(REASONS) if f"`{reason}`" not in page] == []
