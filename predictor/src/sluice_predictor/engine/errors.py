"""Why the engine did not answer; the protocols turn each into a status."""

from __future__ import annotations


class EngineError(Exception):
    """A request that got no answer; the message is for the client's eyes."""


class QueueFullError(EngineError):
    """So many texts wait that another request would only wait longer; nothing of it was run."""


class DeadlineExceededError(EngineError):
    """The request's time was up before its answer was there."""


class EngineLostError(EngineError):
    """The engine's process died, or is not back yet; the same request may succeed in a moment."""


class ModelError(EngineError):
    """The model raised on this request's input."""


class InputError(EngineError):
    """A text cannot be answered as it was asked: the client's fault.

    `place` is the text's index in the request; `parameter` names the request parameter that is wrong, if it is that.
    """

    def __init__(self, message: str, *, place: int, parameter: str | None = None) -> None:
        """Say what is wrong with which text."""
        super().__init__(message)
        self.place = place
        self.parameter = parameter


class EngineFailedError(Exception):
    """The engine cannot be started, or not any more; the message is one line that says why."""
