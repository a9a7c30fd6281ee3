"""The contract of every rule, so that a new file is tested without a new test."""

import sys
from types import ModuleType

import pytest

from repro.audit.catalogue import every_rule
from repro.audit.rule import Rule, Severity, Violation, rule
from repro.facts import fact_types
from repro.facts.code import EXAMPLE, Code
from repro.facts.fact import Fact
from repro.testing import check_fact, check_rule


@pytest.mark.parametrize("found", every_rule(), ids=lambda found: found.name)
def test_every_rule_keeps_its_contract(found: Rule) -> None:
    check_rule(sys.modules[found.check.__module__])


@pytest.mark.parametrize("kind", fact_types().values(), ids=lambda kind: kind.key())
def test_every_fact_keeps_its_contract(kind: type[Fact]) -> None:
    check_fact(kind)


@pytest.mark.parametrize("found", every_rule(), ids=lambda found: found.name)
def test_a_rule_that_looks_at_the_difference_cannot_make_a_claim_invalid(found: Rule) -> None:
    assert not (found.is_about_numbers and found.severity is Severity.ERROR)


DOCUMENT = """The tree is dirty.

Why: a reason.

Fix: commit.

Wrong when: never.

Source: none.
"""


def module(**changes: object) -> ModuleType:
    """A file that holds a correct rule, but for the changes."""
    made = ModuleType("plugin.tree_dirty", DOCUMENT)
    sys.modules[made.__name__] = made

    def check(code: Code):
        if code.is_dirty:
            yield Violation("dirty", "commit", ("code.is_dirty",))

    check.__module__ = made.__name__
    check.__annotations__ = {"code": Code}
    made.RULE = rule("XYZ001", Severity.WARNING)(check)
    made.BAD = {"code": EXAMPLE.but(is_dirty=True)}
    made.GOOD = {"code": EXAMPLE}
    vars(made).update(changes)
    return made


def answering(violation: Violation) -> Rule:
    def check(code: Code):
        yield violation

    check.__module__ = "plugin.tree_dirty"
    check.__annotations__ = {"code": Code}
    return rule("XYZ001", Severity.WARNING)(check)


def test_a_correct_rule_of_a_third_party_passes() -> None:
    check_rule(module())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"RULE": None}, "plugin.tree_dirty holds 0 rules; a file holds one."),
        (
            {"__doc__": "The tree is dirty.\n\nWhy: a reason.\n\nFix: commit."},
            "tree-dirty: the docstring lacks Wrong when, Source.",
        ),
        ({"__doc__": "Dirty"}, "tree-dirty: the docstring starts with no sentence."),
        ({"BAD": {"code": EXAMPLE}}, "tree-dirty: BAD gives ['PASS'], not FAIL."),
        (
            {"GOOD": {"code": EXAMPLE.but(is_dirty=True)}},
            "tree-dirty: GOOD does not pass: ['dirty'].",
        ),
        (
            {"BAD": {"kode": EXAMPLE}},
            "tree-dirty: the example names no parameter: ['kode'].",
        ),
        (
            {"RULE": answering(Violation("dirty", "commit", ("code.dirt",)))},
            "tree-dirty: no record holds code.dirt.",
        ),
    ],
)
def test_a_broken_rule_is_told_what_is_broken(changes: dict[str, object], message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_rule(module(**changes))
    assert str(caught.value).splitlines()[0] == message


def test_a_rule_that_answers_worse_than_it_declares_is_refused() -> None:
    worse = answering(Violation("dirty", "commit", ("code.is_dirty",), Severity.ERROR))
    with pytest.raises(
        ValueError, match=r"^rule tree-dirty declares warning and answers with error\.$"
    ):
        check_rule(module(RULE=worse))


def test_a_code_that_another_rule_has_is_refused() -> None:
    broken = module()
    taken = broken.RULE.check
    broken.RULE = rule("SRC001", Severity.ERROR)(taken)
    with pytest.raises(AssertionError) as caught:
        check_rule(broken)
    assert str(caught.value) == "tree-dirty has the code SRC001 of dirty-no-diff."
