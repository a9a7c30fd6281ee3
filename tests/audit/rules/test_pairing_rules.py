import pytest
from fake_history import CLAIM

from repro.audit.rule import NotApplicable, Violation
from repro.audit.rules.determinism import flags_mismatch, pairing_not_real
from repro.claims import Claim
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Architecture
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.determinism import Determinism
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Variable
from repro.facts.fact import Absent
from repro.facts.initialization import EXAMPLE as WEIGHTS
from repro.facts.initialization import Initialization
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.record import Arms

TWO = ((0, 0), (1, 1))
NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")


def weights(digest: str, mean: float) -> Initialization:
    moved = WEIGHTS.tensors[0].model_copy(update={"mean": mean})
    return WEIGHTS.but(digest=digest, tensors=(moved,))


def pairing(
    left: Initialization,
    right: Initialization,
    *,
    claim: Claim = CLAIM,
    seeds: tuple[int | None, int | None] = (0, 0),
    architecture: Architecture = ARCHITECTURE,
) -> list[Violation | NotApplicable]:
    determinism = Arms.of(*(DETERMINISM.but(seed=seed) for seed in seeds))
    models = Arms.of(ARCHITECTURE, architecture)
    arms = (Arms.of(left, right), determinism, models, Arms.of(LINEAGE, LINEAGE))
    return list(pairing_not_real.check.check(claim, *arms))


OTHER = weights("blake3:cd", 0.01)


def test_other_first_weights_of_one_seed_are_counted() -> None:
    facts = (DETERMINISM, ARCHITECTURE, LINEAGE)
    others = (Arms((fact, fact), (fact, fact), TWO) for fact in facts)
    arms = Arms((WEIGHTS, WEIGHTS), (WEIGHTS, OTHER), TWO)
    (found,) = pairing_not_real.check.check(CLAIM, arms, *others)
    assert found.message == "1 of 2 pairs of one seed start from other weights"


def test_weights_that_agree_but_for_rounding_are_the_same() -> None:
    assert pairing(WEIGHTS, WEIGHTS) == []
    assert pairing(WEIGHTS, weights("blake3:cd", 1e-9)) == []
    assert len(pairing(WEIGHTS, OTHER)) == 1
    without = WEIGHTS.but(tensors=())
    assert len(pairing(without, without.but(digest="blake3:cd"))) == 1


@pytest.mark.parametrize(("mean", "n_found"), [(2.9e-6, 0), (3.1e-6, 1)])
def test_a_mean_may_move_by_a_hundred_thousandth_of_the_largest_weight(
    mean: float, n_found: int
) -> None:
    assert (WEIGHTS.tensors[0].mean, WEIGHTS.tensors[0].high) == (0.0, 0.3)
    assert len(pairing(WEIGHTS, weights("blake3:cd", mean))) == n_found


def test_a_parameter_that_does_not_speak_of_initialization_is_judged() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("params.lr", "optimizer.weight_decay")})
    (found,) = pairing(WEIGHTS, OTHER, claim=claim)
    assert isinstance(found, Violation)


def test_weights_of_another_origin_are_another_rules_business() -> None:
    facts = (Arms.of(DETERMINISM, DETERMINISM), Arms.of(ARCHITECTURE, ARCHITECTURE))
    for lineage, kind in ((LINEAGE.but(loaded=()), NotApplicable), (NOT_RECORDED, Violation)):
        arms = (Arms.of(WEIGHTS, OTHER), *facts, Arms.of(LINEAGE, lineage))
        (found,) = pairing_not_real.check.check(CLAIM, *arms)
        assert isinstance(found, kind)


@pytest.mark.parametrize(
    "glob",
    ["lineage.*", "data.train.*", "code:*.py", "params.init_std"],
)
def test_a_treatment_that_may_change_the_weights_is_not_judged(glob: str) -> None:
    claim = CLAIM.model_copy(update={"treatment": (glob,)})
    (found,) = pairing(WEIGHTS, OTHER, claim=claim)
    assert isinstance(found, NotApplicable)


@pytest.mark.parametrize("glob", ["architecture.*", "lineage.frozen"])
def test_what_is_trained_does_not_say_where_it_starts(glob: str) -> None:
    claim = CLAIM.model_copy(update={"treatment": (glob,)})
    (found,) = pairing(WEIGHTS, OTHER, claim=claim)
    assert isinstance(found, Violation)
    facts = (Arms.of(DETERMINISM, DETERMINISM), Arms.of(ARCHITECTURE, ARCHITECTURE))
    frozen = Arms.of(LINEAGE, LINEAGE.but(frozen=("body",)))
    (found,) = pairing_not_real.check.check(claim, Arms.of(WEIGHTS, OTHER), *facts, frozen)
    assert isinstance(found, Violation)


def test_other_seeds_and_other_models_are_no_pairs_to_compare() -> None:
    for found in (
        pairing(WEIGHTS, OTHER, seeds=(0, 1)),
        pairing(WEIGHTS, OTHER, seeds=(None, None)),
        pairing(WEIGHTS, OTHER, architecture=ARCHITECTURE.but(digest="blake3:77")),
    ):
        assert found == [NotApplicable("no pair of one seed has one architecture")]


def flags(
    left: Determinism, right: Determinism, claim: Claim = CLAIM, *variables: Variable
) -> list[Violation]:
    environments = Arms.of(ENVIRONMENT, ENVIRONMENT.but(variables=variables))
    return list(flags_mismatch.check.check(claim, Arms.of(left, right), environments))


def test_flags_that_differ_are_named() -> None:
    asked = Variable(name="TF_DETERMINISTIC_OPS", value="1")
    (found,) = flags(DETERMINISM, DETERMINISM.but(mode="warn"), CLAIM, asked)
    assert found.message == ("flags of determinism differ: mode, TF_DETERMINISTIC_OPS")
    declared = CLAIM.model_copy(update={"treatment": ("determinism.*",)})
    assert flags(DETERMINISM, DETERMINISM.but(mode="warn"), declared) == []


def test_flags_of_a_library_that_one_arm_alone_imported_and_numeric_switches_are_no_mismatch() -> (
    None
):
    assert flags(DETERMINISM, DETERMINISM.but(switches=())) == []
    threads = Variable(name="MKL_NUM_THREADS", value="1")
    assert flags(DETERMINISM, DETERMINISM, CLAIM, threads) == []


def test_a_claim_about_bits_asks_for_repeatable_algorithms() -> None:
    off = DETERMINISM.but(mode="off")
    bits = CLAIM.model_copy(update={"goal": "equivalent", "margin": 1e-9})
    (found,) = flags(off, off, bits)
    assert found.fix == 'repro.tracked_run(..., deterministic="strict")'
    assert flags(off, off) == []
    assert flags(DETERMINISM, DETERMINISM, bits) == []
