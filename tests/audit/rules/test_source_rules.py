from pathlib import Path

import pytest
from fake_history import CLAIM

from repro.audit.rule import Severity, Unknown, Violation
from repro.audit.rules.source import (
    dirty_no_diff,
    dirty_with_diff,
    eval_code_changed,
    unreachable_commit,
    untracked_import,
)
from repro.claims import Claim, Policy
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code, Module, Repository
from repro.facts.fact import Absent
from repro.facts.reachability import EXAMPLE as PUSHED
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores
from repro.facts.transforms import EXAMPLE as TRANSFORMS
from repro.facts.transforms import Transforms
from repro.record import Arms

NOTHING_SEEN = Absent(reason="no loader was watched", kind="not_recorded")


def test_changes_that_were_kept_are_told() -> None:
    kept = CODE.but(is_dirty=True, n_modified=2, n_untracked=1, patch="code/ab.patch")
    (found,) = dirty_with_diff.check.check(kept)
    assert (found.message, found.severity) == (
        "uncommitted changes were kept as a patch",
        None,
    )


def test_a_patch_that_does_not_bring_the_changes_back_says_why() -> None:
    masked = "a secret was masked in the patch"
    kept = CODE.but(is_dirty=True, n_untracked=1, patch="code/ab.patch", not_restorable=masked)
    (found,) = dirty_with_diff.check.check(kept)
    assert found.message.endswith(f"; it does not bring them back: {masked}")
    assert found.severity is None


def test_changes_inside_a_submodule_have_a_patch_of_their_own() -> None:
    lib = Repository(path="lib", commit="5" * 40, remote=None, tree=None, kept_tree=None)
    kept = lib.model_copy(update={"patch": "code/ab.patch"})
    lost, whole = (CODE.but(is_dirty=True, n_modified=1, submodules=(it,)) for it in (lib, kept))
    (found,) = dirty_with_diff.check.check(whole)
    assert found.points[-1] == "code.submodules.lib.patch"
    assert list(dirty_no_diff.check.check(whole)) == []
    assert len(list(dirty_no_diff.check.check(lost))) == 1
    assert list(dirty_with_diff.check.check(lost)) == []


def test_untracked_files_alone_are_a_note_and_changes_that_nobody_kept_another_rules() -> None:
    (found,) = dirty_with_diff.check.check(
        CODE.but(is_dirty=True, n_untracked=3, patch="code/ab.patch")
    )
    assert found.severity is Severity.NOTE
    assert list(dirty_with_diff.check.check(CODE.but(is_dirty=True, n_modified=1))) == []


def pushed(profile: str, **changes: object) -> list[Violation | Unknown]:
    policy = Policy(file=Path("repro.toml"), profile=profile)
    return list(unreachable_commit.check.check(policy, PUSHED.but(**changes)))


UNPUSHED = {"refs": (), "is_in_head": False}


@pytest.mark.parametrize(
    ("profile", "changes", "where", "severity"),
    [
        ("ci", UNPUSHED, "was not pushed: it is on no branch of a remote, and has no tag", None),
        (
            "release",
            {**UNPUSHED, "is_here": False},
            "is not in this clone, and on no branch of a remote that it knows",
            None,
        ),
        (
            "local",
            {**UNPUSHED, "is_in_head": True},
            "was not pushed: it is on no branch of a remote, and has no tag",
            Severity.WARNING,
        ),
        (
            "ci",
            {**UNPUSHED, "has_remote": False},
            "is in a repository that has no remote",
            Severity.WARNING,
        ),
    ],
)
def test_a_commit_that_nobody_else_can_fetch_blocks_in_ci(
    profile: str, changes: dict[str, object], where: str, severity: Severity | None
) -> None:
    (found,) = pushed(profile, **changes)
    assert isinstance(found, Violation)
    assert (found.message, found.severity) == (f"commit 4f1f2c9e {where}", severity)


def test_code_that_was_never_committed_is_told_as_such() -> None:
    (found,) = pushed("ci", commit=None, is_here=False, **UNPUSHED)
    assert found.message == "the code was never committed"


@pytest.mark.parametrize("profile", ["local", "ci", "release"])
def test_a_branch_of_a_remote_or_a_tag_is_enough(profile: str) -> None:
    assert pushed(profile) == []
    assert pushed(profile, refs=("refs/tags/v1",), is_in_head=False) == []


def test_what_ci_checked_out_was_pushed() -> None:
    assert pushed("ci", refs=(), is_in_head=True) == []


def test_a_shallow_clone_cannot_tell() -> None:
    (found,) = pushed("ci", is_here=False, is_shallow=True, **UNPUSHED)
    assert isinstance(found, Unknown)
    assert (found.message, found.fix) == (
        "commit 4f1f2c9e may be older than this shallow clone",
        "fetch the history: `fetch-depth: 0` in CI, `git fetch --unshallow` here",
    )


def imports(**changes: object) -> list[Violation | Unknown]:
    return list(untracked_import.check.check(CODE.but(**changes)))


def test_imported_files_that_nobody_kept_are_named() -> None:
    (found,) = imports(unkept=("a.py", "b.py", "c.py", "d.py"))
    assert (found.message, found.severity) == (
        "imported, and in neither commit nor patch: a.py, b.py, c.py and 1 more",
        None,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"unkept": ("gen/ops.py",), "created_during_run": ("gen/ops.py",)},
        {"unkept": ("pkg/_version.py",)},
        {"unkept": ("api/run_pb2.py",)},
    ],
)
def test_what_a_program_writes_is_a_warning(changes: dict[str, object]) -> None:
    (found,) = imports(**changes)
    assert found.severity is Severity.WARNING


def test_a_record_that_did_not_list_them_is_unknown_unless_all_code_can_be_brought_back() -> None:
    (found,) = imports(unkept=None, restore_verified=False, not_restorable="lost")
    assert isinstance(found, Unknown)
    assert imports(unkept=None, restore_verified=True) == []


def holding(digest: str, path: str = "src/vision/metrics.py", **changes: object) -> Code:
    return CODE.but(modules=(Module(path=path, digest=digest),), **changes)


def scored(metric: str = "vision.metrics.f1", **changes: object) -> Scores:
    old = {"library": None, "helpers_digest": None, "metric": metric, **changes}
    return SCORES.but(scored=(SCORES.scored[0].model_copy(update=old),))


def evaluation(
    code: tuple[Code, Code],
    scores: tuple[Scores, Scores],
    transforms: tuple[Transforms | Absent, Transforms | Absent] = (NOTHING_SEEN, NOTHING_SEEN),
    claim: Claim = CLAIM,
) -> list[Violation | Unknown]:
    arms = (Arms.of(*code), Arms.of(*scores), Arms.of(*transforms))
    return list(eval_code_changed.check.check(claim, *arms))


TWO = (holding("blake3:aa"), holding("blake3:ab"))


@pytest.mark.parametrize(
    ("path", "metric", "entry_point"),
    [
        ("src/vision/metrics.py", "vision.metrics.f1", None),
        ("src/vision/metrics.py", "src.vision.metrics.F1.__call__", None),
        ("vision/__init__.py", "vision.f1", None),
        ("vision/_impl.py", "vision.f1", None),
        ("train.py", "__main__.f1", "train.py"),
    ],
)
def test_another_file_of_the_metric_is_another_evaluator(
    path: str, metric: str, entry_point: str | None
) -> None:
    code = tuple(holding(digest, path, entry_point=entry_point) for digest in ("b:1", "b:2"))
    (found,) = evaluation(code, (scored(metric), scored(metric)))
    assert isinstance(found, Violation)
    assert found.message == f"the evaluation of the arms ran through other code: {path}"
    assert found.points == (f"code.modules.{path}",)


def test_the_functions_that_are_known_to_be_the_same_decide() -> None:
    same = scored(helpers_digest="blake3:ee")
    assert evaluation(TWO, (same, same)) == []
    other = scored(helpers_digest="blake3:ef")
    assert len(evaluation(TWO, (same, other))) == 1


def test_the_file_of_a_metric_that_was_only_refactored_is_no_other_evaluator() -> None:
    one, other = (scored(source_digest=f"b:{n}", definition_digest="b:d") for n in (1, 2))
    assert evaluation(TWO, (one, other)) == []


def test_files_that_evaluation_does_not_reach_are_left_to_another_rule() -> None:
    code = (holding("b:1", "vision/model.py"), holding("b:2", "vision/model.py"))
    assert evaluation(code, (scored(), scored())) == []
    assert evaluation(code, (SCORES, SCORES)) == []


def test_a_declared_file_may_differ() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("code:src/vision/*",)})
    assert evaluation(TWO, (scored(), scored()), claim=claim) == []


def transformed(role: str, digest: str) -> Transforms:
    (train,) = TRANSFORMS.roles
    step = train.steps[0].model_copy(update={"source_digest": digest})
    return TRANSFORMS.but(roles=(train.model_copy(update={"role": role, "steps": (step,)}),))


def test_own_transforms_count_where_the_loader_is_not_for_training() -> None:
    for role, n in (("test", 1), ("train", 0), ("train-2", 0)):
        transforms = (transformed(role, "b:1"), transformed(role, "b:2"))
        found = evaluation((CODE, CODE), (SCORES, SCORES), transforms)
        assert [one.points for one in found] == [
            ("transforms.test.steps.RandomCrop.source_digest",)
        ] * n


def test_a_metric_of_which_nothing_is_recorded_is_unknown() -> None:
    typed = scored("__main__.f1", source_digest=None)
    (found,) = evaluation((CODE.but(entry_point=None),) * 2, (typed, typed))
    assert isinstance(found, Unknown)
    assert found.message == "the code of test/accuracy is not recorded"
    with_helpers = scored("__main__.f1", source_digest=None, helpers_digest="b:1")
    assert evaluation((CODE.but(entry_point=None),) * 2, (with_helpers,) * 2) == []
