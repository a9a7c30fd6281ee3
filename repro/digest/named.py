"""Digests of bytes, text, JSON and files; each names its algorithm (`blake3:9f2c...`)."""

import json
from collections.abc import Iterable
from pathlib import Path

from blake3 import blake3

PIECE = 2**20  # bytes of a file held at once


def digest_bytes(*chunks: bytes | bytearray | memoryview) -> str:
    """Digest of the chunks as if they were one."""
    hasher = blake3()
    for chunk in chunks:
        hasher.update(chunk)
    return f"blake3:{hasher.hexdigest()}"


def digest_json(value: object) -> str:
    """Digest of a JSON value, whatever the order of its keys."""
    return digest_bytes(canonical_json(value).encode())


def canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # Bytes of a path that are no UTF-8 come as lone surrogates; JSON's escape for them is the same.
    return text.encode("utf-8", "backslashreplace").decode()


def digest_file(path: Path) -> str:
    """Digest of a file's bytes, read in pieces."""
    # Not mapped into memory: a file that shrinks meanwhile would kill the process.
    hasher = blake3()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            hasher.update(piece)
    return f"blake3:{hasher.hexdigest()}"


def digest_set(items: Iterable[str]) -> str:
    """Digest of a set of strings."""
    return digest_json(sorted(set(items)))


def short(digest: str) -> str:
    """The first eight hexadecimal digits: for people, tags and tables.

    >>> short("blake3:0123456789abcdef")
    '01234567'
    """
    return digest.rpartition(":")[2][:8]
