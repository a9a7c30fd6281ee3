from collections.abc import Iterator

import pytest
from fake_history import POLICY, tracked

from repro.audit.case import Case, Spoken
from repro.audit.engine import audit, examine
from repro.audit.finding import Evidence, Outcome, fold
from repro.audit.rule import Answer, NotApplicable, Rule, Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim, Policy
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.batching import Batching
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code
from repro.facts.fact import Absent, Opaque
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.record import Arms, RunRecord
from repro.stats.comparison import Comparison

DIRTY = CODE.but(is_dirty=True, n_modified=2)
NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
DOES_NOT_APPLY = Absent(reason="nothing is trained", kind="not_applicable")


def case(baseline: list[RunRecord], candidate: list[RunRecord]) -> Case:
    pairs = tuple((at, at) for at in range(min(len(baseline), len(candidate))))
    return Case(CLAIM, POLICY, Arms(tuple(baseline), tuple(candidate), pairs))


def run(number: int, *facts: object, **absent: object) -> RunRecord:
    return tracked(number, 0, 0.9, *facts, **absent)


@rule("XYZ001", Severity.ERROR)
def of_each_run(code: Code) -> Iterator[Violation]:
    if code.is_dirty:
        yield Violation("the tree is dirty", "commit", ("code.n_modified",))


@rule("XYZ002", Severity.ERROR)
def of_the_claim(claim: Claim, batching: Arms[Batching]) -> Iterator[Violation]:
    left, right = next(batching.contrasts())
    if left.effective != right.effective:
        yield Violation(
            f"{claim.metric} of other batches",
            "align",
            ("batching.effective",),
            consequences=("batching.*", "optimizer.*"),
        )


def test_a_rule_over_a_fact_is_asked_of_each_run_and_names_those_it_is_about() -> None:
    findings = examine(of_each_run, case([run(1), run(2, DIRTY)], [run(3), run(4)]))
    assert [(found.outcome, found.arms, found.runs) for found in findings] == [
        (Outcome.FAIL, ("baseline",), (run(2).run_id,))
    ]
    assert findings[0].evidence == (Evidence(path="code.n_modified", baseline=(2,), candidate=()),)


def test_findings_that_say_the_same_of_several_runs_are_folded_into_one() -> None:
    other = CODE.but(is_dirty=True, n_modified=7)
    findings = examine(of_each_run, case([run(1, DIRTY), run(2, DIRTY)], [run(3, other)]))
    assert len(findings) == 3
    (folded,) = fold(findings)
    assert folded.runs == (run(1).run_id, run(2).run_id, run(3).run_id)
    assert folded.arms == ("baseline", "candidate")
    assert folded.evidence == (Evidence(path="code.n_modified", baseline=(2,), candidate=(7,)),)


def test_findings_with_other_messages_stay_apart() -> None:
    @rule("XYZ003", Severity.NOTE)
    def counting(code: Code) -> Iterator[Violation]:
        yield Violation(f"{code.n_modified} files", "commit", ())

    findings = fold(examine(counting, case([run(1)], [run(2, DIRTY)])))
    assert [found.message for found in findings] == ["0 files", "2 files"]


def test_a_rule_over_arms_is_asked_once_and_is_about_the_claim() -> None:
    larger = BATCHING.but(micro=256, effective=256)
    findings = examine(of_the_claim, case([run(1)], [run(2, larger)]))
    assert [(found.message, found.runs) for found in findings] == [
        ("test/accuracy of other batches", ())
    ]
    assert findings[0].evidence == (
        Evidence(path="batching.effective", baseline=(128,), candidate=(256,)),
    )


def test_consequences_are_the_paths_that_differ_and_no_others() -> None:
    larger = BATCHING.but(micro=256, effective=256)
    findings = examine(of_the_claim, case([run(1)], [run(2, larger)]))
    assert findings[0].consequences == ("batching.micro",)


def test_a_rule_that_says_nothing_passes() -> None:
    findings = examine(of_each_run, case([run(1)], [run(2)]))
    assert [(found.outcome, found.message) for found in findings] == [(Outcome.PASS, None)]


@pytest.mark.parametrize(
    ("fact", "message", "fix"),
    [
        (
            NOT_RECORDED,
            "batching is not recorded: nobody looked",
            "run.watch(model, optimizer), or train from run.dataloader(dataset)",
        ),
        (
            Absent(reason="KeyError: 3", kind="failed"),
            "batching could not be observed: KeyError: 3",
            "remove the cause and run again",
        ),
        (
            Opaque(version=9, data={}),
            "batching is not recorded: a newer version of repro wrote it (version 9); "
            "upgrade to read it",
            "run.watch(model, optimizer), or train from run.dataloader(dataset)",
        ),
    ],
)
def test_a_missing_fact_is_unknown_and_the_rule_is_not_called(
    fact: Absent | Opaque, message: str, fix: str
) -> None:
    @rule("XYZ003", Severity.ERROR)
    def never_called(batching: Arms[Batching]) -> Iterator[Violation]:
        raise AssertionError("called")
        yield

    findings = examine(never_called, case([run(1), run(2)], [run(3, batching=fact), run(4)]))
    assert [(found.outcome, found.severity) for found in findings] == [
        (Outcome.UNKNOWN, Severity.ERROR)
    ]
    assert (findings[0].message, findings[0].fix) == (message, fix)
    assert (findings[0].arms, findings[0].runs) == (("candidate",), (run(3).run_id,))
    assert findings[0].evidence == (
        Evidence(path="batching", baseline=(), candidate=("not recorded",)),
    )


def test_one_unknown_run_does_not_silence_what_is_found_in_the_others() -> None:
    findings = examine(of_each_run, case([run(1, code=NOT_RECORDED)], [run(2, DIRTY)]))
    assert [found.outcome for found in findings] == [Outcome.UNKNOWN, Outcome.FAIL]


def test_a_fact_that_applies_to_no_run_makes_the_rule_not_applicable() -> None:
    absent = {"batching": DOES_NOT_APPLY}
    findings = examine(of_the_claim, case([run(1, **absent)], [run(2, **absent)]))
    assert [(found.outcome, found.message) for found in findings] == [
        (Outcome.NOT_APPLICABLE, "batching does not apply: nothing is trained")
    ]


def test_a_fact_that_applies_to_one_side_only_makes_the_rule_not_applicable() -> None:
    findings = examine(of_the_claim, case([run(1)], [run(2, batching=DOES_NOT_APPLY)]))
    assert [found.outcome for found in findings] == [Outcome.NOT_APPLICABLE]


def test_unknown_outweighs_not_applicable() -> None:
    runs = [run(1, batching=NOT_RECORDED)], [run(2, batching=DOES_NOT_APPLY)]
    assert [found.outcome for found in examine(of_the_claim, case(*runs))] == [Outcome.UNKNOWN]


def test_a_rule_of_each_run_passes_over_those_it_does_not_apply_to() -> None:
    findings = examine(of_each_run, case([run(1, code=DOES_NOT_APPLY)], [run(2)]))
    assert [found.outcome for found in findings] == [Outcome.PASS]


def test_a_rule_that_takes_absence_sees_its_reason() -> None:
    seen: list[Absent | Batching] = []

    @rule("XYZ003", Severity.ERROR)
    def open_minded(batching: Batching | Absent) -> Iterator[Violation]:
        seen.append(batching)
        yield from ()

    examine(open_minded, case([run(1, batching=NOT_RECORDED)], [run(2)]))
    assert seen == [NOT_RECORDED, BATCHING]


def test_a_violation_may_be_milder_than_the_rule_declares() -> None:
    @rule("XYZ003", Severity.ERROR)
    def mild(code: Code) -> Iterator[Violation]:
        yield Violation("well", "relax", (), severity=Severity.NOTE)

    findings = fold(examine(mild, case([run(1)], [run(2)])))
    assert [found.severity for found in findings] == [Severity.NOTE]


def test_a_violation_must_not_be_worse_than_the_rule_declares() -> None:
    @rule("XYZ003", Severity.NOTE)
    def wild(code: Code) -> Iterator[Violation]:
        yield Violation("well", "panic", (), severity=Severity.ERROR)

    with pytest.raises(ValueError, match=r"^rule .* declares note and answers with error\.$"):
        examine(wild, case([run(1)], [run(2)]))


def test_a_rule_that_wants_to_know_what_others_said_is_asked_last() -> None:
    heard: list[frozenset[str]] = []

    @rule("XYZ000", Severity.ERROR)
    def listening(spoken: Spoken, runs: Arms[RunRecord]) -> Iterator[Violation]:
        heard.append(spoken.paths)
        yield Violation("heard", "-", ())

    larger = BATCHING.but(micro=256, effective=256)
    runs = [run(1, code=NOT_RECORDED)], [run(2, larger)]
    findings = audit(case(*runs), [listening, of_each_run, of_the_claim])
    assert heard == [frozenset({"code", "batching.effective", "batching.micro"})]
    assert [found.code for found in findings] == ["XYZ000", "XYZ001", "XYZ002"]


def test_advice_and_what_is_wrong_inside_one_run_answer_for_no_difference() -> None:
    heard: list[frozenset[str]] = []

    @rule("XYZ000", Severity.ERROR)
    def listening(spoken: Spoken, runs: Arms[RunRecord]) -> Iterator[Violation]:
        heard.append(spoken.paths)
        yield from ()

    @rule("XYZ003", Severity.WARNING)
    def advising(batching: Arms[Batching], code: Arms[Code]) -> Iterator[Violation]:
        yield Violation("large", "halve it", ("batching.effective",))

    larger = BATCHING.but(micro=256, effective=256)
    everything = [listening, of_each_run, advising]
    findings = audit(case([run(1)], [run(2, larger, DIRTY)]), everything)
    assert {found.code for found in findings if found.is_advice} == {"XYZ003"}
    assert {found.code for found in findings if found.outcome is Outcome.FAIL} == {
        "XYZ001",
        "XYZ003",
    }
    audit(case([run(1, code=NOT_RECORDED)], [run(2)]), [listening, advising])
    assert heard == [frozenset(), frozenset()]


def test_a_rule_about_numbers_does_not_apply_where_there_are_none() -> None:
    @rule("STA999", Severity.WARNING)
    def counting(comparison: Comparison) -> Iterator[Answer]:
        raise AssertionError("called")
        yield

    findings = examine(counting, case([run(1)], [run(2)]))
    assert [(found.outcome, found.message) for found in findings] == [
        (Outcome.NOT_APPLICABLE, "the arms were not compared")
    ]


def test_a_rule_may_answer_that_it_does_not_apply_or_cannot_tell() -> None:
    @rule("XYZ003", Severity.ERROR)
    def torn(code: Code) -> Iterator[Answer]:
        yield Unknown("dark", "light", ()) if code.is_dirty else NotApplicable("clean")

    clean = examine(torn, case([run(1)], [run(2)]))
    assert [(found.outcome, found.message) for found in clean] == [
        (Outcome.NOT_APPLICABLE, "clean")
    ]
    mixed = examine(torn, case([run(1, DIRTY)], [run(2)]))
    assert [(found.outcome, found.message) for found in mixed] == [(Outcome.UNKNOWN, "dark")]


def test_claim_and_policy_are_handed_over_by_annotation() -> None:
    given: list[object] = []

    @rule("XYZ003", Severity.ERROR)
    def curious(claim: Claim, policy: Policy, run: RunRecord) -> Iterator[Violation]:
        given.extend((claim, policy, run.name))
        yield from ()

    examine(curious, case([run(1)], []))
    assert given == [CLAIM, POLICY, "run 1"]


def test_a_parameter_that_no_rule_is_given_is_refused_where_the_rule_is_written() -> None:
    def check(number: int) -> Iterator[Violation]:
        yield from ()

    with pytest.raises(TypeError) as caught:
        rule("XYZ003", Severity.ERROR)(check)
    assert str(caught.value) == (
        f"rule {__name__.rpartition('.')[2].replace('_', '-')}: parameter 'number' asks for "
        f"<class 'int'>, which no rule is given. Annotate it with a fact, Arms[...] of a fact, or "
        f"one of: RunRecord, Claim, Policy, Ledger, Reruns, Spoken, Comparison, Guards, "
        f"EvaluationNoise."
    )


def test_a_rule_asks_for_a_run_or_for_the_arms_not_for_both() -> None:
    def check(code: Code, batching: Arms[Batching]) -> Iterator[Violation]:
        yield from ()

    with pytest.raises(TypeError, match=r"asks for a run and for both arms; it can ask for one\.$"):
        rule("XYZ003", Severity.ERROR)(check)


def test_a_whole_fact_is_quoted_by_its_first_value() -> None:
    @rule("XYZ003", Severity.ERROR)
    def pointing(runs: Arms[RunRecord]) -> Iterator[Violation]:
        yield Violation("look", "-", ("optimizer", "optimizer.betas"))

    runs = [run(1, OPTIMIZER)], [run(2, optimizer=DOES_NOT_APPLY)]
    (found,) = examine(pointing, case(*runs))
    assert found.evidence == (
        Evidence(path="optimizer", baseline=("SGD ...",), candidate=("not applicable",)),
        Evidence(path="optimizer.betas", baseline=("not set",), candidate=("not applicable",)),
    )


def test_rules_are_values_that_can_be_compared() -> None:
    assert isinstance(of_each_run, Rule)
    assert of_each_run != of_the_claim
