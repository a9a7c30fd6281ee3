import os
import sys

import torch

from repro.observe import hardware


def test_processor_memory_and_thread_pools_are_told():
    seen = hardware.at_end()
    assert seen.cpu
    assert seen.n_cores == os.cpu_count()
    assert seen.memory_bytes > 2**28
    assert seen.blas
    assert all(pool.endswith("threads") for pool in seen.blas)


def test_the_number_of_threads_is_the_one_in_effect():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = hardware.at_end().blas
        torch.set_num_threads(2)
        two = hardware.at_end().blas
    finally:
        torch.set_num_threads(before)
    assert one != two


def test_without_torch_no_accelerator_is_looked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    seen = hardware.at_end()
    assert (seen.accelerators, seen.cuda, seen.cudnn) == ((), None, None)


def test_two_looks_at_one_machine_are_equal():
    assert hardware.at_end() == hardware.at_end()


def test_a_machine_without_proc_is_told_by_its_architecture(monkeypatch):
    def refuse(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(hardware.Path, "read_text", refuse)
    assert hardware.at_end().cpu
