"""Which steps are traced, and that they are few where a look costs much."""

import pytest

from repro.errors import UsageError
from repro.trace.pace import FIRST, Automatic, Given, steps_in


def test_the_first_steps_are_always_traced():
    pace = Automatic(0.01)
    pace.paid(seconds=1.0, step_seconds=0.001)
    assert all(pace.wants(step) for step in range(FIRST))
    assert pace.stride == 2**17
    assert not pace.wants(FIRST)


@pytest.mark.parametrize(
    ("seconds", "stride"), [(0.00001, 1), (0.001, 16), (0.002, 32), (0.0017, 32), (0.1, 1024)]
)
def test_the_stride_keeps_the_share(seconds, stride):
    pace = Automatic(0.01)
    for _ in range(9):
        pace.paid(seconds, step_seconds=0.01)
    assert pace.stride == stride
    assert seconds / stride <= 0.01 * 0.01


def test_a_coarser_grid_is_part_of_a_finer_one():
    fine, coarse = Automatic(0.01), Automatic(0.01)
    fine.paid(0.0002, 0.01)
    coarse.paid(0.001, 0.01)
    wanted = [{step for step in range(200) if pace.wants(step)} for pace in (fine, coarse)]
    assert wanted[1] < wanted[0]


def test_one_look_that_was_interrupted_changes_nothing():
    pace = Automatic(0.01)
    for seconds in (0.0004, 0.0004, 5.0, 0.0004):
        pace.paid(seconds, step_seconds=0.01)
    assert pace.stride == 4


def test_who_slows_down_does_not_speed_up_again():
    pace = Automatic(0.01)
    pace.slow_down()
    pace.paid(0.0, 1.0)
    assert pace.stride == 2


def test_steps_that_are_given_are_those(tmp_path):
    path = tmp_path / "steps"
    path.write_text("3\n64\n")
    pace = Given(steps_in(str(path)))
    assert [step for step in range(100) if pace.wants(step)] == [3, 64]


def test_a_file_of_steps_that_cannot_be_used_is_refused(tmp_path):
    path = tmp_path / "steps"
    with pytest.raises(UsageError, match=r"cannot be read: No such file or directory\. Name a"):
        steps_in(str(path))
    path.write_text("3\nlast\n")
    with pytest.raises(UsageError, match=r"holds 'last', which is no number of a step\. Write one"):
        steps_in(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"is no file of text\. Name a file with the number of"):
        steps_in(str(path))
