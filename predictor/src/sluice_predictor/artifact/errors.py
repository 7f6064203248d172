"""The one way in which a version's directory is refused."""

from __future__ import annotations


class ArtifactError(Exception):
    """A version's directory is not what its manifest says; the message is one line and names the file."""
