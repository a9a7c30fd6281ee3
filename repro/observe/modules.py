"""Files that the process has imported."""

import ast
import os
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from repro.digest import digest_bytes
from repro.facts.code import Module


def imported_files(root: Path) -> tuple[Path, ...]:
    """Files under the root that this process has imported; those of an environment left out."""
    found = set()
    inside = f"{root}{os.sep}"
    for module in list(sys.modules.values()):
        # Not `module.__file__`: of a lazy module, that would be an import.
        source = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(source, str) and (path := _resolved(source)).startswith(inside):
            found.add(Path(path))
    return tuple(sorted(p for p in found if p.is_file() and not _is_installed(p, root)))


@cache
def _resolved(source: str) -> str:
    """Costs 60 us, and twice a run thousands of files are looked at: as text, to be compared."""
    return str(Path(source).resolve())


def _is_installed(path: Path, root: Path) -> bool:
    """Whether it belongs to an environment that lies inside the repository."""
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    inside = [prefix for prefix in prefixes if prefix != root and prefix.is_relative_to(root)]
    return "site-packages" in path.parts or any(path.is_relative_to(prefix) for prefix in inside)


def modules_of(sources: Mapping[Path, bytes], root: Path) -> tuple[Module, ...]:
    """The Python sources among these files, by path."""
    return tuple(
        Module(path=path.relative_to(root).as_posix(), digest=source_digest(source))
        for path, source in sorted(sources.items())
        if path.suffix == ".py"
    )


@cache  # a killed run's are taken early; the end does not pay twice
def source_digest(source: bytes | str) -> str:
    """Digest of Python source by its syntax tree: comments, layout and docstrings do not count.

    The docstring of a module does: command lines are parsed by it (docopt, argparse).

    >>> source_digest("x = 1  # one") == source_digest("x=1")
    True
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # Python said them when it was imported
            tree = without_docstrings(ast.parse(source))
        return digest_bytes(ast.dump(tree).encode("utf-8", "surrogatepass"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return digest_bytes(source if isinstance(source, bytes) else source.encode())


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The tree, changed in place: of functions and classes, not of the module."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree
