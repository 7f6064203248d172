"""One POST of a notice, signed as Standard Webhooks has it (https://www.standardwebhooks.com).

The signature is over id, time and body, so that none of them can be changed, and an old one cannot be sent again later.
Address and key are files, read anew for every try: a Secret that changes is seen without a restart. Neither is ever in
an error, because errors are logged. Redirects are not followed: who answers with one could have us post elsewhere.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import math
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from .notices import Format, Notice, body

KEY_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
"""How long a key may be; from Standard Webhooks."""
_SECONDS = 10.0
_MOST_BYTES = 4096
"""Of an address or a key."""
_URL = re.compile(r"https?://[^\s]+")
_PASSING = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_LONGEST_WAIT = 120.0


class UndeliveredError(Exception):
    """A notice was not taken; the message says why, without the address."""


class PassingError(UndeliveredError):
    """The same notice may be taken when it is sent again."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the receiver asks to be left alone."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where notices go."""

    name: str
    """As logs and metrics call it."""
    form: Format
    url_file: Path
    key_file: Path | None = None
    """The signing key; None: nothing is signed."""
    events: frozenset[str] = frozenset()
    """The reasons that are told there; all where none is named."""

    def wants(self, reason: str) -> bool:
        """Whether a reason is told there."""
        return not self.events or reason in self.events


async def post(notice: Notice, to: Destination, *, session: aiohttp.ClientSession, now: float) -> None:
    """Send a notice once.

    Args:
        notice: What happened.
        to: Where it goes.
        session: Without cookies.
        now: The time of this try, in Unix seconds.

    Raises:
        PassingError: It was not taken, and may be later.
        UndeliveredError: It was not taken, and the same will not be.
    """
    url = _read(to.url_file, what="address")
    if not _URL.fullmatch(url):
        raise UndeliveredError("its Secret has no address that begins with http:// or https://")
    content = body(notice, to.form)
    headers = {"Content-Type": "application/json", "User-Agent": "sluice-operator"}
    if to.key_file is not None:
        timestamp = int(now)
        signed = signature(key_of(_read(to.key_file, what="key")), id_=notice.id, timestamp=timestamp, content=content)
        headers |= {"webhook-id": notice.id, "webhook-timestamp": str(timestamp), "webhook-signature": signed}
    try:
        # A bound of ours: aiohttp's own may swallow a cancellation.
        async with (
            asyncio.timeout(_SECONDS),
            session.post(
                url, data=content, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=None)
            ) as response,
        ):
            status, wait = response.status, _retry_after(response.headers.get("Retry-After", ""))
    except aiohttp.InvalidURL:
        raise UndeliveredError("its Secret has no address that can be read") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise PassingError(type(error).__name__) from None  # its words may have the address
    if status in _PASSING or status >= _SERVER_ERROR:
        raise PassingError(f"HTTP {status}", retry_after=wait)
    if not 200 <= status < 300:
        raise UndeliveredError(f"HTTP {status}")


def key_of(text: str) -> bytes:
    """The key that whsec_… stands for.

    Raises:
        UndeliveredError: It is not such a key.
    """
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(KEY_PREFIX) or len(key) not in _KEY_BYTES:
        raise UndeliveredError(f"its Secret has no key of the form {KEY_PREFIX}BASE64 with 24 to 64 bytes")
    return key


def signature(key: bytes, *, id_: str, timestamp: int, content: bytes) -> str:
    """The header webhook-signature, from Standard Webhooks: v1 is HMAC with SHA-256."""
    signed = hmac.new(key, f"{id_}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _read(file: Path, *, what: str) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        # The Secret may be about to come.
        raise PassingError(f"its Secret's {what} cannot be read: {type(error).__name__}") from None


def _retry_after(text: str) -> float:
    """Seconds, where they are said in a way that can be believed; the form with a date is not read."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else 0.0
