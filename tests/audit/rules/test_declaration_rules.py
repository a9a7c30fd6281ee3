from fake_history import ADAMW, CLAIM, score, tracked

from repro.audit.case import Spoken
from repro.audit.rule import Severity, Unknown, Violation
from repro.audit.rules.declaration import treatment_absent, undeclared_difference
from repro.claims import Claim
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Module
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Variable
from repro.facts.fact import Absent, Fact
from repro.facts.hardware import EXAMPLE as HARDWARE
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.schedule import EXAMPLE as SCHEDULE
from repro.facts.scores import EXAMPLE as SCORES
from repro.record import Arms, RunRecord

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
DOES_NOT_APPLY = Absent(reason="nothing is trained", kind="not_applicable")


def undeclared(
    runs: Arms[RunRecord], claim: Claim = CLAIM, spoken: Spoken | None = None
) -> list[Violation | Unknown]:
    return list(undeclared_difference.check.check(claim, runs, spoken or Spoken()))


def against(*facts: Fact, **absent: Absent) -> Arms[RunRecord]:
    """A baseline, and an AdamW run with these facts."""
    return Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, *ADAMW, *facts, **absent))


def test_declared_differences_are_silent() -> None:
    assert undeclared(against()) == []


def test_an_undeclared_difference_names_its_path_and_what_to_declare() -> None:
    (found,) = undeclared(against(BATCHING.but(shuffle=False)))
    assert found == Violation(
        message="batching.shuffle differs between the arms and is not declared",
        fix='align the runs, or declare "batching.shuffle" as treatment or nuisance',
        points=("batching.shuffle",),
        severity=Severity.ERROR,
    )


def test_differences_of_one_fact_are_one_finding() -> None:
    (found,) = undeclared(against(BATCHING.but(shuffle=False, drop_last=True)))
    assert found.message == "2 values of batching differ between the arms and are not declared"
    assert found.points == ("batching.drop_last", "batching.shuffle")


def test_what_another_rule_speaks_about_is_not_repeated() -> None:
    spoken = Spoken(frozenset({"batching.shuffle"}))
    assert undeclared(against(BATCHING.but(shuffle=False)), spoken=spoken) == []


def test_machine_and_packages_are_warnings() -> None:
    other = ENVIRONMENT.but(variables=(Variable(name="OMP_NUM_THREADS", value="4"),))
    found = undeclared(against(other, HARDWARE.but(cpu="EPYC")))
    assert [(one.points, one.severity) for one in found] == [
        (("environment.variables.OMP_NUM_THREADS",), Severity.WARNING),
        (("hardware.cpu",), Severity.WARNING),
    ]


def test_comments_and_unimported_files_are_a_warning_unless_all_code_is_declared() -> None:
    runs = against(CODE.but(tree="0" * 40))
    (found,) = undeclared(runs)
    assert (found.message, found.severity) == (
        "only comments, layout or files that no run imported differ between the arms",
        Severity.WARNING,
    )
    assert found.fix == "nothing has to be declared; commit once, and make all runs of that commit"
    assert undeclared(runs, CLAIM.model_copy(update={"treatment": ("optimizer.*", "code:*")})) == []


def test_another_tree_is_an_error_where_nobody_knows_what_was_imported() -> None:
    runs = Arms.of(
        tracked(1, 0, 0.9, CODE.but(modules=())),
        tracked(2, 0, 0.9, *ADAMW, CODE.but(modules=(), tree="0" * 40)),
    )
    (found,) = undeclared(runs)
    assert (found.message, found.severity) == (
        "files, of which not every run says whether it imported them, differ between the arms",
        Severity.ERROR,
    )


def test_imported_code_is_declared_file_by_file() -> None:
    changed = CODE.but(modules=(Module(path="train.py", digest="blake3:ff"),), tree="0" * 40)
    claim = CLAIM.model_copy(update={"treatment": ("optimizer.*", "code:train.py")})
    assert undeclared(against(changed), claim) == []
    (found,) = undeclared(against(changed))
    assert found.points == ("code.modules.train.py",)


def test_a_declared_schedule_declares_the_class_that_makes_it() -> None:
    cosine = (SGD.but(scheduler="CosineAnnealingLR"), SCHEDULE.but(shape="cosine"))
    runs = Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, *cosine))
    assert undeclared(runs, CLAIM.model_copy(update={"treatment": ("schedule.*",)})) == []
    (found,) = undeclared(runs, CLAIM.model_copy(update={"treatment": ("optimizer.*",)}))
    assert found.points == ("schedule.shape",)


def test_a_score_that_the_claim_does_not_use_is_a_note() -> None:
    more = SCORES.but(
        scored=(
            score("test/accuracy", 0.9),
            score("test/loss", 0.1),
            score("valid/accuracy", 0.8),
        )
    )
    assert {found.severity for found in undeclared(against(more))} == {Severity.NOTE}


def test_a_score_on_other_rows_is_an_error_and_its_definition_is_another_rules() -> None:
    other = score("test/accuracy", 0.9).model_copy(update={"n_rows": 7, "arguments": '{"a":1}'})
    found = undeclared(against(SCORES.but(scored=(other, score("test/loss", 0.1)))))
    assert [(one.points, one.severity) for one in found] == [
        (("scores.test/accuracy.n_rows",), Severity.ERROR)
    ]


def test_a_difference_inside_an_arm_is_no_treatment_of_the_claim() -> None:
    slower = ADAMW[0].but(scheduler="StepLR")
    runs = Arms(
        (tracked(1, 0, 0.9), tracked(2, 1, 0.9)),
        (tracked(3, 0, 0.9, *ADAMW), tracked(4, 1, 0.9, slower, ADAMW[1])),
        ((0, 0), (1, 1)),
    )
    (found,) = undeclared(runs)
    assert found == Violation(
        message="optimizer.scheduler differs inside the candidate arm and is not declared as "
        "nuisance",
        fix='align the runs, or declare "optimizer.scheduler" as nuisance',
        points=("optimizer.scheduler",),
        severity=Severity.ERROR,
    )
    assert undeclared(runs, CLAIM.model_copy(update={"nuisance": ("optimizer.*",)})) == []


def test_a_fact_that_nobody_asked_for_is_unknown_when_it_is_missing() -> None:
    (found,) = undeclared(against(batching=NOT_RECORDED))
    assert isinstance(found, Unknown)
    assert (found.message, found.points, found.severity) == (
        "batching is not recorded: nobody looked",
        ("batching",),
        None,
    )
    spoken = Spoken(frozenset({"batching"}))
    assert undeclared(against(batching=NOT_RECORDED), spoken=spoken) == []


def test_what_follows_from_the_program_blocks_only_where_the_programs_differ() -> None:
    (same_files,) = undeclared(against(loss=NOT_RECORDED))
    assert (type(same_files), same_files.severity) == (Unknown, Severity.WARNING)
    other_files = CODE.but(tree="ab", modules=({"path": "train.py", "digest": "blake3:bb"},))
    found = undeclared(
        against(other_files, loss=NOT_RECORDED),
        CLAIM.model_copy(update={"treatment": ("code:*", "optimizer.*")}),
    )
    assert [(type(item), item.severity) for item in found] == [(Unknown, None)]


def test_a_machine_that_is_not_known_does_not_block() -> None:
    (found,) = undeclared(against(hardware=NOT_RECORDED))
    assert (type(found), found.severity) == (Unknown, Severity.WARNING)


def test_a_fact_of_one_side_only_is_a_difference() -> None:
    (found,) = undeclared(against(batching=DOES_NOT_APPLY))
    assert found.message == "batching differs between the arms and is not declared"


def test_a_fact_that_applies_to_no_run_is_silent() -> None:
    absent = {"architecture": DOES_NOT_APPLY}
    runs = Arms.of(tracked(1, 0, 0.9, **absent), tracked(2, 0, 0.9, *ADAMW, **absent))
    assert undeclared(runs) == []


def treated(runs: Arms[RunRecord], claim: Claim = CLAIM) -> list[Violation | Unknown]:
    return list(treatment_absent.check.check(claim, runs))


def test_equal_arms_have_no_treatment_and_the_equal_values_are_the_evidence() -> None:
    (found,) = treated(Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.8)))
    assert isinstance(found, Violation)
    assert found.message == 'nothing that "optimizer.*" means differs between the arms'
    assert "optimizer.name" in found.points
    assert "optimizer.lr" not in found.points  # a nuisance is no treatment


def test_a_nuisance_alone_is_no_treatment() -> None:
    settings = (ADAMW[0].settings[0], *tracked(1, 0, 0.9).facts["optimizer"].settings[1:])
    slower = tracked(1, 0, 0.9).facts["optimizer"].but(settings=settings)
    runs = Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, slower))
    assert [type(found) for found in treated(runs)] == [Violation]


def test_a_treatment_that_some_pairs_lack_is_counted() -> None:
    runs = Arms(
        (tracked(1, 0, 0.9), tracked(2, 1, 0.9)),
        (tracked(3, 0, 0.9, *ADAMW), tracked(4, 1, 0.9)),
        ((0, 0), (1, 1)),
    )
    (found,) = treated(runs)
    assert found.message == (
        'nothing that "optimizer.*" means differs between the arms in 1 of 2 pairs'
    )


def test_a_treatment_that_nothing_records_is_told_so() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("params.dropout",)})
    (found,) = treated(against(), claim)
    assert found.message == 'no run recorded anything that "params.dropout" means'


def test_a_treatment_that_was_not_recorded_is_unknown_not_absent() -> None:
    runs = Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, optimizer=NOT_RECORDED))
    (found,) = treated(runs)
    assert isinstance(found, Unknown)
    assert found.points == ("optimizer",)
    other = Absent(reason="it broke", kind="failed")
    nowhere = Arms.of(*(tracked(1, 0, 0.9, optimizer=it) for it in (NOT_RECORDED, other)))
    assert len(treated(nowhere)) == 1


def test_of_many_equal_values_five_are_quoted() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("batching.*",), "nuisance": ()})
    (found,) = treated(Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.8)), claim)
    assert len(found.points) == 5


def test_a_treatment_by_code_is_seen_in_the_imported_file() -> None:
    changed = CODE.but(modules=(Module(path="train.py", digest="blake3:ff"),))
    runs = Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, changed))
    assert treated(runs, CLAIM.model_copy(update={"treatment": ("code:train.py",)})) == []
    assert treated(runs, CLAIM.model_copy(update={"treatment": ("code:model.py",)})) != []


def test_facts_that_one_call_records_are_missing_once() -> None:
    other = Absent(reason="it was too late", kind="not_recorded")
    failed = Absent(reason="it broke", kind="failed")
    found = undeclared(against(schedule=NOT_RECORDED, lineage=other, loss=failed))
    told = {one.points: one.message for one in found if isinstance(one, Unknown)}
    assert told == {
        (
            "lineage",
            "schedule",
        ): "lineage, schedule are not recorded: it was too late; nobody looked",
        ("loss",): "loss could not be observed: it broke",
    }
