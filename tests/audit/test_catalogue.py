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

# Code, name, and whether it is asked by default (*). What is published stays as it is.
CATALOGUE = """
CMP001 not-finished *
CMP002 failed-runs-missing *
CMP003 non-finite *
CMP004 metric-missing *
CMP005 truncated
CMP006 evidence-missing
CMP007 altered-after-end *
DEC001 undeclared-difference *
DEC002 treatment-absent *
DEC003 confounded-treatment
DEC004 name-config-mismatch
DEC005 declared-not-effective *
SRC001 dirty-no-diff *
SRC002 dirty-with-diff
SRC003 unreachable-commit *
SRC004 untracked-import
SRC005 eval-code-changed *
DAT001 data-differs *
DAT002 weak-digest
DAT003 exact-overlap *
DAT004 near-duplicate-overlap
DAT005 group-straddle *
DAT006 temporal-leak *
DAT007 label-using-fit-on-eval *
DAT008 unsupervised-fit-on-eval
DAT009 resample-before-split
DAT010 target-proxy
DAT011 split-shift
DAT012 test-reuse *
DAT013 split-leaks *
PRT001 split-differs *
PRT002 eval-size-differs *
PRT003 metric-definition *
PRT004 metric-direction *
PRT005 aggregation-differs
PRT006 selected-on-test *
PRT007 early-stop-on-test
PRT008 checkpoint-policy *
PRT009 tuning-budget *
PRT010 train-budget *
PRT011 effective-batch *
PRT012 precision-differs
PRT013 init-weights-differ *
PRT014 eval-transform-differs *
PRT015 eval-mode
PRT016 measured-not-shipped
PRT017 baseline-typed
ENV001 python-differs
ENV002 framework-differs *
ENV003 accelerator-differs
ENV004 package-drift *
ENV005 unpinned-environment
ENV006 numeric-switches-differ
DET001 seed-missing *
DET002 late-seeding
DET003 pairing-not-real *
DET004 flags-mismatch
DET005 worker-seed
DET006 seed-ignored
DET007 rerun-differs *
DET008 unseeded-generator
DET009 foreign-reseed
DET010 unordered-listing
DET011 set-order
STA001 too-few-seeds *
STA002 unpaired-seeds
STA003 within-noise *
STA004 underpowered
STA005 wrong-variance
STA006 multiplicity
STA007 seed-selection *
STA008 tuning-seed-reuse
STA009 optional-stopping
STA010 trivial-effect
STA011 guard-regression *
STA012 eval-sampling-noise
STA013 bad-aggregate
TRN001 capacity-not-shown
TRN002 lr-range
TRN003 schedule-missing
TRN004 batch-lr-coupling
TRN005 hidden-dropout
TRN006 norm-choice
TRN007 stopped-too-early
TRN008 overfit-or-late
TRN009 no-shuffle
TRN010 divergence
TRN011 search-edge
TRN012 distributed-eval
"""


def test_the_rules_of_the_catalogue_are_found() -> None:
    found = [f"{one.code} {one.name}" + ("" if one.is_preview else " *") for one in every_rule()]
    assert found == CATALOGUE.split("\n")[1:-1]
    assert len(found) == 83 + 6  # split-leaks, rerun-differs, and four sources of entropy


def test_the_rules_that_are_asked_without_being_named_are_the_core() -> None:
    core = [one.code for one in enabled_rules(POLICY)]
    assert core == [line.split()[0] for line in CATALOGUE.splitlines() if line.endswith("*")]
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
