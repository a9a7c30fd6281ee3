from collections.abc import Sequence
from dataclasses import replace

import pytest
from fake_history import ADAMW, CLAIM, tracked

from repro.audit.rules.declaration import confounded_treatment, name_config_mismatch
from repro.claims import Claim
from repro.facts.architecture import EXAMPLE as CNN
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Module
from repro.facts.fact import Fact
from repro.facts.normalization import EXAMPLE as NORMALIZATION
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.schedule import EXAMPLE as SCHEDULE
from repro.record import Arms, RunRecord

LARGER = BATCHING.but(micro=256, effective=256)
FASTER = SGD.but(settings=(Setting(name="lr", value=0.2), Setting(name="momentum", value=0.8)))
OTHER_FILE = CODE.but(modules=(Module(path="train.py", digest="blake3:ab"),))
TRANSFORMER = CNN.but(name="ViT", digest="blake3:77", n_parameters=1, n_trainable=1)
PLAIN = PARAMS.but(declared=())


def params(**values: object) -> Fact:
    return PARAMS.but(declared=[Param(name=name, value=value) for name, value in values.items()])


def confounded(
    candidate: Sequence[Fact],
    treatment: tuple[str, ...],
    baseline: Sequence[Fact] = (PLAIN,),
    **changes: object,
) -> list[str]:
    claim = CLAIM.model_copy(update={"treatment": treatment, "nuisance": (), **changes})
    runs = Arms.of(tracked(1, 0, 0.9, *baseline), tracked(2, 0, 0.9, PLAIN, *candidate))
    return [
        point for found in confounded_treatment.check.check(claim, runs) for point in found.points
    ]


def test_two_declared_differences_that_never_part_are_named() -> None:
    found = confounded((ADAMW[0], LARGER), ("optimizer.*", "batching.*"))
    assert found == ["batching.effective", "optimizer.lr"]


def test_an_arm_that_changes_only_one_of_them_tells_them_apart() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("optimizer.*", "batching.*"), "nuisance": ()})
    left = tuple(tracked(at, at, 0.9, PLAIN) for at in (0, 1))
    right = (tracked(2, 0, 0.9, PLAIN, ADAMW[0], LARGER), tracked(3, 1, 0.9, PLAIN, ADAMW[0]))
    assert list(confounded_treatment.check.check(claim, Arms(left, right, ((0, 0), (1, 1))))) == []


@pytest.mark.parametrize(
    ("candidate", "treatment"),
    [
        ((ADAMW[0],), ("optimizer.*",)),
        ((SGD.but(name="AdamW", settings=SGD.settings[:1]),), ("optimizer.name",)),
        ((SGD.but(settings=(Setting(name="lr", value=0.5), SGD.settings[1])),), ("optimizer.*",)),
        ((LARGER,), ("batching.*",)),
        ((OTHER_FILE, LARGER), ("code:*", "batching.*")),
        ((params(mixup=0.2), LARGER), ("params.mixup", "batching.*")),
        ((BUDGET.but(n_samples=9000),), ("data.train.*",)),
        (
            (TRANSFORMER, NORMALIZATION.but(modules=()), REGULARIZATION.but(dropout=())),
            ("architecture.*", "normalization.*", "regularization.*"),
        ),
        ((SCHEDULE.but(shape="cosine", warm_up=10),), ("schedule.*",)),
    ],
)
def test_one_thing_with_what_follows_from_it_is_no_confounding(
    candidate: tuple[Fact, ...], treatment: tuple[str, ...]
) -> None:
    assert confounded(candidate, treatment) == []


def test_two_settings_of_one_optimizer_are_two_things() -> None:
    assert confounded((FASTER,), ("optimizer.*",)) == ["optimizer.lr", "optimizer.momentum"]
    two = (ADAMW[0], ("optimizer.name", "optimizer.lr"))
    assert confounded(two[:1], two[1]) == ["optimizer.lr", "optimizer.name"]


def test_two_parameters_are_two_things_and_what_they_set_is_not_counted_again() -> None:
    base = (params(width=32, depth=2),)
    found = confounded(
        (params(width=64, depth=4), TRANSFORMER), ("params.*", "architecture.*"), baseline=base
    )
    assert found == ["params.depth", "params.width"]


def test_what_is_coupled_or_a_nuisance_counts_as_one() -> None:
    both = ("optimizer.*", "batching.*")
    assert confounded((ADAMW[0], LARGER), both, coupled=both) == []
    assert confounded((ADAMW[0], LARGER), both[:1], nuisance=both[1:]) == []


def named(name: str, *facts: Fact, seed: int = 0) -> RunRecord:
    return replace(tracked(1, seed, 0.9, *facts), name=name)


def mismatches(left: RunRecord, right: RunRecord | None = None, **changes: object) -> list[str]:
    claim: Claim = CLAIM.model_copy(update=changes)
    runs = Arms.of(left, right or named("b", *ADAMW))
    return [found.message for found in name_config_mismatch.check.check(claim, runs)]


def test_a_name_that_says_another_optimizer_is_told() -> None:
    assert mismatches(named("digits-adamw-1")) == [
        "'digits-adamw-1' names another optimizer.name than was recorded: SGD (run 00000001)"
    ]
    assert len(mismatches(named("RMSprop_run"))) == 1


def test_a_tag_that_chose_the_arm_is_held_against_every_run() -> None:
    assert mismatches(named("a"), baseline="tags.arm = 'adamw'") == [
        "'adamw' names another optimizer.name than was recorded: SGD (run 00000001)"
    ]
    assert mismatches(named("a"), baseline="tags.arm = 'sgd'") == []
    assert mismatches(named("a"), baseline="tags.arm != 'adamw'") == []


@pytest.mark.parametrize(
    "name",
    [
        *("sgd-1", "rare-colt-123", "sgd-vs-adamw", "adamwish", "madam", "seed0", "lr=0.10"),
        *("lr=1e-1_bs=32", "resnet18-distilled", "momentum-study"),
    ],
)
def test_names_that_contradict_nothing_are_silent(name: str) -> None:
    models = {"student": "resnet50", "teacher": "resnet18"}
    told = params(lr=0.1, **models)
    other = named("b", *ADAMW[:1], params(lr=0.001, student="resnet18", teacher="resnet18"))
    assert mismatches(named(name, told), other) == []


@pytest.mark.parametrize("name", ["lr=0.01", "seed3", "sgd_seed-1", "a.lr=0.5,seed=7"])
def test_numbers_count_where_the_name_says_what_they_are(name: str) -> None:
    assert len(mismatches(named(name))) == 1
