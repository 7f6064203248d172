"""How a Prometheus is reached: where it is, whom to trust, and what to show it; and what it may be asked.

Credentials are files, read anew for every question: a Secret that changes is seen without a restart.
"""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class GatewayKind(StrEnum):
    """The Gateways whose counters can be read."""

    CONTOUR = "contour"
    ISTIO = "istio"


@dataclass(frozen=True, slots=True)
class Access:
    """One Prometheus, or what speaks like one: Thanos, Mimir."""

    url: str
    """Without the path of the query API."""
    ca_file: Path | None = None
    """The authorities its certificate is checked against; None: those of the machine."""
    token_file: Path | None = None
    """A bearer token."""
    username_file: Path | None = None
    """With the password, for basic authentication."""
    password_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every question."""
    gateway: GatewayKind | None = None
    """The Gateway that it scrapes; None where nobody said."""
    custom_queries: bool = False
    """Whether it may be asked what versions write into their gates."""

    def shown(self) -> dict[str, str]:
        """The headers of a question, credentials included.

        Raises:
            OSError: when a file cannot be read.
        """
        headers = dict(self.headers)
        if self.token_file is not None:
            headers["Authorization"] = f"Bearer {_secret(self.token_file)}"
        elif self.username_file is not None and self.password_file is not None:
            pair = f"{_secret(self.username_file)}:{_secret(self.password_file)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return headers


class Trust:
    """The TLS context for an authority's file, made anew when the file changes."""

    def __init__(self, ca_file: Path | None) -> None:
        """Trust the authorities in a file, or those of the machine."""
        self._file = ca_file
        self._context: ssl.SSLContext | bool = True
        self._read_at = -1

    def context(self) -> ssl.SSLContext | bool:
        """What aiohttp wants to be told.

        Raises:
            OSError: when the file cannot be read or is no certificate.
        """
        if self._file is not None and (changed := self._file.stat().st_mtime_ns) != self._read_at:
            self._context = ssl.create_default_context(cafile=self._file)
            self._read_at = changed
        return self._context


def _secret(file: Path) -> str:
    return file.read_text().strip()
