"""Whether runs can differ only in what was recorded."""

import pytest
from fake_history import tracked

from repro.audit.same_program import is_same_program
from repro.facts.code import EXAMPLE as CODE
from repro.facts.fact import Fact
from repro.facts.params import Param, Params
from repro.record import Arms, RunRecord


def run(*argv: str, seed: int = 0, **params: object) -> RunRecord:
    declared = tuple(Param(name=name, value=value) for name, value in params.items())
    facts: tuple[Fact, ...] = (CODE.but(argv=("train.py", *argv)), Params(declared=declared))
    return tracked(1, seed, 0.9, *facts)


def test_the_same_files_without_arguments_are_one_program() -> None:
    assert is_same_program(Arms.of(run(), run()))


@pytest.mark.parametrize(
    ("argv", "params"),
    [
        (("--lr", "0.5"), {"lr": 0.5}),
        (("--lr=0.5",), {"lr": 0.5}),
        (("lr=0.5",), {"lr": 0.5}),
        (("--optimizer", "AdamW"), {"optimizer": "adamw"}),
        (("--seed", "7"), {}),
        (("--batch-size", "64"), {"loader.batch_size": 64}),
        (("--lr", "1e-3"), {"lr": 0.001}),
    ],
)
def test_words_that_the_record_tells_do_not_count(
    argv: tuple[str, ...], params: dict[str, object]
) -> None:
    assert is_same_program(Arms.of(run(), run(*argv, seed=7, **params)))


@pytest.mark.parametrize(
    "argv",
    [
        ("--loss", "focal"),
        ("--focal",),
        ("--loss=focal",),
        ("focal",),
        ("--name", "run 1"),  # the name of a run is compared with nothing
        ("--dropout", "0.5"),  # the value of another parameter
        ("--lr", "0.7"),  # not what was recorded
    ],
)
def test_a_word_that_nothing_tells_is_another_program(argv: tuple[str, ...]) -> None:
    assert not is_same_program(Arms.of(run(lr=0.5), run(*argv, lr=0.5)))


def test_another_imported_file_is_another_program() -> None:
    other = CODE.but(modules=({"path": "train.py", "digest": "blake3:bb"},))
    assert not is_same_program(Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, other)))


def test_files_that_are_not_known_are_not_the_same() -> None:
    unknown = CODE.but(modules=())
    assert not is_same_program(Arms.of(tracked(1, 0, 0.9, unknown), tracked(2, 0, 0.9, unknown)))
