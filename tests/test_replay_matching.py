"""A script may open several runs: the replay of one is found among them, or nobody guesses."""

from dataclasses import replace

from repro.audit.example import example_record
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.execution import EXAMPLE as EXECUTION
from repro.facts.params import Param, Params
from repro.replay_matching import counterpart


def run(seed, number=1, name="example replay", lr=0.1):
    params = Params(declared=(Param(name="lr", value=lr),))
    facts = (DETERMINISM.but(seed=seed), EXECUTION.but(number=number), params)
    return replace(example_record(*facts), name=name)


def test_a_run_is_known_by_its_seed_and_params():
    runs = [run(0), run(1), run(1, lr=0.2)]
    assert counterpart(run(1, lr=0.2), runs) == (
        runs[2],
        "the one of 3 runs of the script with this seed, fold and params",
    )


def test_runs_that_are_alike_are_told_apart_by_name_then_by_number():
    runs = [run(0, 1), run(0, 2, name="other replay")]
    original = run(0, 2, name="other")
    assert counterpart(original, runs) == (
        runs[1],
        "the one of 2 runs of the script with this name",
    )
    runs = [run(0, 1, name="a replay"), run(0, 2, name="b replay"), run(1, 3, name="a replay")]
    assert counterpart(run(0, 9, name="a"), runs)[0] is runs[0]
    runs = [run(0, 1), run(0, 2)]
    assert counterpart(run(0, 2), runs) == (runs[1], "number 2 of 2 runs of the script")


def test_a_run_that_may_be_either_is_not_guessed():
    assert counterpart(run(0, 5), [run(0, 1), run(0, 1)]) == (
        None,
        "2 of 2 runs of the script may be meant",
    )
    assert counterpart(run(0, 5), [run(3, 1), run(4, 2)]) == (
        None,
        "none of 2 runs of the script has its seed, fold and params",
    )
