"""The columns of a data set in MLflow's words, for the schema that its page shows."""

import re

from repro.digest import canonical_json
from repro.facts.data import Column, Role

TYPES = {
    "bool": "boolean",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "integer"),
    **dict.fromkeys(("int64", "uint32"), "long"),
    **dict.fromkeys(("float16", "float32"), "float"),
    "float64": "double",
    "text": "string",
    "bytes": "binary",
    "date": "datetime",
    "datetime": "datetime",
}


def colspec(role: Role) -> str | None:
    """MLflow's JSON; None where a column has no type there, or stands for many."""
    types = [_type(column) for column in role.columns]
    if not types or len(types) != role.n_columns or None in types:
        return None
    specs = [
        {"type": kind, "name": column.name, "required": not column.n_missing}
        for kind, column in zip(types, role.columns, strict=True)
    ]
    return canonical_json({"mlflow_colspec": specs})


def _type(column: Column) -> str | None:
    """MLflow's type; a category is one of its values, a zone is not told."""
    inner = re.sub(r"^category\[(.*)\]$", r"\1", column.dtype)
    return TYPES.get(inner.partition("[")[0])
