"""How a command ends that cannot do what it was asked: one line, and an exit status that scripts can rely on."""


class CommandError(Exception):
    """Why it cannot, in one line that says what to do."""

    code = 1
    """Exit status. 1: the answer is no."""


class QuestionError(CommandError):
    """The question is wrong: an option, a file, a name that nothing has."""

    code = 2


class TimeoutEndedError(CommandError):
    """What was waited for has not come in time."""

    code = 3


class ClusterError(CommandError):
    """The cluster cannot be asked, or refuses.

    Args:
        message: Why, and what to do.
        status: The HTTP status of the API server's answer; 0 without one.
    """

    code = 5

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
