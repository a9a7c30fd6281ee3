import pickle
import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import joblib
import numpy as np
import pytest
import torch

from repro.determinism.children import ChildInit, Seeded
from repro.determinism.controlled import Controlled
from repro.errors import UsageError

TASKS = range(4)


def drawn(task):
    """A number of each global generator, and whether the run's mode holds."""
    strict = torch.are_deterministic_algorithms_enabled()
    return task, random.random(), np.random.random(), torch.rand(1).item(), strict


def results(how):
    """Each task in a process of such a pool, or in this one."""
    call, init = Seeded(drawn, seed=3, mode="strict"), ChildInit(seed=3, mode="off")
    if how == "here":
        return [call(task) for task in reversed(TASKS)][::-1]
    if how == "forked, of joblib":
        pool = joblib.Parallel(n_jobs=2, backend="multiprocessing", initializer=init)
        return pool(joblib.delayed(call)(task) for task in TASKS)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=init) as pool:
        return list(pool.map(call, TASKS))


@pytest.mark.slow
def test_a_seeded_task_draws_the_same_in_any_process_and_order():
    here = results("here")
    assert here == results("forked, of joblib") == results("spawned")
    assert all(strict for *_, strict in here)
    assert len({number for task in here for number in task[1:4]}) == 3 * len(TASKS)


def test_a_seeded_task_leaves_the_generators_of_the_run_alone_even_where_it_fails():
    def fail(task):
        random.random(), torch.rand(1)
        raise ValueError(task)

    with Controlled(5):
        expected = random.random(), torch.rand(1).item()
    with Controlled(5):
        with pytest.raises(ValueError, match="task 1"):
            Seeded(fail, seed=3, mode="off")("task 1")
        assert (random.random(), torch.rand(1).item()) == expected


def test_tasks_of_two_functions_or_seeds_draw_apart():
    def other(task):
        return drawn(task)

    calls = [Seeded(drawn, 3, "off"), Seeded(drawn, 4, "off"), Seeded(other, 3, "off")]
    assert len({call(0)[1] for call in calls}) == 3
    assert calls[0](np.int64(2))[1:] == calls[0](2)[1:] != calls[0]("2")[1:]


def test_what_names_no_task_is_refused():
    with pytest.raises(UsageError) as refused:
        Seeded(drawn, seed=3, mode="strict")([1, 2])
    assert str(refused.value) == (
        "A seeded function was called with a list first: that names no task. "
        "Pass a whole number or a text first, which no other task has."
    )


@pytest.mark.slow
def test_each_process_of_a_pool_is_seeded_apart_and_has_the_mode_of_the_run():
    init = pickle.loads(pickle.dumps(ChildInit(seed=3, mode="strict")))
    found = []
    for _ in range(2):
        with get_context("fork").Pool(1, initializer=init) as pool:
            found += pool.map(drawn, range(2))
    assert len({number for _, *numbers, _ in found for number in numbers}) == 4 * 3
    assert all(strict for *_, strict in found)


def test_the_initializer_of_children_is_refused_in_the_process_of_the_run():
    before = random.getstate()
    with pytest.raises(UsageError) as refused:
        ChildInit(seed=3, mode="strict")()
    assert random.getstate() == before
    assert str(refused.value) == (
        "child_init was called in the process of the run, whose generators it would seed "
        "anew. Use it in a pool of processes; for threads, pass generators to the tasks."
    )
