"""Digests of files, for comparisons that a failing test can print."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def digests(paths: Iterable[Path], root: Path) -> dict[str, str]:
    """Return the digest of each file by its path below the root."""
    return {str(path.relative_to(root)): digest(path.read_bytes()) for path in sorted(paths)}
