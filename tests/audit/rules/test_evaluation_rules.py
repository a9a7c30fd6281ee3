"""How evaluation rows are prepared, pooled, and whether anything computed the baseline."""

from dataclasses import replace

import pytest
from fake_history import CLAIM, tracked

from repro.audit.rule import NotApplicable, Severity, Unknown, Violation
from repro.audit.rules.protocol import aggregation_differs, baseline_typed, eval_transform_differs
from repro.claims import Claim
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.fact import Absent
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Scores, Series
from repro.facts.transforms import Role, Step, Transforms
from repro.record import Arms, RunRecord

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
RESIZE = Step(name="Resize", settings="size=32", is_random=False)
LARGE = Step(name="Resize", settings="size=48", is_random=False)
CROP = Step(name="RandomCrop", settings="size=32", is_random=True)
OWN = Step(name="Photos", settings="code", source_digest="blake3:aa", is_random=True)


def declaring(*globs: str) -> Claim:
    return CLAIM.model_copy(update={"treatment": globs})


def role(name: str, *steps: Step) -> Role:
    order = " > ".join(step.name for step in steps) or "none"
    return Role(role=name, dataset="CIFAR10", order=order, steps=steps, collate="default_collate")


def loaders(*steps: Step, train: tuple[Step, ...] = (CROP,), name: str = "test") -> Transforms:
    return Transforms(roles=(role("train", *train), role(name, *steps)))


def prepared(
    left: Transforms | Absent, right: Transforms | Absent, claim: Claim = CLAIM, pairs: bool = True
) -> list[Violation | Unknown | NotApplicable]:
    arms = Arms((left,), (right,), ((0, 0),) if pairs else ())
    scores = arms.with_values((SCORES,), (SCORES,))
    return list(eval_transform_differs.check.check(claim, arms, scores))


def test_another_resolution_of_the_test_rows_is_an_error_that_owns_its_path() -> None:
    (found,) = prepared(loaders(RESIZE), loaders(LARGE))
    assert (found.message, found.points, found.severity) == (
        "test rows are not prepared alike in both arms",
        ("transforms.test.steps.Resize.settings",),
        None,
    )


def test_a_step_that_one_arm_does_not_have_is_an_error() -> None:
    (found,) = prepared(loaders(RESIZE), loaders())
    assert "transforms.test.order" in found.points
    assert "transforms.test.steps" not in found.points


def test_transforms_of_training_rows_are_not_judged_here() -> None:
    assert prepared(loaders(RESIZE, train=(CROP,)), loaders(RESIZE, train=())) == []
    assert prepared(loaders(CROP, name="train-2"), loaders(name="train-2")) == []


def test_a_random_step_at_evaluation_is_an_error_though_both_arms_have_it() -> None:
    (found,) = prepared(loaders(RESIZE, CROP), loaders(RESIZE, CROP))
    assert (found.message, found.severity) == (
        "RandomCrop is random, and active on test rows",
        Severity.ERROR,
    )
    assert found.points == ("transforms.test.steps.RandomCrop.is_random",)


def test_code_that_may_draw_for_training_rows_only_is_a_warning() -> None:
    library = RESIZE.model_copy(update={"is_random": True})  # every step of albumentations draws
    for step in (OWN, library):
        (found,) = prepared(loaders(step), loaders(step))
        assert found.severity is Severity.WARNING


@pytest.mark.parametrize("glob", ["transforms.test.*", "transforms.*"])
def test_a_declared_preparation_is_silent(glob: str) -> None:
    assert prepared(loaders(RESIZE), loaders(LARGE, CROP), declaring(glob)) == []


def test_a_mean_of_declared_training_rows_is_silent_and_so_is_that_of_other_folds() -> None:
    one, two = (
        loaders(Step(name="Normalize", settings="none", fitted=f"mean={mean}"))
        for mean in (0.5, 0.4)
    )
    assert prepared(one, two) != []
    assert prepared(one, two, declaring("data.train.*")) == []
    assert prepared(one, two, pairs=False) == []


def test_a_scored_role_that_one_arm_did_not_show_is_unknown() -> None:
    (found,) = prepared(loaders(RESIZE), loaders(RESIZE, name="valid"))
    assert isinstance(found, Unknown)
    assert found.points == ("transforms.test.order",)
    unscored = Transforms(roles=(*loaders(RESIZE).roles, role("valid", RESIZE)))
    assert prepared(loaders(RESIZE), unscored) == []


def test_runs_without_a_loader_are_left_to_the_rule_that_tells_gaps() -> None:
    assert [type(one) for one in prepared(NOT_RECORDED, loaders(RESIZE))] == [NotApplicable]


def taken(*sizes: int) -> Scores:
    """Looks by one metric at as many sets of rows."""
    reads = tuple(
        SCORES.reads[0].model_copy(
            update={"number": at, "n_rows": n, "rows_digest": f"blake3:{at:02x}"}
        )
        for at, n in enumerate(sizes, start=1)
    )
    return SCORES.but(reads=reads)


def pooled(left: Scores, right: Scores) -> list[Violation]:
    return list(aggregation_differs.check.check(CLAIM, Arms.of(left, right)))


def test_batches_against_the_whole_are_named() -> None:
    (found,) = pooled(taken(450), taken(128, 128, 128, 66))
    assert (found.message, found.points) == (
        "test/accuracy was taken of 4 parts of up to 128 rows in candidate, "
        "of 450 rows at once in baseline",
        ("scores.reads.1.n_rows",),
    )


def test_batches_of_other_sizes_are_other_parts() -> None:
    (found,) = pooled(taken(64, 64), taken(32, 32, 32, 32))
    assert found.message.startswith("test/accuracy was taken of 4 parts of up to 32 rows")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((450,), (450,)),
        ((450,), (450, 450, 450)),  # the rows come in another order in each epoch
        ((450,), (32, 450)),  # a look at a few rows besides
        ((128, 128, 66), (128, 128, 66)),
        ((450,), (384,)),  # a dropped batch is the business of eval-size-differs
        ((450,), (200,)),
        ((450,), ()),  # only logged
    ],
)
def test_as_large_parts_are_silent(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    assert pooled(taken(*left), taken(*right)) == []


LOGGED = Scores(logged=(Series(name="test/accuracy", last=0.9, last_step=0),))
UNTRAINED = BUDGET.but(n_steps=None, n_batches=None, n_samples=None, n_epochs=None)
NOTHING = dict.fromkeys(("architecture", "optimizer", "fit_scope", "data"), NOT_RECORDED)


def typed(baseline: RunRecord) -> list[Violation]:
    arms = Arms.of(baseline, tracked(2, 0, 0.9))
    return list(baseline_typed.check.check(CLAIM, arms))


def test_a_value_without_a_training_is_told_with_its_run() -> None:
    for budget in ({"budget": NOT_RECORDED}, {"budget": UNTRAINED}):
        run = tracked(1, 0, 0.9, LOGGED)
        (found,) = typed(replace(run, facts={**run.facts, **NOTHING, **budget}))
        assert found.message == (
            "test/accuracy of the baseline was logged as one value, and nothing was trained or "
            "scored: 00000001"
        )
        assert found.points == ("scores.logged.test/accuracy.last",)


def test_any_sign_of_a_computation_is_silent() -> None:
    series = LOGGED.but(logged=(*LOGGED.logged, Series(name="loss", last=0.1, last_step=9)))
    scored = tracked(1, 0, 0.9, **NOTHING, budget=NOT_RECORDED)
    assert typed(scored) == []
    assert typed(tracked(1, 0, 0.9, series, **NOTHING, budget=NOT_RECORDED)) == []
    assert typed(tracked(1, 0, 0.9, LOGGED, **NOTHING)) == []  # it made steps
    shown = {key: absent for key, absent in NOTHING.items() if key != "data"}
    assert typed(tracked(1, 0, 0.9, LOGGED, **shown, budget=NOT_RECORDED)) == []
