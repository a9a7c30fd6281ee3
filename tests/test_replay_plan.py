"""A record alone says how a run is executed again, or why it cannot be."""

from pathlib import Path

import pytest

from repro.audit.example import example_record
from repro.errors import CannotReplay
from repro.facts.code import EXAMPLE as CODE
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Variable
from repro.facts.execution import EXAMPLE as EXECUTION
from repro.facts.fact import Absent, Opaque
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.segments import Segments
from repro.facts.topology import Topology
from repro.replay_plan import plan_replay


def record(*facts, **others):
    return example_record(Segments(), Topology(), *facts, **others)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            CODE.but(restore_verified=False, not_restorable="a secret was masked in the patch"),
            "its code cannot be brought back: a secret was masked in the patch",
        ),
        (
            EXECUTION.but(command=("train.py", "--api-key=<redacted>")),
            "a secret was masked in its command",
        ),
        (EXECUTION.but(root=None), "it ran outside any repository"),
        (EXECUTION.but(replay_of="4d6f" * 8), "it is a replay itself: replay run 4d6f4d6f"),
        (OUTCOME.but(status="RUNNING"), "it has not ended"),
        (
            Segments(earlier=({"index": 1, "status": "KILLED"},)),
            "it was resumed: 2 processes made it, from checkpoints",
        ),
        (Topology(world=3), "it ran on 3 processes, which a launcher started"),
    ],
)
def test_a_run_that_cannot_be_executed_is_refused_with_the_reason(changed, reason):
    with pytest.raises(CannotReplay) as caught:
        plan_replay(record(changed))
    assert str(caught.value) == reason


def test_a_fact_that_is_missing_is_named():
    absent = Absent(reason="the program was typed", kind="not_recorded")
    with pytest.raises(CannotReplay, match=r"^its code is unknown: the program was typed$"):
        plan_replay(record(code=absent))
    with pytest.raises(CannotReplay, match=r"^it was recorded by a newer version of repro$"):
        plan_replay(record(execution=Opaque(version=9, data={})))


def test_the_command_is_given_where_it_was_with_the_paths_of_the_other_tree():
    command = ("-u", "src/train.py", "--out=/home/ada/vision/out", "--home", "/home/ada")
    execution = EXECUTION.but(command=command, folder="/home/ada/vision/jobs")
    plan = plan_replay(record(execution))
    assert plan.folder == Path("jobs")
    assert plan.words(Path("/tmp/r"), "/usr/bin/python3") == [
        *("/usr/bin/python3", "-u", "src/train.py", "--out=/tmp/r/out", "--home", "/home/ada"),
    ]


def test_variables_that_change_numbers_are_as_recorded_and_no_others():
    variables = (Variable(name="OMP_NUM_THREADS", value="2"),)
    plan = plan_replay(record(ENVIRONMENT.but(variables=variables)))
    base = {"HOME": "/home/ada", "MKL_CBWR": "AVX2", "OMP_NUM_THREADS": "8", "REPRO_SEED": "1"}
    assert plan.environment(base) == {
        "HOME": "/home/ada",
        "OMP_NUM_THREADS": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.parametrize(
    ("source", "variables", "seeds"),
    [
        ("argument", {}, {}),  # it is in the code
        ("REPRO_SEED", {"REPRO_SEED": "7"}, {}),
        ("drawn", {}, {3: 7}),
    ],
)
def test_only_a_seed_that_the_code_does_not_hold_is_handed_over(source, variables, seeds):
    determinism = DETERMINISM.but(seed=7, seed_source=source)
    plan = plan_replay(record(determinism, EXECUTION.but(number=3), ENVIRONMENT.but(variables=())))
    assert (plan.variables, plan.seeds) == (variables, seeds)


def test_a_random_order_of_sets_is_said():
    assert plan_replay(record()).notes == ()
    (note,) = plan_replay(record(DETERMINISM.but(hash_randomization=True))).notes
    assert note.startswith("PYTHONHASHSEED was random")
