"""What a client is told when a request is not answered: a status and, as in KServe, `{"error": "…"}`, with more keys.

`code` is a stable word for programs, `error` a sentence for people, `field` the place in the request that is wrong and
`requestId` what to name when asking about it.
"""

from __future__ import annotations

import logging
from typing import Any

import orjson

from sluice_predictor.engine.errors import (
    DeadlineExceededError,
    EngineError,
    EngineLostError,
    InputError,
    ModelError,
    QueueFullError,
)
from sluice_predictor.protocol.request import InferenceRequest

_RETRY_AFTER = 1
_MAX_MESSAGE_CHARACTERS = 500

log = logging.getLogger(__name__)


class RequestError(Exception):
    """A request that is not answered; `message` says what was wrong and where, in one line."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        allow: str | None = None,
    ) -> None:
        """Describe the refusal.

        Args:
            status: HTTP status; 4xx whenever the client can do something about it.
            code: word that never changes its meaning.
            message: for the client's eyes.
            field: place in the request that is wrong, if it is one place.
            retry_after: seconds after which the same request may succeed, if it may.
            allow: the only method that the path takes, with status 405.
        """
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.allow = allow

    def body(self, *, request_id: str) -> bytes:
        """Return the JSON that the client reads."""
        document: dict[str, Any] = {"error": _sendable(self.message), "code": self.code, "requestId": request_id}
        if self.field is not None:
            document["field"] = _sendable(self.field)
        return orjson.dumps(document)


def invalid(field: str, problem: str, *, status: int = 400, code: str = "invalid_input") -> RequestError:
    """Make the refusal of what is in `field` of the request."""
    return RequestError(status, code, f"{field}: {problem}", field=field)


def queue_full() -> RequestError:
    """Make the refusal of a request for which the queue has no room."""
    return RequestError(
        503, "queue_full", "too many texts are waiting already; try again later", retry_after=_RETRY_AFTER
    )


def refusal(error: Exception, request: InferenceRequest) -> RequestError:
    """Turn what the engine raised for a request into what its client is told."""
    match error:
        case InputError():
            return _input_refusal(error, request)
        case QueueFullError():
            return queue_full()
        case EngineLostError():
            return RequestError(503, "engine_lost", str(error), retry_after=_RETRY_AFTER)
        case DeadlineExceededError():
            return RequestError(504, "deadline_exceeded", str(error))
        case ModelError() | EngineError():
            log.warning("%s", error)
            return RequestError(500, "model_failed", str(error))
        case _:
            log.error("a request failed for no reason of its own", exc_info=error)
            return RequestError(500, "internal_error", "the server failed on this request")


def _input_refusal(error: InputError, request: InferenceRequest) -> RequestError:
    if error.parameter is not None:
        return invalid(f"parameters.{error.parameter}", str(error), status=422, code="invalid_parameter")
    return invalid(f"{request.field}[{error.place}]", str(error), status=422, code="refused_input")


def _sendable(text: str) -> str:
    """Cut a message, and replace what UTF-8 cannot carry: it may quote the client."""
    return text[:_MAX_MESSAGE_CHARACTERS].encode("utf-8", "replace").decode()
