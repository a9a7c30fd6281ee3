"""Files and functions stay small enough to be read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FILE_LINES = 400
FUNCTION_LINES = 60
FILES = sorted(
    str(path.relative_to(PROJECT))
    for folder in ("repro", "tests", "examples")
    for path in (PROJECT / folder).rglob("*.py")
)


def _functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and length of each function, its docstring and decorators not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                docstring = node.body[0]
                assert docstring.end_lineno is not None
                lines -= docstring.end_lineno - docstring.lineno + 1
            yield node.name, lines


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_longer_than_400_lines(file: str) -> None:
    lines = len((PROJECT / file).read_text().splitlines())
    assert lines <= FILE_LINES, f"{file} has {lines} lines: split it by idea"


@pytest.mark.parametrize("file", FILES)
def test_no_function_is_longer_than_60_lines(file: str) -> None:
    long = {
        name: lines
        for name, lines in _functions((PROJECT / file).read_text())
        if lines > FUNCTION_LINES
    }
    assert not long, f"{file}: {long}"


def test_a_docstring_does_not_count_and_a_body_does() -> None:
    body = "".join(f"    x = {i}\n" for i in range(70))
    docstring = '    """Long.\n' + "\n" * 70 + '    """\n'
    measured = dict(_functions(f"def short():\n{docstring}    x = 1\nasync def long():\n{body}"))
    assert measured == {"short": 2, "long": 71}
