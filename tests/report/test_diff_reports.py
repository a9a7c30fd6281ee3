"""Reports of the difference of two runs."""

import json

from fake_history import ADAMW, tracked

from repro.audit.run_diff import ChangedFile, CodeDiff, RowsDiff, RunDiff, diff_runs
from repro.digest.row_set import Estimate
from repro.facts.architecture import EXAMPLE as CNN
from repro.facts.architecture import Layer
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.code import EXAMPLE as CODE
from repro.facts.data import EXAMPLE as DATA
from repro.facts.fact import Absent, Fact
from repro.overlap import SharedRows
from repro.report.diff_json import diff_json
from repro.report.diff_text import diff_text, full_diff_text, patch_text

COLUMN = DATA.roles[0].columns[0].model_dump()
EQUAL_RESULTS = """\

results
  test/accuracy  0.9  ->  0.9  (+0)
  test/loss      0.1  ->  0.1  (+0)
  train/loss     0.1  ->  0.1  (+0)"""


SAME_TREE, NO_ROWS = CodeDiff(), RowsDiff()


def diff_with(
    *facts: Fact, code: CodeDiff = SAME_TREE, rows: RowsDiff = NO_ROWS, **absent: Absent
) -> RunDiff:
    return diff_runs(tracked(1, 0, 0.9), tracked(1, 0, 0.9, *facts, **absent), code, rows)


def test_groups_say_what_they_mean_and_told_values_name_their_parameter() -> None:
    diff = diff_runs(
        tracked(1, 0, 0.9),
        tracked(2, 0, 0.93, *ADAMW, CODE.but(branch="b")),
        CodeDiff(),
        RowsDiff(),
    )
    assert (
        str(diff_text(diff))
        == """\
run 1 00000001 -> run 2 00000002

technique  seen while training; no parameter has these values
  optimizer.name  SGD  ->  AdamW
  in one run only: optimizer.momentum

configuration  told as parameters
  optimizer.lr  0.1  ->  0.001  = params.lr

results
  test/accuracy  0.9  ->  0.93  (+0.03)
  test/loss      0.1  ->  0.07  (-0.03)
  train/loss     0.1  ->  0.1   (+0)
and 4 more that no claim compares"""
    )


def test_a_full_diff_shows_what_no_claim_compares() -> None:
    text = str(full_diff_text(diff_with(BUDGET.but(wall_seconds=9.0))))
    assert text == (
        f"no difference in anything that a claim compares\n{EQUAL_RESULTS}\n\n"
        "no claim compares\n  budget.wall_seconds  2.5  ->  9.0"
    )


def test_a_diff_says_what_cannot_be_told() -> None:
    absent = Absent(reason="nobody looked", kind="not_recorded")
    assert str(diff_text(diff_with(hardware=absent))) == (
        f"no difference in what both runs recorded\n{EQUAL_RESULTS}\n\n"
        "cannot be told, not recorded: hardware"
    )


def test_training_rows_among_the_rows_of_the_other_run_come_first() -> None:
    shared = Estimate(112.0)
    rows = RowsDiff(
        (
            SharedRows("test", "train", shared, shared),
            SharedRows("test", "test", Estimate(450.0), Estimate(450.0)),
            SharedRows("train", "test", Estimate(0.0), Estimate(0.0)),
        )
    )
    lines = str(diff_text(diff_with(*ADAMW, rows=rows))).splitlines()
    assert lines[2:5] == [
        "shared rows  one run learned from what the other is judged by",
        "  train of run 1 holds 112 rows that are test of run 1",
        "",
    ]


def test_an_estimate_of_shared_rows_says_its_error() -> None:
    rows = RowsDiff((SharedRows("train", "test", None, Estimate(112_000.0, 310.4)),))
    assert "holds 112,000 +- 310 rows that are test" in str(diff_text(diff_with(rows=rows)))


def test_changed_files_stand_below_the_code_and_the_patch_is_printed_as_it_is() -> None:
    code = CodeDiff(
        (ChangedFile("train.py", 3, 1), ChangedFile("w.bin", None, None)), "diff --git a/train.py\n"
    )
    diff = diff_with(CODE.but(tree="ab"), code=code)
    assert """\
other files  no run imported them
  code.tree  9d4c3b2a  ->  ab
  train.py  +3 -1
  w.bin     binary
  --patch shows their lines
""" in str(diff_text(diff))
    assert str(patch_text(diff)) == "diff --git a/train.py\n"


def test_trees_that_cannot_be_compared_say_why() -> None:
    diff = diff_with(code=CodeDiff(unknown="commit 4f1f2c9e is nowhere to be found"))
    assert "the trees cannot be compared: commit 4f1f2c9e is nowhere" in str(diff_text(diff))
    assert str(patch_text(diff)) == "commit 4f1f2c9e is nowhere to be found\n"


def test_the_module_tree_shows_changes_below_their_parents_and_counts_the_rest() -> None:
    paths = ("stem", "body", "body.norm", "body.act", "head")
    layers = tuple(Layer(path=path, kind="Linear", n_parameters=10) for path in paths)
    changed = tuple(
        layer.model_copy(update={"kind": "GroupNorm"}) if layer.path == "body.norm" else layer
        for layer in layers
    )
    left = tracked(1, 0, 0.9, CNN.but(layers=layers))
    right = tracked(1, 0, 0.9, CNN.but(layers=changed, digest="blake3:77"))
    lines = str(diff_text(diff_runs(left, right, CodeDiff(), RowsDiff()))).splitlines()
    assert lines[2:9] == [
        "technique  seen while training; no parameter has these values",
        "  architecture.digest  blake3:ee  ->  blake3:77",
        "    ... 1 equal",
        "    body  Linear 10",
        "  ~   norm  Linear 10 -> GroupNorm 10",
        "    ... 2 equal",
        "",
    ]


def test_a_layer_is_called_with_its_settings() -> None:
    sizes = ("kernel_size=(3, 3)", "kernel_size=(5, 5)")
    sides = [
        Layer(path="conv", kind="Conv2d", n_parameters=10, settings=settings) for settings in sizes
    ]
    left, right = (
        tracked(1, 0, 0.9, CNN.but(layers=(layer,), digest=layer.settings)) for layer in sides
    )
    lines = str(diff_text(diff_runs(left, right, CodeDiff(), RowsDiff()))).splitlines()
    assert "  ~ conv  Conv2d(kernel_size=(3, 3)) 10 -> Conv2d(kernel_size=(5, 5)) 10" in lines


def test_json_holds_every_row_of_the_text_and_what_the_text_leaves_out() -> None:
    rows = RowsDiff((SharedRows("test", "test", Estimate(450.0), Estimate(450.0)),))
    document = json.loads(diff_json(diff_with(*ADAMW, BUDGET.but(wall_seconds=9.0), rows=rows)))
    assert [group["title"] for group in document["groups"]] == ["technique", "configuration"]
    assert document["ignored"][0]["path"] == "budget.wall_seconds"
    assert document["rows"]["shared"][0]["rows"]["n"] == 450
    assert (document["format"], document["exit_code"]) == ("repro.diff/2", 1)


def test_equal_runs_with_other_results_are_remarked_on() -> None:
    equal = diff_runs(tracked(1, 0, 0.9), tracked(2, 0, 0.9), CodeDiff(), RowsDiff())
    other = diff_runs(tracked(1, 0, 0.9), tracked(2, 0, 0.8), CodeDiff(), RowsDiff())
    remark = "equal in everything compared, and yet the results differ"
    assert remark in str(diff_text(other))
    assert remark not in str(diff_text(equal))


def test_other_data_are_told_by_their_columns_and_the_rows_that_stayed() -> None:
    def data(*names: str, digest: str = "blake3:01") -> Fact:
        columns = tuple({**COLUMN, "name": name, "digest": digest} for name in names)
        train = DATA.roles[0].model_copy(update={"columns": (), "rows_digest": digest})
        role = {**train.model_dump(), "columns": columns}
        return DATA.but(roles=(role, DATA.roles[1]), pool_digest=digest)

    rows = RowsDiff((SharedRows("train", "train", Estimate(1399.0), Estimate(1399.0)),))
    left = tracked(1, 0, 0.9, data("age", "income"))
    cell = diff_runs(
        left, tracked(2, 0, 0.9, data("age", "income", digest="blake3:02")), CodeDiff(), rows
    )
    text = str(diff_text(cell))
    assert "  train: 1,399 distinct rows are the same\n" in text
    assert "  train columns: other content: age, income\n" in text
    column = diff_runs(left, tracked(2, 0, 0.9, data("age", "town")), CodeDiff(), NO_ROWS)
    assert column.columns[0].gone == ("income",)
    assert column.columns[0].new == ("town",)
