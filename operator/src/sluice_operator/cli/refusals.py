"""What the API server's refusals mean to the person who asked: one line each, and what to do."""

import json
import re
from typing import Any

from ..api.base import GROUP
from .errors import ClusterError

_LONGEST = 600
_BY_POLICY = re.compile(r".* denied request: (.*)", re.DOTALL)
"""The words of a ValidatingAdmissionPolicy, and what the API server says before them."""
_TRANSPORT = re.compile(r"^HTTPS?Connection\w*\([^)]*\): |^SSLError | \(_ssl\.c:\d+\)$")


def refusal(status: int, raw: bytes, *, path: str, context: str) -> ClusterError:
    """The error for an answer of 400 and more."""
    said, details = _said(raw)
    where = f" (context {context})" if context else ""
    by_policy = _BY_POLICY.match(said)
    if by_policy:
        return ClusterError(by_policy[1], status=status)
    if status == 401:
        said = f"the API server does not know who you are{where}: log in again, or choose another context"
    elif status == 403:
        said = f"{said}: `kubectl sluice check` lists what you may do"
    elif status == 404 and not details.get("name"):
        said = _no_kind(path, where)
    return ClusterError(said or f"the API server answers {status}{where}", status=status)


def unreachable(error: Exception, *, server: str, context: str) -> ClusterError:
    """The error where there was no answer, or one that cannot be read."""
    where = f" (context {context})" if context else ""
    if isinstance(error, ValueError | RecursionError):
        return ClusterError(f"what answers at {server} is no API server{where}: {_why(error)}")
    return ClusterError(f"cannot reach the API server at {server}{where}: {_why(error)}")


def _no_kind(path: str, where: str) -> str:
    if path.startswith(f"/apis/{GROUP}/"):
        return f"this cluster{where} has no kinds of {GROUP}: install Sluice's chart, or choose another context"
    return f"this cluster{where} does not serve {path}"


def _said(raw: bytes) -> tuple[str, dict[str, Any]]:
    """The server's own words and details, or the beginning of whatever a proxy in between answered."""
    try:
        status = json.loads(raw)
        status = status.get("object", status)  # as a watch wraps it
        details = status.get("details")
        return str(status["message"])[:_LONGEST], details if isinstance(details, dict) else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return raw[:200].decode(errors="replace").strip(), {}


def _why(error: BaseException) -> str:
    """The innermost reason, without the names of classes and addresses around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    told = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error) or type(error).__name__
    return _TRANSPORT.sub("", " ".join(str(told).split()))[:_LONGEST]
