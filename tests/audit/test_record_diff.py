from fake_history import ADAMW, tracked

from repro.audit.record_diff import DiffRow, RecordDiff, diff_records
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.code import EXAMPLE as CODE
from repro.facts.data import EXAMPLE as DATA
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.fact import Absent
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.split import EXAMPLE as SPLIT

OTHER_SPLIT = SPLIT.but(fingerprint="split/1:cd", test_digest="blake3:77")


def titles(diff: RecordDiff) -> list[str]:
    return [group.title for group in diff.groups]


def paths(diff: RecordDiff, title: str) -> list[str]:
    return [row.path for group in diff.groups if group.title == title for row in group.rows]


def test_equal_records_have_nothing_to_show() -> None:
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9))
    assert (diff.groups, diff.ignored, diff.unknown, diff.exit_code) == ((), (), (), 0)


def test_what_a_claim_compares_stands_apart_from_what_it_ignores() -> None:
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, BUDGET.but(wall_seconds=9.0)))
    assert diff.groups == ()
    assert diff.ignored == (DiffRow("budget.wall_seconds", 2.5, 9.0),)


def test_the_cut_of_the_rows_is_more_suspicious_than_what_parameters_told() -> None:
    diff = diff_records(
        tracked(1, 0, 0.9), tracked(1, 0, 0.9, *ADAMW, OTHER_SPLIT, CODE.but(tree="ab"))
    )
    assert titles(diff) == ["split", "technique", "configuration", "other files"]
    assert paths(diff, "split") == ["split.fingerprint", "split.test_digest"]
    assert diff.exit_code == 1


def test_a_value_that_a_parameter_told_names_the_parameter() -> None:
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, *ADAMW))
    rows = [row for group in diff.groups for row in group.rows]
    assert DiffRow("optimizer.lr", 0.1, 0.001, told_as=("params.lr",)) in rows


def test_the_settings_of_another_optimizer_follow_from_its_name_once_it_is_told() -> None:
    left, right = ADAMW[1].but(declared=()), ADAMW[1].but(declared=())
    hidden = diff_records(tracked(1, 0, 0.9, left), tracked(1, 0, 0.9, ADAMW[0], right))
    assert "optimizer.momentum" in paths(hidden, "technique")
    name = {"name": "optimizer", "value": "SGD"}
    told = diff_records(
        tracked(1, 0, 0.9, left.but(declared=(name,))),
        tracked(1, 0, 0.9, ADAMW[0], right.but(declared=({**name, "value": "adamw"},))),
    )
    assert "optimizer.momentum" in paths(told, "configuration")
    assert paths(told, "technique") == ["optimizer.lr"]


def test_a_setting_that_no_parameter_told_is_technique() -> None:
    decayed = SGD.but(settings=(*SGD.settings, Setting(name="weight_decay", value=0.1)))
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, decayed))
    assert titles(diff) == ["technique"]
    assert paths(diff, "technique") == ["optimizer.weight_decay"]


def test_rows_of_one_pool_in_other_roles_are_another_split_not_other_data() -> None:
    moved = DATA.but(roles=tuple(reversed(DATA.roles)))
    swapped = [
        role.model_copy(update={"role": name})
        for role, name in zip(moved.roles, ("train", "test"), strict=True)
    ]
    one_pool = DATA.but(roles=tuple(swapped))
    assert titles(diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, one_pool))) == ["split"]
    other = one_pool.but(pool_digest="blake3:dd")
    assert titles(diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, other))) == ["data"]


def test_seeds_and_folds_come_last_and_only_another_fold_excuses_other_rows() -> None:
    other_seed = diff_records(tracked(1, 0, 0.9), tracked(1, 1, 0.9, OTHER_SPLIT))
    assert titles(other_seed) == ["split", "replicate"]
    other_fold = diff_records(
        tracked(1, 0, 0.9), tracked(1, 0, 0.9, SPLIT.but(fold=1, test_digest="blake3:77"))
    )
    assert titles(other_fold) == ["replicate"]


def test_what_python_ran_on_is_environment() -> None:
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, ENVIRONMENT.but(python="3.12.1")))
    assert titles(diff) == ["environment"]


def test_results_stand_side_by_side_and_are_no_difference_in_configuration() -> None:
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.8))
    first = diff.results[0]
    assert (first.metric, first.left, first.right) == ("test/accuracy", 0.9, 0.8)
    assert round(first.difference, 6) == -0.1
    assert diff.exit_code == 0


def test_a_fact_that_one_side_did_not_record_cannot_be_told() -> None:
    absent = Absent(reason="nobody looked", kind="not_recorded")
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, optimizer=absent))
    assert (diff.unknown, diff.exit_code) == (("optimizer",), 3)


def test_a_fact_that_gates_nothing_may_be_missing() -> None:
    absent = Absent(reason="nobody probed", kind="not_recorded")
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, capacity=absent))
    assert (diff.unknown, diff.exit_code) == ((), 0)


def test_a_fact_that_applies_to_one_side_only_is_a_difference() -> None:
    absent = Absent(reason="nothing is trained", kind="not_applicable")
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, optimizer=absent))
    assert paths(diff, "technique") == ["optimizer"]
    assert diff.groups[0].rows == (DiffRow("optimizer", "SGD ...", "not applicable"),)


def test_rows_with_other_values_are_other_data_not_another_cut() -> None:
    changed = DATA.but(pool_digest="blake3:dd")
    split = SPLIT.but(train_digest="blake3:78")
    diff = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, changed, split))
    assert titles(diff) == ["data"]


def test_files_that_ran_stand_apart_from_those_that_lay_beside_them() -> None:
    beside = diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, CODE.but(tree="ab")))
    assert titles(beside) == ["other files"]
    edited = CODE.but(tree="ab", modules=({"path": "train.py", "digest": "blake3:bb"},))
    assert titles(diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, edited))) == ["code"]


def test_what_each_seed_has_of_its_own_is_no_technique() -> None:
    other = BUDGET.but(n_samples=17)
    assert titles(diff_records(tracked(1, 0, 0.9), tracked(1, 1, 0.9, other))) == ["replicate"]
    assert titles(diff_records(tracked(1, 0, 0.9), tracked(1, 0, 0.9, other))) == ["technique"]
