"""Where in the program something happens, and whose code that is."""

import ast
import linecache
import os
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Literal

Owner = Literal["user", "library", "python", "numpy", "torch", "ours", "generated"]
MAX_FRAMES = 60
MAX_CHARACTERS = 80
PACKAGES = ("site-packages", "dist-packages")
OURS = os.path.join(Path(__file__).parents[1], "")
TYPED = "typed"  # into a notebook or a prompt

Span = tuple[int, int, int, int]  # first line, last line, first byte, end byte; as ast counts


@dataclass(frozen=True)
class Place:
    """A line that runs now, and the expression on it."""

    file: str
    line: int
    span: Span | None  # of the expression; None: the interpreter was told to keep none

    def shown(self, root: Path) -> str:
        """`train.py:12`, relative to a folder; of a file elsewhere, only what is near its end."""
        path = Path(self.file)
        if not path.is_file():
            return f"{TYPED}:{self.line}"
        near = path.relative_to(root) if path.is_relative_to(root) else Path(*path.parts[-2:])
        return f"{near.as_posix()}:{self.line}"

    def text(self) -> str:
        """The source of the expression, its first line."""
        if self.span is None:
            return ""
        first, last, begin, end = self.span
        line = linecache.getline(self.file, first).encode()
        text = line[begin : end if first == last else None].decode(errors="replace").strip()
        is_cut = first != last or len(text) > MAX_CHARACTERS
        return f"{text[:MAX_CHARACTERS]}..." if text and is_cut else text


def place_of(frame: FrameType) -> Place:
    """Where a frame is."""
    return Place(frame.f_code.co_filename, frame.f_lineno, _span(frame))


def _span(frame: FrameType) -> Span | None:
    at = frame.f_lasti // 2  # two bytes to an instruction
    span = next(islice(frame.f_code.co_positions(), at, None), ())
    known = tuple(number for number in span if number is not None)
    return (known[0], known[1], known[2], known[3]) if len(known) == 4 else None


def frames_above(frame: FrameType | None) -> Iterator[FrameType]:
    """A frame and those that called it, the innermost first."""
    for _ in range(MAX_FRAMES):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


@lru_cache(maxsize=4096)
def owner_of(file: str) -> Owner:
    """Whose code a file is; what is typed is the user's.

    >>> import json
    >>> owner_of(json.__file__), owner_of("/home/me/train.py"), owner_of("<stdin>")
    ('python', 'user', 'user')
    """
    if file.startswith("<"):
        return _owner_without_file(file)
    if file.startswith(OURS):
        return "ours"
    library = library_of(file)
    if library in ("numpy", "torch"):
        return "numpy" if library == "numpy" else "torch"
    if library:
        return "library"
    return "python" if file.startswith(_standard_folders()) else "user"


def _owner_without_file(file: str) -> Owner:
    if file.startswith("<frozen"):
        return "python"
    is_typed = file == "<stdin>" or file.startswith("<ipython")
    return "user" if is_typed else "generated"


@lru_cache(maxsize=4096)
def library_of(file: str) -> str:
    """Name of the installed package that a file belongs to; empty: to none.

    >>> library_of("/venv/lib/python3.12/site-packages/optuna/samplers/_random.py")
    'optuna'
    """
    parts = Path(file).parts
    at = [index for index, part in enumerate(parts) if part in PACKAGES]
    if at and at[-1] + 1 < len(parts):
        return parts[at[-1] + 1].removesuffix(".py")
    return ""


@lru_cache(maxsize=1)
def _standard_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths["stdlib"], paths["platstdlib"], str(Path(random.__file__).parent)}
    return tuple(os.path.join(folder, "") for folder in found)


def expression_at(file: str, span: Span | None) -> ast.expr | ast.For | None:
    """What stands there in the source; None: it cannot be read, or is another by now."""
    tree = tree_of(file) if span is not None else None
    return _spans(tree).get(span) if tree is not None and span is not None else None


@lru_cache(maxsize=64)
def _spans(tree: ast.Module) -> dict[Span, ast.expr | ast.For]:
    found: dict[Span, ast.expr | ast.For] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.For)) and node.end_lineno and node.end_col_offset:
            span = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            found.setdefault(span, node)  # of one place, the outermost
    return found


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name; empty: it is none."""
    return str(getattr(node, "attr", getattr(node, "id", "")))


@lru_cache(maxsize=64)
def tree_of(file: str) -> ast.Module | None:
    """The syntax tree of a file or of a notebook's cell, as it was when first asked for."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
