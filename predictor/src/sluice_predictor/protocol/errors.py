"""What a client is told when a request cannot be answered: a status and, as in KServe, `{"error": "…"}`."""

from __future__ import annotations

import orjson


class RequestError(Exception):
    """A request that is not answered; `message` says what was wrong and where, in one line."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        """Describe the refusal.

        Args:
            status: HTTP status; 4xx whenever the client can do something about it.
            message: for the client's eyes.
            retry_after: seconds after which the same request may succeed, if it may.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    def body(self) -> bytes:
        """Return the JSON that the client reads."""
        return orjson.dumps({"error": self.message})
