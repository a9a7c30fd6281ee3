"""Content that is too large for the record: stored beside it, named by its digest."""

from collections.abc import Callable, Mapping

from repro.digest import digest_bytes
from repro.errors import RecordCorrupt

Evidence = Mapping[str, bytes]  # artifact path to content


def evidence_path(digest: str, suffix: str) -> str:
    """Artifact path of the content with this digest.

    >>> evidence_path("blake3:0123456789abcdef", "patch")
    'repro/0123456789ab.patch'
    """
    return f"repro/{digest.rpartition(':')[2][:12]}.{suffix}"


def fetched(artifact: Callable[[str], bytes], path: str, digest: str | None) -> bytes:
    """Content that a record refers to, proved by its digest.

    Raises
    ------
    RecordCorrupt
        It is not the one that was stored.
    """
    content = artifact(path)
    if digest_bytes(content) != digest:
        raise RecordCorrupt(f"{path} is not what the record refers to: it was changed afterwards.")
    return content
