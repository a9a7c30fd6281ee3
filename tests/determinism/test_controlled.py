import random
import subprocess
import sys
from textwrap import dedent
from threading import Thread

import numpy as np
import pytest
import torch

from repro.determinism.controlled import Controlled, Drift
from repro.determinism.switches import read_switches
from repro.errors import UsageError


def in_new_process(code):
    """What a script prints, line by line."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_one_block_can_be_entered_again_but_not_within_itself():
    block = Controlled(5)
    drawn = []
    for _ in range(2):
        with block:
            drawn.append((random.random(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    with block, pytest.raises(UsageError) as refused:
        block.enter()
    assert str(refused.value) == (
        "This block was entered already; nest another Controlled(...) in it."
    )


def test_after_a_nested_block_the_outer_one_goes_on_as_before():
    with Controlled(5, "strict"):
        alone = torch.rand(2).tolist()
    with Controlled(5, "strict"):
        with Controlled(6, "off"):
            torch.set_deterministic_debug_mode("default")
            torch.rand(7)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.rand(2).tolist() == alone


def test_blocks_that_overlap_are_given_back_when_the_last_one_ends():
    before, drawn = read_switches(), random.getstate()
    first, second, third = Controlled(5), Controlled(6, "warn"), Controlled(7, "off")
    for block in (first, second, third):
        block.enter()
    inside = read_switches()
    first.exit()
    third.exit()
    assert read_switches() == inside  # the second one goes on
    second.exit()
    assert (read_switches(), random.getstate()) == (before, drawn)


def test_a_block_in_an_abandoned_generator_is_given_back():
    def batches():
        with Controlled(5):
            yield 1
            yield 2

    before = read_switches()
    abandoned = batches()
    next(abandoned)
    assert read_switches() != before
    del abandoned
    assert read_switches() == before


@pytest.mark.parametrize("error", [RuntimeError("stuck"), KeyboardInterrupt()], ids=repr)
def test_a_setter_that_fails_on_the_way_out_keeps_nothing_else_from_its_value(error, monkeypatch):
    def fail(n_threads):
        raise error

    before = read_switches()
    state = random.getstate()
    block = Controlled(5).enter()
    torch.set_num_threads(1 + torch.get_num_threads())
    torch.set_default_dtype(torch.float64)
    with monkeypatch.context() as patched:
        patched.setattr(torch, "set_num_threads", fail)
        expected = pytest.raises(KeyboardInterrupt)
        if isinstance(error, RuntimeError):
            expected = pytest.warns(
                RuntimeWarning, match=r"torch\.num_threads could not be changed"
            )
        with expected:
            block.exit()
    changed = {name for name, value in read_switches().items() if value != before[name]}
    assert changed == {"torch.num_threads"}
    assert random.getstate() == state
    if isinstance(error, RuntimeError):
        assert block.failures == ("torch.num_threads: RuntimeError: stuck",)


def test_an_interrupt_on_the_way_in_leaves_nothing_changed(monkeypatch):
    def interrupt(seed):
        raise KeyboardInterrupt

    before, finders, state = read_switches(), list(sys.meta_path), random.getstate()
    monkeypatch.setattr(torch, "manual_seed", interrupt)
    block = Controlled(5)
    with pytest.raises(KeyboardInterrupt):
        block.enter()
    assert (read_switches(), sys.meta_path, random.getstate()) == (before, finders, state)
    monkeypatch.undo()
    with block:
        assert block.seeded == ("python", "numpy", "torch")


def test_a_switch_that_somebody_turns_is_named_with_both_values():
    with Controlled(5) as block:
        assert block.drift() == {}
        torch.set_deterministic_debug_mode("default")
        torch.backends.cudnn.benchmark = True
        with torch.autocast("cpu"):
            assert block.drift() == {
                "torch.deterministic_algorithms": Drift(True, False, None),
                "torch.backends.cudnn.benchmark": Drift(False, True, None),
            }


def test_a_switch_that_was_turned_for_a_time_is_remembered_with_the_first_step_that_saw_it():
    with Controlled(5) as block:
        assert not block.look(step=0)
        torch.backends.cudnn.benchmark = True
        assert block.look(step=3)
        assert not block.look(step=4)
        torch.backends.cudnn.benchmark = False
        assert block.drift() == {"torch.backends.cudnn.benchmark": Drift(False, True, 3)}
    with block:
        assert block.drift() == {}


def test_another_thread_looks_at_no_switch_that_belongs_to_a_thread():
    seen = []

    def look(block):
        torch.set_flush_denormal(True)
        torch.backends.cudnn.benchmark = True
        seen.append(block.drift())

    with Controlled(5) as block:
        thread = Thread(target=look, args=(block,))
        thread.start()
        thread.join()
    assert [list(drift) for drift in seen] == [["torch.backends.cudnn.benchmark"]]


def test_the_switches_at_the_start_are_those_in_effect_not_those_of_before():
    with Controlled(5, "warn") as block:
        at_start = block.switches_at_start()
        torch.set_deterministic_debug_mode("default")
    assert at_start["torch.deterministic_algorithms"] is True
    assert at_start["torch.deterministic_algorithms.warn_only"] is True
    assert block.switches_at_start() == at_start


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), "seed is -1; it must be an integer from 0 to 2**64 - 1."),
        ((1.0,), "seed is 1.0; it must be an integer from 0 to 2**64 - 1."),
        ((2**64,), f"seed is {2**64}; it must be an integer from 0 to 2**64 - 1."),
        ((1, "loose"), "mode is 'loose'; it must be one of: strict, warn, off."),
    ],
)
def test_a_seed_or_mode_that_will_not_do_is_refused(arguments, message):
    with pytest.raises(UsageError) as refused:
        Controlled(*arguments)
    assert str(refused.value) == message


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_the_ends_of_the_range_of_seeds_are_taken_by_every_generator(seed):
    with Controlled(seed) as block:
        assert block.seeded == ("python", "numpy", "torch")


@pytest.mark.slow
def test_importing_determinism_loads_neither_torch_nor_numpy():
    printed = in_new_process("""
        import sys, repro.determinism
        print([name for name in ("torch", "numpy") if name in sys.modules])
    """)
    assert printed == ["[]"]


@pytest.mark.slow
def test_torch_that_is_imported_inside_is_seeded_switched_and_given_back_as_it_was_imported():
    inside, failures, as_imported = in_new_process("""
        import sys
        from repro.determinism import Controlled
        from repro.determinism.arrival import Arrivals
        with Controlled(7, "strict") as block, Controlled(8, "warn"):
            pass
        assert not {"torch", "numpy"} & set(sys.modules) and block.seeded == ("python",)
        imported = []
        look = Arrivals({"torch": lambda: imported.append(sys.modules["torch"].get_rng_state())})
        with look, Controlled(7, "strict") as outer:
            with Controlled(8, "warn") as inner:
                import torch
                import numpy as np
                assert torch.is_deterministic_algorithms_warn_only_enabled()
            assert torch.are_deterministic_algorithms_enabled()
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
            assert outer.drift() == {}
            assert outer.switches_at_start()["torch.deterministic_algorithms"] is True
            assert outer.seeded == inner.seeded == ("python", "numpy", "torch")
            print(torch.rand(3).tolist(), np.random.random())
        assert not torch.are_deterministic_algorithms_enabled()
        print(outer.failures)
        print(torch.equal(torch.get_rng_state(), imported[0]))
    """)
    torch.manual_seed(7), np.random.seed(7)
    assert inside == f"{torch.rand(3).tolist()} {np.random.random()}"
    assert failures == "()"
    assert as_imported == "True"


@pytest.mark.slow
def test_inductor_that_is_imported_inside_is_switched_and_given_back():
    printed = in_new_process("""
        import sys, torch
        from repro.determinism import Controlled
        with Controlled(7) as block:
            assert "torch._inductor.config" not in sys.modules
            import torch._inductor.config as inductor
            print(inductor.deterministic, len(block.drift()))
            torch.use_deterministic_algorithms(False)
            print(inductor.deterministic, sorted(block.drift()))
        print(inductor.deterministic)
        inductor.deterministic = True
        with Controlled(7):
            torch.use_deterministic_algorithms(False)
        print(inductor.deterministic)
    """)
    assert printed == [
        "True 0",
        "False ['torch._inductor.config.deterministic', 'torch.deterministic_algorithms']",
        "False",
        "True",
    ]
