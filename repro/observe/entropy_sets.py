"""Sets of texts whose order goes on into a list: it follows PYTHONHASHSEED.

No hook sees a set being gone through, so the source of the imported files is read instead. Told is
only a set that holds texts as far as the source shows, and none around which anything is sorted.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from repro.observe.entropy_order import (
    Parents,
    fate_in_statement,
    is_forgotten,
    numbers,
    parents_of,
    scope_of,
    sorts,
    within,
)
from repro.observe.entropy_place import Place, last_name, owner_of, tree_of
from repro.observe.modules import imported_files

MAX_FILES = 200  # of the user's
MAX_PLACES = 20
SET = re.compile(r"\bset\(|\bfrozenset\(|\{[^{}:]*(?:[\"']|\bfor\b)", re.DOTALL)
SETS = frozenset({"set", "frozenset"})
LISTS = frozenset({"array", "asarray", "list", "tensor", "tuple"})
TEXTS = frozenset(  # methods and functions that return texts
    {
        *("capitalize", "decode", "format", "join", "lower", "removeprefix", "removesuffix"),
        *("replace", "str", "strip", "title", "upper"),
    }
)
SPLITS = frozenset({"split", "splitlines"})


def kept_orders(root: Path) -> list[Place]:
    """Where the user's imported files below a folder keep the order of a set of texts."""
    own = (file for file in map(str, imported_files(root)) if owner_of(file) == "user")
    found = (place for file in islice(own, MAX_FILES) for place in _in_file(file))
    return list(islice(found, MAX_PLACES))


@lru_cache(maxsize=MAX_FILES)
def _in_file(file: str) -> tuple[Place, ...]:
    try:
        with open(file, encoding="utf-8") as source:
            if not SET.search(source.read()):
                return ()
    except (OSError, UnicodeDecodeError):
        return ()
    tree = tree_of(file)
    return tuple(_in_tree(file, tree)) if tree is not None else ()


def _in_tree(file: str, tree: ast.Module) -> Iterator[Place]:
    parents = parents_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _is_set_of_texts(node) and _is_kept(node, parents):
            last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
            yield Place(file, node.lineno, (node.lineno, last, node.col_offset, end))


def _is_set_of_texts(node: ast.expr) -> bool:
    if isinstance(node, ast.Set):
        return any(map(_is_text, node.elts))
    if isinstance(node, ast.SetComp):
        return _is_text(node.elt)
    is_made = isinstance(node, ast.Call) and last_name(node.func) in SETS and len(node.args) == 1
    return is_made and _holds_texts(node.args[0])  # type: ignore[attr-defined]  # a call


def _holds_texts(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return any(map(_is_text, node.elts))
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return _is_text(node.elt)
    return isinstance(node, ast.Call) and last_name(node.func) in SPLITS


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Call):
        return last_name(node.func) in TEXTS
    return isinstance(node, ast.JoinedStr)


def _is_kept(node: ast.expr, parents: Parents) -> bool:
    if is_forgotten(node, parents) or any(map(sorts, within(scope_of(node, parents)))):
        return False
    if _becomes_list(node, parents) or fate_in_statement(node, parents) == "kept":
        return True
    name = _assigned(parents[node])
    return bool(name) and any(
        _lists(other, name) and not is_forgotten(other, parents)
        for other in within(scope_of(node, parents))
    )


def _becomes_list(node: ast.AST, parents: Parents) -> bool:
    """Whether it is one before its statement ends."""
    outer = parents[node]
    while not isinstance(outer, ast.stmt):
        is_made = isinstance(outer, ast.Call) and last_name(outer.func) in LISTS
        is_numbered = isinstance(outer, ast.DictComp) and numbers(outer.generators[0].iter)
        if is_made or is_numbered or isinstance(outer, ast.ListComp):
            return True
        outer = parents[outer]
    return False


def _assigned(statement: ast.AST) -> str:
    """Name of the variable; empty: it is no assignment to one."""
    is_one = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    return last_name(statement.targets[0]) if is_one else ""  # type: ignore[attr-defined]  # as said


def _lists(node: ast.AST, name: str) -> bool:
    is_made = isinstance(node, ast.Call) and last_name(node.func) in LISTS
    return is_made and any(last_name(one) == name for one in node.args)  # type: ignore[attr-defined]
