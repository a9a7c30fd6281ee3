import json

import numpy as np
import pandas as pd
from mlflow.types import Schema

from repro.observe.data import look
from repro.store.colspec import colspec


def spec(data):
    return colspec(look("train", data, group=None, time=None).role)


def test_columns_are_said_in_the_words_of_mlflow():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], "Int64"),
            "x": np.float32([1, 2]),
            "text": ["a", "b"],
            "kind": pd.Categorical(["a", "b"]),
            "at": pd.to_datetime(["2026-01-01", "2026-01-02"]).tz_localize("UTC"),
            "flag": [True, False],
        }
    )
    schema = Schema.from_json(json.dumps(json.loads(spec(frame))["mlflow_colspec"]))
    types = [column.type.name for column in schema.inputs]
    assert types == ["long", "float", "string", "string", "datetime", "boolean"]
    assert schema.input_names() == list(frame.columns)
    assert [column.required for column in schema.inputs] == [False, *[True] * 5]


def test_what_mlflow_has_no_word_for_is_not_said():
    assert spec(pd.DataFrame({"a": [[1], [2]]})) is None
    assert spec((np.zeros((2, 3, 4)), np.zeros(2))) is None  # a picture is one column of ours
