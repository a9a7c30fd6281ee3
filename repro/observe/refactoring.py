"""Digests of source that a refactoring keeps: names that nobody outside sees do not count.

Left out are the names of the local variables of functions, and of own files that are imported from.
Where a text could name a variable, in `eval`, `locals` or a query of pandas, its name counts.
"""

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from repro.digest import digest_bytes, digest_json
from repro.facts.code import Source
from repro.observe.modules import source_digest, without_docstrings

# Where the tree holds the name of a variable.
NAMED_BY = {
    ast.Name: "id",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}
BY_TEXT = {"locals", "vars", "dir", "eval", "exec", "compile"}
BY_FRAME = {"_getframe", "currentframe", "f_locals"}
TOLD_A_TEXT = {"eval", "exec", "query"}  # methods; that of a torch model is told nothing
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef, *COMPREHENSIONS)
WORD = re.compile(r"\w+")
SOURCE_FOLDERS = (".", "src")  # from which modules are imported, beside those above the importer
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

Origin = tuple[int, str | None, tuple[str, ...]]  # of a `from` import: dots, module, names


def sources_of(sources: Mapping[Path, bytes], root: Path) -> tuple[Source, ...]:
    """The Python sources among these files, by path, with what they import of each other."""
    named = {path.relative_to(root).as_posix(): text for path, text in sorted(sources.items())}
    files = Files([path for path in named if path.endswith(".py")], root)
    return tuple(_source(path, named[path], files) for path in files.paths)


class Files:
    """The user's own files, found by what an import calls them."""

    def __init__(self, paths: Sequence[str], root: Path) -> None:
        self.paths = paths
        self._root = root

    def imported(self, origin: Origin, importer: str) -> tuple[str, ...]:
        """The files that this one imports from; none: a library, or it cannot be told."""
        level, module, names = origin
        parts = tuple(module.split(".")) if module else ()
        asked = [parts, *((*parts, name) for name in names)]  # a name may be that of a module
        found = (self._found(level, one, PurePosixPath(importer)) for one in asked)
        return tuple(path for path in found if path is not None)

    def _found(self, level: int, names: tuple[str, ...], importer: PurePosixPath) -> str | None:
        module = None if level else sys.modules.get(".".join(names))
        if getattr(module, "__file__", None):
            return self._file_of(module)
        above = [folder.as_posix() for folder in importer.parents]
        folders = above[level - 1 :][:1] if level else [*above, *SOURCE_FOLDERS]
        stems = (PurePosixPath(folder, *names).as_posix() for folder in folders)
        paths = (f"{stem}{end}" for stem in stems for end in (".py", "/__init__.py"))
        found = {path for path in paths if path in self.paths}
        return found.pop() if len(found) == 1 else None

    def _file_of(self, module: Any) -> str | None:
        """Of a module that is loaded; None: it is none of the user's."""
        file = Path(module.__file__)
        within = (
            one.relative_to(self._root)
            for one in (file, file.resolve())
            if one.is_relative_to(self._root)
        )
        return next((path.as_posix() for path in within if path.as_posix() in self.paths), None)


def _source(path: str, text: bytes, files: Files) -> Source:
    digest, origins = _without_imports(text)
    found = [files.imported(origin, path) for origin in origins]
    foreign = [None if own else origin[:2] for origin, own in zip(origins, found, strict=True)]
    own = tuple(file for files_of_one in found for file in files_of_one)
    return Source(path=path, digest=digest_json([digest, foreign]), imports=own)


@lru_cache(maxsize=1024)  # a killed run's are taken early; the end does not pay twice
def _without_imports(text: bytes) -> tuple[str, tuple[Origin, ...]]:
    """Digest without the names of what is imported from, and these names."""
    try:
        tree = _without_names(text)
    except UNREADABLE:
        return digest_bytes(text), ()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module, tuple(alias.name for alias in node.names)))
            node.level, node.module = 0, None
    return _digest(tree), tuple(found)


@lru_cache(maxsize=1024)
def definition_digest(source: str) -> str:
    """Digest of the source of a function or class, without the names of its local variables.

    >>> one, other = "def f(x):\\n  y = x\\n  return y", "def f(x):\\n  z = x\\n  return z"
    >>> definition_digest(one) == definition_digest(other)
    True
    """
    try:
        return _digest(_without_names(source))
    except UNREADABLE:
        return source_digest(source)


def _digest(tree: ast.Module) -> str:
    return digest_bytes(ast.dump(tree).encode("utf-8", "surrogatepass"))


def _without_names(source: bytes | str) -> ast.Module:
    """The syntax tree, the local variables of each outermost function numbered."""
    with warnings.catch_warnings(action="ignore"):  # Python said them when it was imported
        tree = without_docstrings(ast.parse(source))
    for function in _outermost_functions(tree):
        if not any(map(_asks_by_text, ast.walk(function))):
            _Numbering(frozenset(_called(function))).visit(function)
    return tree


def _asks_by_text(node: ast.AST) -> bool:
    """Whether it may name a variable by a text that is not seen here."""
    match node:
        case ast.Name(id=name):
            return name in BY_TEXT | BY_FRAME
        case ast.Attribute(attr=name):
            return name in BY_FRAME
        case ast.Call(func=ast.Attribute(attr=name), args=[text, *_]) if name in TOLD_A_TEXT:
            return not isinstance(text, ast.Constant)
        case ast.Call(func=ast.Attribute(attr=name), keywords=[_, *_]):
            return name in TOLD_A_TEXT
    return False


def _outermost_functions(node: ast.AST) -> Iterator[ast.AST]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, FUNCTIONS):
            yield inner
        else:
            yield from _outermost_functions(inner)


def _called(function: ast.AST) -> Iterator[str]:
    """Names by which something may be asked for: of arguments, functions, modules, attributes.

    And words of texts: a query of pandas names variables in them.
    """
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from WORD.findall(node.value)
        elif isinstance(node, ast.ClassDef):
            yield node.name
            yield from _bound(node.body)
        elif isinstance(node, FUNCTIONS):
            yield node.name


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that are assigned in one scope, those inside it left out."""
    for node in nodes:
        name = getattr(node, NAMED_BY.get(type(node), ""), None)
        is_read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        if name is not None and not is_read:
            yield name
        if not isinstance(node, SCOPES):
            yield from _bound(ast.iter_child_nodes(node))


class _Numbering(ast.NodeVisitor):
    """Numbers variables in the order in which their scopes begin; a tree is changed in place."""

    def __init__(self, kept: frozenset[str]) -> None:
        self._kept = kept
        self._scopes: list[dict[str, str]] = []  # the innermost last
        self._n_numbered = 0

    def visit(self, node: ast.AST) -> None:
        """A node, and what is inside it."""
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            outside = [node.args, *getattr(node, "decorator_list", ())]
            body = node.body if isinstance(node.body, list) else [node.body]
            self._visit_all([*outside, *filter(None, [getattr(node, "returns", None)])])
            self._visit_inside(body, body)
        elif isinstance(node, COMPREHENSIONS):
            self.visit(node.generators[0].iter)
            targets = [one.target for one in node.generators]
            others = [one.iter for one in node.generators[1:]]
            conditions = [test for one in node.generators for test in one.ifs]
            values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            self._visit_inside(targets, [*targets, *others, *conditions, *values])
        else:
            self._rename(node)
            self.generic_visit(node)

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _visit_inside(self, binding: Sequence[ast.AST], nodes: Sequence[ast.AST]) -> None:
        bound = dict.fromkeys(_bound(binding))  # Python mangles names with two underscores
        names = [name for name in bound if not (name in self._kept or "__" in name)]
        numbers = range(self._n_numbered, self._n_numbered + len(names))
        self._n_numbered += len(names)
        self._scopes.append({name: f"<{n}>" for name, n in zip(names, numbers, strict=True)})
        self._visit_all(nodes)
        self._scopes.pop()

    def _rename(self, node: ast.AST) -> None:
        field = NAMED_BY.get(type(node))
        if field is not None:
            name = getattr(node, field)
            found = (scope[name] for scope in reversed(self._scopes) if name in scope)
            setattr(node, field, next(found, name))
