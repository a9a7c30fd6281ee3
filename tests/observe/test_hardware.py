import os
import sys

import pytest
import torch

from repro.facts.hardware import Hardware
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
    assert (seen.accelerators, seen.cuda, seen.cudnn, seen.instruction_set) == ((), *[None] * 3)


def test_two_looks_at_one_machine_are_equal():
    assert hardware.at_end() == hardware.at_end()


def test_a_machine_without_proc_is_told_by_its_architecture(monkeypatch):
    def refuse(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(hardware.Path, "read_text", refuse)
    seen = hardware.at_end()
    assert seen.cpu
    assert (seen.cpu_quota, seen.memory_limit_bytes) == (None, None)


def test_the_cores_that_the_process_may_use_are_told_from_those_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    seen = hardware.at_end()
    assert (seen.n_cores, seen.n_usable_cores) == (64, 1)


def test_a_system_that_does_not_tell_the_usable_cores_leaves_them_unknown(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert hardware.at_end().n_usable_cores is None


@pytest.mark.parametrize(
    ("files", "quota", "memory"),
    [
        ({"cpu.max": "150000 100000\n", "memory.max": "8589934592\n"}, 1.5, 8_589_934_592),
        ({"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        (
            {
                "cpu/cpu.cfs_quota_us": "200000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "1073741824\n",
            },
            2.0,
            1_073_741_824,
        ),
        (
            {
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            None,
        ),
        ({}, None, None),
    ],
    ids=["version 2", "version 2, no limit", "version 1", "version 1, no limit", "none"],
)
def test_the_limits_of_a_container_are_told(tmp_path, monkeypatch, files, quota, memory):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(hardware, "GROUPS", tmp_path)
    seen = hardware.at_end()
    assert (seen.cpu_quota, seen.memory_limit_bytes) == (quota, memory)


def test_the_instruction_set_and_the_kernels_chosen_for_it_are_told():
    seen = hardware.at_end()
    assert seen.instruction_set == torch.backends.cpu.get_cpu_capability()
    assert all(kernel.split()[1] for kernel in seen.blas_kernels)


def test_looking_does_not_start_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: pytest.fail("CUDA was started"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("CUDA was asked"))
    hardware.at_end()


def test_hardware_of_version_1_is_understood_and_the_rest_is_unknown():
    old = {"system": "Linux", "machine": "x", "cpu": "x", "n_cores": 1, "memory_bytes": None}
    seen = Hardware.model_validate(Hardware.upgrade(1, old))
    assert (seen.n_usable_cores, seen.gpus, seen.instruction_set) == (None, (), None)
