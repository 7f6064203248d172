"""What people outside of the cluster are told of a version, and in which words: plain JSON, or Slack's.

A notice says what the version's Event says, and nothing that is not in the version's own status: no address, no
credential, nothing about the installation.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

_SLACK_CHARACTERS = 3000
"""What Slack shows of a message without folding it."""
_SLACK_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Format(StrEnum):
    """What a destination reads."""

    PLAIN = "plain"
    SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to a version."""

    id: str
    """The same at each try, and no other notice's: receivers know by it what they have seen already."""
    at: datetime
    """When it was written into the version's status, in UTC."""
    kind: Literal["Normal", "Warning"]
    reason: str
    """One of `transitions.REASONS`."""
    message: str
    namespace: str
    name: str
    """Of the ModelVersion."""
    model: str
    version: str
    phase: str
    attempt: int


def body(notice: Notice, form: Format) -> bytes:
    """What is posted."""
    document = _slack(notice) if form is Format.SLACK else _plain(notice)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _plain(notice: Notice) -> dict[str, object]:
    """As Standard Webhooks recommends: type, timestamp, data."""
    return {
        "type": f"rollout.{notice.reason}",
        "timestamp": notice.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "kind": notice.kind,
            "reason": notice.reason,
            "message": notice.message,
            "namespace": notice.namespace,
            "name": notice.name,
            "model": notice.model,
            "version": notice.version,
            "phase": notice.phase,
            "attempt": notice.attempt,
        },
    }


def _slack(notice: Notice) -> dict[str, object]:
    """A text of two lines in which nothing is a link, a mention or a format, whatever names and messages say."""
    mark = "\N{WARNING SIGN} " if notice.kind == "Warning" else ""
    head = f"{notice.namespace}/{notice.model} {notice.version}: {notice.reason}"
    lines = [_one_line(head), _one_line(notice.message)]
    text = "\n".join(_escaped(line) for line in lines if line)
    return {"text": mark + text, "mrkdwn": False}


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)[:_SLACK_CHARACTERS]


def _escaped(text: str) -> str:
    return "".join(_SLACK_ESCAPES.get(character, character) for character in text)
