"""Recorded values as people read them, in columns that line up."""

import re
from collections.abc import Sequence

from rich.text import Text

from repro.digest import short
from repro.digest.row_set import Estimate
from repro.facts.fact import Scalar

MAX_CHARACTERS = 48
MAX_VALUES = 3
MAX_LISTED = 5
DIGEST = re.compile(r"[\w/]+:[0-9a-f]{8,}")
GIT_ID = re.compile(r"[0-9a-f]{40}")


def shown(value: Scalar) -> str:
    """One value: digests by their first eight digits, long text cut in the middle.

    >>> shown("blake3:0123456789abcdef"), shown(0.1), shown(None), shown(True)
    ('01234567', '0.1', 'none', 'true')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    text = whole(value)
    if DIGEST.fullmatch(text) or GIT_ID.fullmatch(text):
        return short(text)
    if len(text) <= MAX_CHARACTERS:
        return text
    half = (MAX_CHARACTERS - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def whole(value: Scalar) -> str:
    """One value as it is recorded, on one line.

    >>> whole("two\\nlines"), whole(None), whole(False)
    ('two lines', 'none', 'false')
    """
    if value is None or isinstance(value, bool):
        return shown(value)
    return " ".join(str(value).split()) or "''"


def shown_all(values: Sequence[Scalar]) -> str:
    """Distinct values of several runs.

    >>> shown_all((0, 1, 2, 3)), shown_all(())
    ('0, 1, 2 and 1 more', '-')
    """
    text = ", ".join(shown(value) for value in values[:MAX_VALUES]) or "-"
    n_more = len(values) - MAX_VALUES
    return f"{text} and {n_more} more" if n_more > 0 else text


def listed(items: Sequence[str]) -> str:
    """The first of many, and how many more there are.

    >>> listed(["a", "b"]), listed(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(items) - MAX_LISTED} more" if len(items) > MAX_LISTED else ""
    return f"{', '.join(items[:MAX_LISTED])}{more}"


def estimated(count: Estimate | None) -> str:
    """A number of rows, with its standard error if they were not all counted.

    >>> estimated(Estimate(1200.0)), estimated(Estimate(112_000.0, error=310.4)), estimated(None)
    ('1,200', '112,000 +- 310', '0')
    """
    if count is None or not count.error:
        return f"{count.n if count else 0:,.0f}"
    return f"{count.n:,.0f} +- {count.error:,.0f}"


def columns(rows: Sequence[Sequence[str | Text]], *, indent: int = 2) -> list[Text]:
    """Rows as lines: each column as wide as its widest cell, two spaces between them."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    n_columns = max((len(row) for row in cells), default=0)
    widths = [max(row[at].cell_len for row in cells if at < len(row)) for at in range(n_columns)]
    lines = []
    for row in cells:
        line = Text(" " * indent)
        for cell, width in zip(row, widths, strict=False):
            line.append_text(cell)
            line.append(" " * (width - cell.cell_len + 2))
        line.rstrip()
        lines.append(line)
    return lines


def document(lines: Sequence[Text]) -> Text:
    """Lines as one text that no terminal wraps."""
    return Text("\n", no_wrap=True, overflow="ignore").join(lines)
