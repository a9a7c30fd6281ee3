"""Reads what git's patches hold of files that are no text: deflated, then in base 85."""

import re
import zlib
from collections.abc import Iterator

import numpy as np

BEGIN = "\nGIT binary patch\n"
LARGEST = 64 * 2**20  # of one file that is looked into

_PIECE = re.compile(r"^(?:literal|delta) \d+\n((?:[A-Za-z]\S+\n)+)", re.MULTILINE)
_SIGNS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_DIGITS = np.zeros(256, dtype=np.uint64)
_DIGITS[np.frombuffer(_SIGNS, dtype=np.uint8)] = np.arange(85)
_POWERS = 85 ** np.arange(4, -1, -1, dtype=np.uint64)


def contents(patch: str) -> Iterator[bytes]:
    """Content of each binary file, and of each change to one, as far as it can be read."""
    for found in _PIECE.finditer(patch):
        lines = "".join(line[1:] for line in found[1].splitlines())  # the first sign is a length
        try:
            yield zlib.decompressobj().decompress(_bytes(lines), LARGEST)
        except (ValueError, zlib.error):
            continue


def _bytes(text: str) -> bytes:
    """Four bytes of every five signs; base64.b85decode takes ten times as long."""
    digits = _DIGITS[np.frombuffer(text.encode("ascii"), dtype=np.uint8)].reshape(-1, 5)
    return (digits @ _POWERS).astype(">u4").tobytes()
