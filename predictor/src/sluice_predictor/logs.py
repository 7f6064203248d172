"""The log: one JSON object per line on standard error, whoever writes it, and nothing of what clients send.

A line has `time` (RFC 3339, UTC), `level`, `logger` and `message`; what is given as `extra` becomes further fields.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from datetime import UTC, datetime

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.removesuffix("+00:00") + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logs() -> None:
    """Send every logger's lines, and Python's warnings, through the formatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # KServe's and uvicorn's lines say what ours say already, and some of them for every request.
    for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # KServe's own use of it, which is nothing to whoever reads this server's log.
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
