"""One column alone tells the label.

Why: such a column is often the label under another name, or was written after the fact; in use it
will not be there.

Fix: drop the column, or say why it is known before the label is.

Wrong when: the task is truly easy, as to tell one species of iris from another is. Columns that are
known to be legitimate are declared: nuisance = ["data.train.columns.<name>*"].

Source: Kaufman, Rosset and Perlich 2012, leakage in data mining; each column's area under the ROC
curve is held out, so that an identifier tells nothing.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.data import EXAMPLE, Data

TOLD = 0.995


@rule("DAT010", Severity.WARNING, preview=True)
def check(claim: Claim, data: Data) -> Iterator[Violation | NotApplicable]:
    """No column of train tells the label by itself."""
    train = data.role("train")
    columns = () if train is None else train.columns
    if all(column.tells_label is None for column in columns):
        yield NotApplicable("the label of train was not handed over apart: train=(X, y)")
    for column in columns:
        path = f"data.train.columns.{column.name}.tells_label"
        told = column.tells_label
        if told is not None and told >= TOLD and not is_declared(claim, path):
            how = "is the label" if told == 1 else f"tells the label ({told:.4g} of 1)"
            yield Violation(
                message=f"column {column.name} alone {how}",
                fix=f"drop {column.name}, or declare it: nuisance = "
                f'["data.train.columns.{column.name}.tells_label"]',
                points=(path,),
            )


def _data(told: float) -> Data:
    train, test = EXAMPLE.roles
    pixel, label = train.columns
    columns = (pixel.model_copy(update={"tells_label": told}), label)
    return EXAMPLE.but(roles=(train.model_copy(update={"columns": columns}), test))


BAD = {"claim": CLAIM, "data": _data(0.999)}
GOOD = {"claim": CLAIM, "data": _data(0.93)}
