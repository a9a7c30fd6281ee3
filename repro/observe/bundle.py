"""The commits that no remote has, in one file that git can fetch from."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache

from repro.observe.git import Git, GitFailed, WorkTree
from repro.observe.redaction import masked_patch

BUNDLE_BYTES = 50 * 2**20
PIECE_BYTES = 4 * 2**20
OVERLAP = 8_192  # of the pieces of one large file: a private key has many lines
FILE = b"\ndiff --git "
NOT_PUSHED = ("HEAD", "--not", "--remotes")
# `--text`: what git takes for binary goes into the bundle, too, and is searched.
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-show-signature", "--text")


@dataclass(frozen=True)
class Unpushed:
    """What a stranger lacks who can reach the remotes."""

    bundle: bytes | None = None
    reason: str | None = None  # why there are such commits, and no bundle of them


@lru_cache(maxsize=2)  # the runs of one process mostly share their commit
def unpushed(tree: WorkTree, commit: str) -> Unpushed:
    """The commits up to this one, which is checked out, that no remote is known to have."""
    git = tree.git
    if not git.line("rev-list", "--max-count=1", *NOT_PUSHED):
        return Unpushed()
    what = f"commit {commit[:8]} is on no remote"
    try:
        size = int(git.line("rev-list", "--disk-usage", "--objects", *NOT_PUSHED))
        if size > BUNDLE_BYTES:
            return Unpushed(reason=f"{what} and its bundle is over {BUNDLE_BYTES // 2**20} MB")
        search = _Search()
        git.pour(search, "log", "--patch", "--cc", "--format=%an %ae %B", *PLAIN, *NOT_PUSHED)
        if search.has_found():
            return Unpushed(reason=f"{what} and its history holds a secret")
        return Unpushed(git("bundle", "create", "--quiet", "-", *NOT_PUSHED))
    except GitFailed as error:
        return Unpushed(reason=f"{what} and was not bundled: {error}")


class _Search:
    """Looks for secrets in what `git log --patch` writes, without holding all of it."""

    def __init__(self) -> None:
        self._rest = b""
        self._found = False

    def write(self, piece: bytes) -> int:
        """Look at the files that are complete; what a secret looks like depends on the file."""
        self._rest += piece
        end = self._rest.rfind(FILE)
        if len(self._rest) > PIECE_BYTES:
            self._look(self._rest[: end if end > 0 else PIECE_BYTES])
            self._rest = self._rest[end if end > 0 else PIECE_BYTES - OVERLAP :]
        return len(piece)

    def has_found(self) -> bool:
        """Whether there was one, in all of it."""
        self._look(self._rest)
        return self._found

    def _look(self, content: bytes) -> None:
        self._found = self._found or masked_patch(content) != content


def prerequisites(bundle: bytes) -> tuple[str, ...]:
    """The commits that have to be there before the bundle can be unpacked."""
    head = bundle.partition(b"\n\n")[0].split(b"\n")
    return tuple(line[1:].split()[0].decode() for line in head if line.startswith(b"-"))


def unbundle(git: Git, bundle: bytes) -> None:
    """Unpack the commits into a repository.

    Raises
    ------
    GitFailed
        A prerequisite is not there.
    """
    with tempfile.NamedTemporaryFile(prefix="repro-", suffix=".bundle") as file:
        file.write(bundle)
        file.flush()
        git("bundle", "unbundle", file.name)
