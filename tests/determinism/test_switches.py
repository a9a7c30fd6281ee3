import json
import os

import pytest
import torch

from repro.determinism.arrival import is_imported
from repro.determinism.controlled import Controlled
from repro.determinism.switches import (
    SWITCHES,
    UNREADABLE,
    Switch,
    give_back,
    read_switches,
    set_switch,
)

NOT_DEFAULT = {
    "CUBLAS_WORKSPACE_CONFIG": (":16:8", ":0:0"),
    "torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction": ("full", "full, split-k"),
    "torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction": ("full, split-k", "full"),
    "torch.float32_matmul_precision": ("medium", "high"),
    "torch.sdp.priority": ("4,3,0,2,1", "1,0,2,3,4"),
    "torch.num_threads": (1, 3),
    "torch.default_dtype": ("torch.float64", "torch.float16"),
    "torch.backends.cudnn.depthwise_kernel": ("cudnn", "native"),
    "torch.backends.quantized.engine": ("qnnpack", "onednn"),
    "torch.autocast.cpu.dtype": ("torch.float16", "torch.bfloat16"),
    "torch.autocast.cuda.dtype": ("torch.bfloat16", "torch.float16"),
}
ELSEWHERE = {  # torch for the CPU, and a CPU without float16, refuse another value
    "torch.backends.cpu.matmul.allow_fp16_reduced_precision_reduction",
    "torch.backends.cuda.preferred_blas",
    "torch.backends.cuda.preferred_linalg",
}
WRITABLE = [
    s for s in SWITCHES if s.write is not None and is_imported(s.module) and s.name not in ELSEWHERE
]


def two_values(switch):
    """One that is not the default, and another one."""
    if switch.name.startswith("torch.fp32_precision"):
        return "ieee", "tf32"
    return NOT_DEFAULT.get(switch.name) or (not switch.look(), switch.look())


def by_name(name):
    return next(switch for switch in SWITCHES if switch.name == name)


@pytest.mark.parametrize("how", [None, ValueError("training"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("mode", ["strict", "off"])
@pytest.mark.parametrize("switch", WRITABLE, ids=lambda s: s.name)
def test_every_switch_comes_back_however_the_block_ends(switch, mode, how):
    mine, changed = two_values(switch)
    switch.write(mine)
    before = read_switches()
    assert before[switch.name] == mine

    def train():
        with Controlled(0, mode), Controlled(1, "warn"):
            switch.write(changed)
            assert switch.look() == changed
            if how is not None:
                raise how

    if how is None:
        train()
    else:
        with pytest.raises(type(how)):
            train()
    assert read_switches() == before


@pytest.mark.parametrize("mode", ["strict", "warn"])
@pytest.mark.parametrize("switch", WRITABLE, ids=lambda s: s.name)
def test_every_demand_is_met_and_nothing_else_is_changed(switch, mode, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = switch.look()
    with Controlled(0, mode):
        assert switch.look() == switch.demanded.get(mode, before)


def test_strict_refuses_and_warn_only_warns():
    def scatter():
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))

    with Controlled(0, "strict"), pytest.raises(RuntimeError, match="deterministic"):
        scatter()
    with Controlled(0, "warn"), pytest.warns(UserWarning, match="deterministic"):
        scatter()


def test_strict_turns_these_switches_whatever_they_were_before(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    expected = {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "torch.deterministic_algorithms": True,
        "torch.deterministic_algorithms.warn_only": False,
        "torch.backends.cudnn.deterministic": True,
        "torch.backends.cudnn.benchmark": False,
        "torch.backends.mkldnn.deterministic": True,
    }
    for name, value in expected.items():
        if isinstance(value, bool):
            by_name(name).write(not value)
    before = read_switches()
    with Controlled(0, "strict"):
        changed = dict(read_switches().items() - before.items())
        changed.pop("torch._inductor.config.deterministic", None)  # where somebody imported it
        assert changed == expected
    assert read_switches() == before


def test_off_sets_nothing():
    before = read_switches()
    with Controlled(0, "off"):
        assert read_switches() == before


def test_what_is_read_is_plain_json():
    switches = read_switches()
    assert json.loads(json.dumps(switches)) == switches
    assert set(switches) == {switch.name for switch in SWITCHES if is_imported(switch.module)}


def test_names_are_unique():
    assert len({switch.name for switch in SWITCHES}) == len(SWITCHES)


def test_a_switch_that_cannot_be_read_is_recorded_as_such_and_never_written():
    def refuse():
        raise RuntimeError("mixed old and new API")

    written = []
    switch = Switch("x", "os", refuse, written.append, demanded={"strict": True})
    assert read_switches([switch]) == {"x": UNREADABLE}
    set_switch(switch, "strict")
    give_back(Switch("y", "os", lambda: True, written.append), UNREADABLE)
    assert written == []


def test_a_switch_that_has_its_value_already_is_not_written():
    written = []
    switch = Switch("x", "os", lambda: True, written.append, demanded={"strict": True})
    set_switch(switch, "strict")
    give_back(switch, True)
    assert written == []


def test_precision_set_through_the_new_api_makes_the_old_switch_unreadable_and_harms_nothing():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    before = read_switches()
    assert before["torch.float32_matmul_precision"] == UNREADABLE
    with Controlled(0):
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    assert read_switches() == before


def test_an_old_switch_mixed_up_inside_can_be_read_again_after():
    assert torch.backends.cudnn.allow_tf32 is True
    before = read_switches()
    with Controlled(0):
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.conv.fp32_precision = "tf32"
        assert read_switches()["torch.backends.cudnn.allow_tf32"] == UNREADABLE
    assert torch.backends.cudnn.allow_tf32 is True
    assert read_switches() == before


def test_a_node_of_the_precision_tree_that_inherited_inherits_again():
    conv = by_name("torch.fp32_precision.mkldnn.conv")
    torch.backends.fp32_precision = "ieee"
    with Controlled(0):
        torch.backends.mkldnn.conv.fp32_precision = "bf16"
    assert conv.look() == "ieee"
    torch.backends.fp32_precision = "tf32"
    assert conv.look() == "tf32"


def test_the_precision_of_mkldnn_leaves_the_other_backends_alone():
    by_name("torch.fp32_precision.mkldnn.all").write("ieee")
    assert by_name("torch.fp32_precision.generic.all").look() == "none"


def test_the_cublas_workspace_is_set_only_where_the_user_left_it_open(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with Controlled(0):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with Controlled(0):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_the_cublas_workspace_is_left_alone_once_cuda_has_started(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    set_switch(by_name("CUBLAS_WORKSPACE_CONFIG"), "strict")
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_precision_set_through_the_old_api_takes_the_precision_tree_back_with_it():
    before = read_switches()
    with Controlled(0):
        torch.set_float32_matmul_precision("medium")
        assert read_switches()["torch.fp32_precision.mkldnn.matmul"] == "bf16"
    assert read_switches() == before


def test_writing_one_of_deterministic_and_warn_only_keeps_the_other():
    torch._C._set_deterministic_algorithms(False, warn_only=True)
    by_name("torch.deterministic_algorithms").write(True)
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    by_name("torch.deterministic_algorithms.warn_only").write(False)
    assert torch.are_deterministic_algorithms_enabled()


def test_deterministic_and_warn_only_come_back_apart():
    # Off with warn_only on: a state that torch can be in and its debug mode cannot name.
    torch._C._set_deterministic_algorithms(False, warn_only=True)
    with Controlled(0, "strict"):
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
