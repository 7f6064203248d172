"""What the API server can answer instead of what was asked: a closed family of errors."""


class ApiError(Exception):
    """The API server refused, or could not be reached."""

    def __init__(self, status: int, message: str, *, retry_after: float = 0.0) -> None:
        """Carry the HTTP status (0 without an answer), the server's own message and the seconds it asked to wait."""
        super().__init__(f"{status} {message}" if status else message)
        self.status = status
        self.retry_after = retry_after


class NotFoundError(ApiError):
    """The object, or its kind, is not there."""


class ConflictError(ApiError):
    """The object changed since it was read, or is there already."""


class GoneError(ApiError):
    """The server no longer has the history that was asked for."""


class InvalidError(ApiError):
    """The object is not valid, or admission refused it: asking again changes nothing."""


class UnavailableError(ApiError):
    """No answer, or one that says to come back later."""


class NotLeaderError(ApiError):
    """Nothing was sent: this process may not write now, because another may be leading."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidError,
    403: InvalidError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
}


def api_error(status: int, message: str, *, retry_after: float = 0.0) -> ApiError:
    """The error for an HTTP status."""
    return _BY_STATUS.get(status, UnavailableError)(status, message, retry_after=retry_after)
