"""Which differences between two runs a refactoring explains, and which it does not."""

import pytest

from repro.audit.configuration import differing
from repro.audit.example import example_record
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code
from repro.facts.loss import EXAMPLE as LOSS
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.transforms import EXAMPLE as TRANSFORMS
from repro.record import RunRecord

BEFORE = {"train.py": ("t", ["scoring.py"]), "scoring.py": ("s", [])}


def code(files: dict[str, tuple[str, list[str]]], revision: str) -> Code:
    return CODE.but(
        tree=revision * 40,
        modules=[{"path": path, "digest": f"blake3:{revision}{path}"} for path in files],
        sources=[
            {"path": path, "digest": f"blake3:{digest}", "imports": imports}
            for path, (digest, imports) in files.items()
        ],
    )


def changed(files: dict[str, tuple[str, list[str]]]) -> set[str]:
    left, right = (example_record(code(*one)) for one in ((BEFORE, "1"), (files, "2")))
    return {path.removeprefix("code.modules.") for path in differing(left, right)}


def test_files_in_which_only_local_names_differ_are_one() -> None:
    assert changed(BEFORE) == {"code.tree"}


def test_a_file_that_moved_is_one_and_so_is_who_imports_it() -> None:
    moved = {"train.py": ("t", ["lib/measures.py"]), "lib/measures.py": ("s", [])}
    assert changed(moved) == {"code.tree"}


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"train.py": ("t", ["new.py"]), "new.py": ("other", [])}, {"train.py", "new.py"}),
        ({"train.py": ("other", ["scoring.py"]), "scoring.py": ("s", [])}, {"train.py"}),
        (  # scoring.py is still there: train.py takes the metric from elsewhere
            {**BEFORE, "train.py": ("t", ["copy.py"]), "copy.py": ("s", [])},
            {"train.py", "copy.py"},
        ),
        (  # two files of one content came: it cannot be told which of them it was
            {"train.py": ("t", ["a.py"]), "a.py": ("s", []), "b.py": ("s", [])},
            {"train.py", "scoring.py", "a.py", "b.py"},
        ),
    ],
)
def test_other_content_and_other_origins_are_differences(
    files: dict[str, tuple[str, list[str]]], named: set[str]
) -> None:
    gone = BEFORE.keys() - files.keys()
    assert changed(files) == named | gone


def test_a_file_that_took_the_content_of_another_is_a_difference() -> None:
    before = {"train.py": ("t", ["a.py"]), "a.py": ("s", []), "b.py": ("other", [])}
    after = {"train.py": ("t", ["b.py"]), "b.py": ("s", [])}
    left, right = example_record(code(before, "1")), example_record(code(after, "2"))
    found = {path.removeprefix("code.modules.") for path in differing(left, right)}
    assert found == {"train.py", "a.py", "b.py"}


def test_of_two_files_of_one_content_nobody_knows_which_moved() -> None:
    before, after = {"a/m.py": ("s", []), "b/m.py": ("s", [])}, {"c/m.py": ("s", [])}
    left, right = example_record(code(before, "1")), example_record(code(after, "2"))
    assert len(differing(left, right)) == 3


def test_of_empty_files_that_moved_the_name_tells() -> None:
    before = {"a/__init__.py": ("empty", []), "a/x.py": ("empty", [])}
    after = {"b/__init__.py": ("empty", []), "b/x.py": ("empty", [])}
    left, right = example_record(code(before, "1")), example_record(code(after, "2"))
    assert differing(left, right) == {"code.tree"}


def scored(**changes: object) -> RunRecord:
    own = {"library": None, "definition_digest": "blake3:d", **changes}
    return example_record(SCORES.but(scored=(SCORES.scored[0].model_copy(update=own),)))


def test_an_own_metric_that_moved_is_one() -> None:
    moved = scored(metric="measures.f1", source_digest="blake3:other")
    assert differing(scored(metric="scoring.f1"), moved) == set()


@pytest.mark.parametrize("digest", ["blake3:other", None])
def test_another_metric_is_a_difference(digest: str | None) -> None:
    other = scored(metric="measures.f1", definition_digest=digest)
    assert differing(scored(metric="scoring.f1"), other) == {"scores.test/accuracy.metric"}


def test_own_losses_and_collate_functions_are_one_where_only_local_names_differ() -> None:
    (role,) = TRANSFORMS.roles

    def recorded(digest: str, kept: str) -> RunRecord:
        collate = {"collate_digest": digest, "collate_definition_digest": kept}
        return example_record(
            LOSS.but(source_digest=digest, definition_digest=kept),
            TRANSFORMS.but(roles=(role.model_copy(update=collate),)),
        )

    assert differing(recorded("b:1", "b:k"), recorded("b:2", "b:k")) == set()
    assert differing(recorded("b:1", "b:k"), recorded("b:2", "b:l")) == {
        "loss.source_digest",
        "transforms.train.collate_digest",
    }


def test_records_of_before_know_no_refactoring() -> None:
    old = example_record(Code.model_validate({**code(BEFORE, "1").model_dump(), "sources": ()}))
    new = example_record(code(BEFORE, "2"))
    assert "code.modules.train.py" in differing(old, new)
