"""What becomes of an order in the source: whether it goes on into a list, or is lost."""

import ast
from collections.abc import Iterator

from repro.observe.entropy_place import last_name

ORDERED = frozenset(  # functions that keep the order
    {
        *("enumerate", "filter", "list", "map", "tuple", "zip"),
        *("array", "asarray", "cat", "concat", "concatenate"),
        *("hstack", "stack", "tensor", "vstack"),
    }
)
KEEPING = frozenset({"append", "extend"})  # in a loop
SORTING = "sort"  # in the name of any function: sorted, natsorted, sort_values, argsort
DEFINITIONS = (ast.AsyncFunctionDef, ast.ClassDef, ast.FunctionDef)

Parents = dict[ast.AST, ast.AST]


def parents_of(tree: ast.Module) -> Parents:
    """What each node stands in."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _upwards(node: ast.AST, parents: Parents) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each node and what it stands in, up to its statement."""
    outer = parents[node]
    yield node, outer
    while not isinstance(outer, ast.stmt):
        node, outer = outer, parents[outer]
        yield node, outer


def is_forgotten(node: ast.AST, parents: Parents) -> bool:
    """Whether the order of what an expression gives is lost before its statement's end."""
    *inside, _ = _upwards(node, parents)
    return any(_forgets_order(outer, inner) for inner, outer in inside)


def _forgets_order(outer: ast.AST, inner: ast.AST) -> bool:
    """Whether the order is lost in an expression, or what becomes of it is not known."""
    if isinstance(outer, ast.Call):
        return inner in outer.args and last_name(outer.func) not in ORDERED
    if isinstance(outer, ast.Attribute):  # a method of it
        return True
    if isinstance(outer, ast.DictComp):  # class to number
        return not numbers(outer.generators[0].iter)
    kept = (ast.comprehension, ast.ListComp, ast.GeneratorExp, ast.Starred, ast.List, ast.BinOp)
    return not isinstance(outer, kept)


def fate_in_statement(node: ast.AST, parents: Parents) -> str:
    """What a statement makes of the order: kept, returned, or empty: nothing that is known."""
    inner, statement = list(_upwards(node, parents))[-1]
    return _of_statement(statement, inner, parents)


def _of_statement(statement: ast.AST, inner: ast.AST, parents: Parents) -> str:
    scope = scope_of(statement, parents)
    if any(map(sorts, within(scope))):
        return ""
    if isinstance(statement, ast.Return):
        return "returned"
    if isinstance(statement, ast.For) and inner is statement.iter:
        return "kept" if any(map(_keeps, _inside(statement.body))) else ""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name = statement.targets[0].id
        is_kept = any(_goes_through(node, name, parents) for node in within(scope))
        return "kept" if is_kept else ""
    return ""


def within(scope: ast.AST) -> Iterator[ast.AST]:
    """What a scope holds; of a file, only what is in no function."""
    if not isinstance(scope, ast.Module):
        return ast.walk(scope)
    return _inside([one for one in scope.body if not isinstance(one, DEFINITIONS)])


def _inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)


def sorts(node: ast.AST) -> bool:
    """Whether it sorts anything."""
    return isinstance(node, ast.Call) and SORTING in last_name(node.func)


def _keeps(node: ast.AST) -> bool:
    is_kept = isinstance(node, ast.Call) and last_name(node.func) in KEEPING
    return is_kept or isinstance(node, (ast.Yield, ast.YieldFrom))


def _goes_through(node: ast.AST, name: str, parents: Parents) -> bool:
    """Whether a loop or a list goes through a variable and keeps its order, or numbers it."""
    if isinstance(node, ast.For) and _is_of(node.iter, name):
        return any(map(_keeps, _inside(node.body)))
    if isinstance(node, ast.ListComp) and _is_of(node.generators[0].iter, name):
        return not is_forgotten(node, parents)
    if isinstance(node, ast.DictComp) and _is_of(node.generators[0].iter, name):
        return numbers(node.generators[0].iter)
    return False


def _is_of(iterated: ast.AST, name: str) -> bool:
    return last_name(iterated) == name or (
        isinstance(iterated, ast.Call)
        and last_name(iterated.func) in ORDERED
        and any(last_name(one) == name for one in iterated.args)
    )


def numbers(node: ast.AST) -> bool:
    """Whether it counts what it goes through."""
    return isinstance(node, ast.Call) and last_name(node.func) == "enumerate"


def scope_of(node: ast.AST, parents: Parents) -> ast.AST:
    """The function around a statement, the class around a method, or the file."""
    found = node
    while found in parents and not isinstance(found, DEFINITIONS):
        found = parents[found]
    outer = parents.get(found)
    return outer if isinstance(outer, ast.ClassDef) else found
