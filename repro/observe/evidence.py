"""Content that is too large for the record: stored beside it, named by its digest."""

from collections.abc import Mapping

Evidence = Mapping[str, bytes]  # artifact path to content


def evidence_path(digest: str, suffix: str) -> str:
    """Artifact path of the content with this digest.

    >>> evidence_path("blake3:0123456789abcdef", "patch")
    'repro/0123456789ab.patch'
    """
    return f"repro/{digest.rpartition(':')[2][:12]}.{suffix}"
