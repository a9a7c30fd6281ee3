"""Digests of source that a refactoring keeps: names that nobody outside sees do not count.

Left out are the names of the local variables of functions, and of own files that are imported from.
Where a text could name a variable, in `eval`, `locals` or a query of pandas, its name counts.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

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
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef, *COMPREHENSIONS)
WORD = re.compile(r"\w+")
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

Origin = tuple[int, str | None]  # of a `from` import: dots and name


def sources_of(sources: Mapping[Path, bytes], root: Path) -> tuple[Source, ...]:
    """The Python sources among these files, by path, with what they import of each other."""
    named = {path.relative_to(root).as_posix(): text for path, text in sorted(sources.items())}
    files = Files([path for path in named if path.endswith(".py")])
    return tuple(_source(path, named[path], files) for path in files.paths)


class Files:
    """The user's own files, found by what an import calls them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        ends = [(end, path) for path in paths for end in _ends(path)]
        n_files = Counter(end for end, _ in ends)
        self._by_end = {end: path for end, path in ends if n_files[end] == 1}

    def imported(self, origin: Origin, importer: str) -> str | None:
        """The file that this one imports from; None: a library, or it cannot be told."""
        level, module = origin
        if module is None:
            return None
        names = tuple(module.split("."))
        if not level:
            return self._by_end.get(names)
        folder = PurePosixPath(importer).parents[level - 1 :][:1]
        found = [one.joinpath(*names).as_posix() for one in folder]
        paths = (f"{one}{end}" for one in found for end in (".py", "/__init__.py"))
        return next((path for path in paths if path in self.paths), None)


def _ends(path: str) -> Iterator[tuple[str, ...]]:
    """What the file may be called from any folder: pkg.metrics, metrics."""
    names = PurePosixPath(path.removesuffix(".py").removesuffix("/__init__")).parts
    return (names[at:] for at in range(len(names)))


def _source(path: str, text: bytes, files: Files) -> Source:
    digest, imports = _without_imports(text)
    found = [(origin, files.imported(origin, path)) for origin in imports]
    foreign = [None if file else origin for origin, file in found]
    own = tuple(file for _, file in found if file)
    return Source(path=path, digest=digest_json([digest, foreign]), imports=own)


@cache  # a killed run's are taken early; the end does not pay twice
def _without_imports(text: bytes) -> tuple[str, tuple[Origin, ...]]:
    """Digest without the names of what is imported from, and these names."""
    try:
        tree = _without_names(text)
    except UNREADABLE:
        return digest_bytes(text), ()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module))
            node.level, node.module = 0, None
    return _digest(tree), tuple(found)


@cache
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
        names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        if not names & BY_TEXT:
            _Numbering(frozenset(_called(function))).visit(function)
    return tree


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
        names = [name for name in dict.fromkeys(_bound(binding)) if name not in self._kept]
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
