"""Runs git: bytes in, bytes out, a time limit, and nothing of the user's taste in the output."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

GIT_SECONDS = 60.0
TRIES = 10
FLAGS = (
    *("--no-optional-locks", "-c", "core.quotepath=off", "-c", "color.ui=false"),
    *("-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "core.fsmonitor=false"),
    *("-c", "core.splitIndex=false"),  # a split index would put its half into `.git`
    *("-c", "core.safecrlf=false", "-c", "pack.threads=1"),  # one thread: the same pack every time
    *("-c", "protocol.version=2"),  # which hands out any commit, not only the ends of branches
)

# Variables by which git hands its own repository on to the hooks and commands that it runs.
PLACES = (
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE"),
    *("GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_WORK_TREE"),
)

# Against the user's configuration, in which a patch may come out that no one can apply.
COMPARE = (
    *("--no-ext-diff", "--no-textconv", "--no-color"),
    *("--submodule=short", "--ignore-submodules=none"),
)
PATCH = (*COMPARE, "--binary", "--full-index", "--unified=3")
APPLY = ("--cached", "--binary", "--whitespace=nowarn")


class GitFailed(Exception):
    """A git command did not do what it was asked to; the message is git's own."""

    def __init__(self, message: str, status: object = None) -> None:
        super().__init__(message)
        self.status = status  # of the process


@dataclass(frozen=True)
class Git:
    """git in one folder."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None  # after which a command is killed; None: GIT_SECONDS

    def __call__(self, *words: str, stdin: bytes = b"") -> bytes:
        """Output of a command, byte for byte."""
        return cast(bytes, self._execute(words, stdin, stdout_as_string=False))

    def line(self, *words: str, stdin: bytes = b"") -> str:
        """Output of a command as text, without the newline at its end."""
        return os.fsdecode(self(*words, stdin=stdin)).rstrip("\n")

    def pour(self, sink: Any, *words: str) -> None:
        """Hand the output of a command to `sink.write`, piece by piece."""
        self._execute(words, b"", output_stream=sink, max_chunk_size=2**20)

    def having(self, **variables: object) -> "Git":
        """The same with more variables in its environment."""
        return replace(
            self, variables={**self.variables, **{k: str(v) for k, v in variables.items()}}
        )

    def _execute(self, words: tuple[str, ...], stdin: bytes, **how: Any) -> object:
        try:
            from git.exc import CommandError  # 0.1 s
        except ImportError as error:  # how GitPython says that there is no git
            raise GitFailed("git is not installed, or not on PATH") from error
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            how |= {"istream": given, "env": dict(self.variables)}
            how |= {
                "strip_newline_in_stdout": False,
                "kill_after_timeout": self.seconds or GIT_SECONDS,
            }
            how |= {"start_new_session": True}  # a Ctrl-C is meant for the training
            try:
                return self._started([*self._alone(), "git", *FLAGS, *words], how)
            except CommandError as error:
                raise GitFailed(_said(words, error), error.status) from error

    def _started(self, command: list[str], how: dict[str, Any], n_tries: int = TRIES) -> object:
        """Output; once more if another thread removed a variable while GitPython copied them."""
        from git import Git as Runner

        try:
            return Runner(self.folder).execute(command, **how)
        except KeyError:  # before the process was started
            if n_tries == 1:
                raise
            return self._started(command, how, n_tries - 1)

    def _alone(self) -> tuple[str, ...]:
        """Keeps git from the repository that a hook of the user's names: it writes to its index."""
        named = [name for name in PLACES if name in os.environ and name not in self.variables]
        return ("env", *(f"--unset={name}" for name in named)) if named else ()


def _said(words: tuple[str, ...], error: Any) -> str:
    """What git wrote, in one line."""
    text = error.stderr.strip().removeprefix("stderr: '").removesuffix("'")
    return f"git {words[0]}: {' '.join(text.split()) or f'exit status {error.status}'}"


@dataclass(frozen=True)
class WorkTree:
    """Where a checked out repository is."""

    root: Path
    git_folder: Path  # of this work tree
    common_folder: Path  # of the repository; the same but in a linked work tree

    @property
    def git(self) -> Git:
        """git at its root."""
        return Git(self.root)


def work_tree_around(folder: Path) -> WorkTree:
    """The innermost work tree that a folder is in.

    Raises
    ------
    GitFailed
        There is none, or git refuses to read it.
    """
    git = Git(folder)
    asked = ("rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    root, git_folder, common = git.line(*asked).split("\n")
    return WorkTree(Path(root), Path(git_folder), (folder / common).resolve())


@contextmanager
def scratch_repository(
    *, borrow: tuple[Path, ...] = (), object_format: str = "sha1"
) -> Iterator[Git]:
    """An empty repository in a temporary folder, which reads the objects of others.

    Parameters
    ----------
    borrow : folders of repositories
        Their objects can be read; nothing is written to them.
    """
    with tempfile.TemporaryDirectory(prefix="repro-git-") as name:
        root = Path(name).resolve()
        git = new_repository(root / "tree", object_format)
        alternates = "".join(f"{folder / 'objects'}\n" for folder in borrow)
        (root / "tree" / ".git" / "objects" / "info").mkdir(exist_ok=True)
        (root / "tree" / ".git" / "objects" / "info" / "alternates").write_text(alternates)
        yield git


def new_repository(folder: Path, object_format: str = "sha1") -> Git:
    """An empty repository that nothing of the user's environment can mistake for another one."""
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder, {"GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(folder)})
    git("init", "-q", "--template=", f"--object-format={object_format}")
    return git


def rebuild(git: Git, commit: str | None, patch: bytes) -> str:
    """Tree id of what the patch makes of the commit; it is left in the index.

    Raises
    ------
    GitFailed
        The commit is not there, or the patch does not apply.
    """
    git("read-tree", commit or "--empty")
    if patch:
        git("apply", *APPLY, stdin=patch)
    return git.line("write-tree")


def has_commit(git: Git, commit: str) -> bool:
    """Whether the repository can read the commit."""
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}")
    except GitFailed:
        return False
    return True


def end_lines(git: Git, autocrlf: str | None, eol: str | None) -> None:
    """Make checkouts end their lines as in the recorded repository, whatever this machine does."""
    git("config", "core.autocrlf", autocrlf or "false")
    git("config", "core.eol", eol or "lf")
    git("config", "core.attributesFile", os.devnull)
