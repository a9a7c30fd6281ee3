import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from fake_history import POLICY

from repro.audit import catalogue
from repro.audit.catalogue import FAMILIES, enabled_rules, every_rule, find_rule
from repro.audit.rule import Severity, rule
from repro.errors import ConfigurationError, UnknownRule
from repro.facts.code import Code


def test_the_rules_of_the_catalogue_are_found() -> None:
    names = {found.name: found.code for found in every_rule()}
    assert names == {
        "not-finished": "CMP001",
        "failed-runs-missing": "CMP002",
        "non-finite": "CMP003",
        "metric-missing": "CMP004",
        "truncated": "CMP005",
        "evidence-missing": "CMP006",
        "altered-after-end": "CMP007",
        "undeclared-difference": "DEC001",
        "treatment-absent": "DEC002",
        "confounded-treatment": "DEC003",
        "name-config-mismatch": "DEC004",
        "declared-not-effective": "DEC005",
        "dirty-no-diff": "SRC001",
        "dirty-with-diff": "SRC002",
        "unreachable-commit": "SRC003",
        "untracked-import": "SRC004",
        "eval-code-changed": "SRC005",
        "data-differs": "DAT001",
        "weak-digest": "DAT002",
        "exact-overlap": "DAT003",
        "near-duplicate-overlap": "DAT004",
        "group-straddle": "DAT005",
        "temporal-leak": "DAT006",
        "label-using-fit-on-eval": "DAT007",
        "unsupervised-fit-on-eval": "DAT008",
        "resample-before-split": "DAT009",
        "target-proxy": "DAT010",
        "split-shift": "DAT011",
        "test-reuse": "DAT012",
        "split-leaks": "DAT013",
        "split-differs": "PRT001",
        "eval-size-differs": "PRT002",
        "metric-definition": "PRT003",
        "metric-direction": "PRT004",
        "aggregation-differs": "PRT005",
        "selected-on-test": "PRT006",
        "early-stop-on-test": "PRT007",
        "checkpoint-policy": "PRT008",
        "tuning-budget": "PRT009",
        "train-budget": "PRT010",
        "effective-batch": "PRT011",
        "precision-differs": "PRT012",
        "init-weights-differ": "PRT013",
        "eval-transform-differs": "PRT014",
        "eval-mode": "PRT015",
        "measured-not-shipped": "PRT016",
        "baseline-typed": "PRT017",
        "python-differs": "ENV001",
        "framework-differs": "ENV002",
        "accelerator-differs": "ENV003",
        "package-drift": "ENV004",
        "unpinned-environment": "ENV005",
        "numeric-switches-differ": "ENV006",
        "seed-missing": "DET001",
        "late-seeding": "DET002",
        "pairing-not-real": "DET003",
        "flags-mismatch": "DET004",
        "worker-seed": "DET005",
        "seed-ignored": "DET006",
        "rerun-differs": "DET007",
        "unseeded-generator": "DET008",
        "foreign-reseed": "DET009",
        "unordered-listing": "DET010",
        "set-order": "DET011",
        "too-few-seeds": "STA001",
        "unpaired-seeds": "STA002",
        "within-noise": "STA003",
        "underpowered": "STA004",
        "wrong-variance": "STA005",
        "multiplicity": "STA006",
        "seed-selection": "STA007",
        "tuning-seed-reuse": "STA008",
        "optional-stopping": "STA009",
        "trivial-effect": "STA010",
        "guard-regression": "STA011",
        "eval-sampling-noise": "STA012",
        "bad-aggregate": "STA013",
        "capacity-not-shown": "TRN001",
        "lr-range": "TRN002",
        "schedule-missing": "TRN003",
        "batch-lr-coupling": "TRN004",
        "hidden-dropout": "TRN005",
        "norm-choice": "TRN006",
        "stopped-too-early": "TRN007",
        "overfit-or-late": "TRN008",
        "no-shuffle": "TRN009",
        "divergence": "TRN010",
        "search-edge": "TRN011",
        "distributed-eval": "TRN012",
    }


def test_the_rules_that_are_asked_without_being_named_are_the_core() -> None:
    core = [found.code for found in enabled_rules(POLICY)]
    assert core == [
        "CMP001",
        "CMP002",
        "CMP003",
        "CMP004",
        "CMP007",
        "DEC001",
        "DEC002",
        "DEC005",
        "SRC001",
        "SRC003",
        "SRC005",
        "DAT001",
        "DAT003",
        "DAT005",
        "DAT006",
        "DAT007",
        "DAT012",
        "DAT013",
        "PRT001",
        "PRT002",
        "PRT003",
        "PRT004",
        "PRT006",
        "PRT008",
        "PRT009",
        "PRT010",
        "PRT011",
        "PRT013",
        "PRT014",
        "ENV002",
        "ENV004",
        "DET001",
        "DET003",
        "DET007",
        "STA001",
        "STA003",
        "STA007",
        "STA011",
    ]
    assert len(core) == 34 + 4  # metric-missing, altered-after-end, split-leaks, rerun-differs


def test_rules_that_do_not_block_are_known() -> None:
    mild = {found for found in every_rule() if found.severity is not Severity.ERROR}
    others = {found.name for found in mild if not found.code.startswith("TRN")}
    assert others == {
        "confounded-treatment",
        "name-config-mismatch",
        "dirty-with-diff",
        "unsupervised-fit-on-eval",
        "target-proxy",
        "split-shift",
        "aggregation-differs",
        "baseline-typed",
        "unpinned-environment",
        "numeric-switches-differ",
        "late-seeding",
        "pairing-not-real",
        "flags-mismatch",
        "worker-seed",
        "rerun-differs",
        "unseeded-generator",
        "foreign-reseed",
        "unordered-listing",
        "set-order",
        "too-few-seeds",
        "unpaired-seeds",
        "within-noise",
        "underpowered",
        "multiplicity",
        "tuning-seed-reuse",
        "optional-stopping",
        "trivial-effect",
        "guard-regression",
        "eval-sampling-noise",
    }


def test_training_practice_never_blocks() -> None:
    advice = [found for found in every_rule() if found.code.startswith("TRN")]
    assert len(advice) == 12
    assert all(found.is_advice for found in advice)


def test_rules_come_in_the_order_of_print() -> None:
    families = [FAMILIES.index(found.code[:3]) for found in every_rule()]
    assert families == sorted(families)


@pytest.mark.parametrize("name", ["split-differs", "PRT001"])
def test_a_rule_is_found_by_its_name_and_by_its_code(name: str) -> None:
    assert find_rule(name).code == "PRT001"


def test_an_unknown_rule_is_answered_with_the_closest() -> None:
    with pytest.raises(UnknownRule) as caught:
        find_rule("split-differ")
    assert str(caught.value) == (
        "no rule 'split-differ'. Did you mean 'split-differs'? `repro rules` lists all of them."
    )


def test_a_policy_selects_and_ignores_rules() -> None:
    policy = POLICY.model_copy(update={"select": ("SRC001", "split-differs")})
    assert [found.code for found in enabled_rules(policy)] == ["SRC001", "PRT001"]
    policy = policy.model_copy(update={"ignore": ("dirty-no-diff",)})
    assert [found.code for found in enabled_rules(policy)] == ["PRT001"]


def test_a_policy_that_names_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UnknownRule):
        enabled_rules(POLICY.model_copy(update={"ignore": ("dirty",)}))


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An installed package with a rule, found by its entry point."""
    made = ModuleType("some_plugin")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    entry = EntryPoint(name="own", value=made.__name__, group=catalogue.ENTRY_POINTS)
    monkeypatch.setattr(catalogue, "entry_points", lambda group: [entry])
    every_rule.cache_clear()
    yield made
    every_rule.cache_clear()


def check(code: Code):
    yield from ()


def test_a_plugin_adds_its_rules_after_ours(plugin: ModuleType) -> None:
    plugin.RULE = rule("XYZ001", Severity.NOTE)(check)
    assert every_rule()[-1].code == "XYZ001"


def test_two_rules_with_one_code_are_refused(plugin: ModuleType) -> None:
    plugin.RULE = rule("SRC001", Severity.NOTE)(check)
    with pytest.raises(ConfigurationError) as caught:
        every_rule()
    assert str(caught.value) == (
        f"two rules have the code SRC001: dirty-no-diff "
        f"(repro.audit.rules.source.dirty_no_diff) and {plugin.RULE.name} ({__name__}). "
        f"Remove one of the plugins."
    )
