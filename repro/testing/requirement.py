"""What a contract check demands."""

from __future__ import annotations


def require(holds: object, message: str) -> None:
    """An assertion that `python -O` keeps."""
    if not holds:
        raise AssertionError(message)
