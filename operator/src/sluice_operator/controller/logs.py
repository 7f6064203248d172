"""Logs as one JSON object a line. What is logged within `about` carries what it is about, whoever logs it."""

import contextlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_IDENTITY: ContextVar[Mapping[str, str]] = ContextVar("identity", default=MappingProxyType({}))
_TEXT = 8192
"""Characters of a message or a traceback: what others answer may be long."""
_SECRETS = (
    (re.compile(r"(://)[^/\s@\"']+@"), r"\1***@"),  # user and password in a URL
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
)


@contextlib.contextmanager
def about(**identity: str) -> Iterator[None]:
    """What every line that is logged while the block runs is about."""
    token = _IDENTITY.set({**_IDENTITY.get(), **identity})
    try:
        yield
    finally:
        _IDENTITY.reset(token)


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, what it is about, and whatever `extra` carried; never a credential."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _without_secrets(record.getMessage())[:_TEXT],
            **_IDENTITY.get(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = _without_secrets(self.formatException(record.exc_info))[-_TEXT:]
        return json.dumps(line, default=str)


def configure() -> None:
    """Log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _without_secrets(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
