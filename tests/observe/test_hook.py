import copy
import io
import subprocess
import sys

import pytest
import torch
from watched_training import watching

from repro.observe.hook import Hook


def hooked():
    seen = []
    model = torch.nn.Sequential(torch.nn.Linear(2, 1))
    hook = Hook(lambda *_: seen.append(1))
    model.register_forward_pre_hook(hook, with_kwargs=True)
    model[0].weight.register_post_accumulate_grad_hook(hook)
    return model, seen


def test_a_call_and_a_backward_pass_are_told():
    model, seen = hooked()
    model(torch.ones(1, 2)).sum().backward()
    assert len(seen) == 2


def test_a_copy_of_the_model_is_not_listened_to():
    model, seen = hooked()
    copy.deepcopy(model)(torch.ones(1, 2)).sum().backward()
    assert not seen


@pytest.mark.slow
def test_a_stored_model_is_read_without_us(tmp_path):
    model, seen = hooked()
    torch.save(model, tmp_path / "model.pt")
    code = (
        "import sys, torch; sys.modules['repro'] = None;"
        f"torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False)(torch.ones(1, 2))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    torch.load(io.BytesIO((tmp_path / "model.pt").read_bytes()), weights_only=False)(
        torch.ones(1, 2)
    )
    assert not seen


@pytest.mark.slow
def test_a_compiled_model_is_compiled_as_one_graph_and_without_the_hook():
    model, seen = hooked()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    compiled(torch.ones(1, 2))
    assert not seen
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_watched_model_is_scripted_as_it_would_be_without_us():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    expected = torch.jit.script(copy.deepcopy(model))
    with watching() as training:
        training.watch(model, None, None)
        scripted = torch.jit.script(model)
        n_hooks = len(model._forward_pre_hooks), len(model[1]._forward_pre_hooks)
        x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
        assert n_hooks == (1, 1)
        assert scripted.code == expected.code
        assert not scripted._forward_pre_hooks
        assert torch.equal(scripted(x), expected(x))
        assert torch.jit.script(copy.deepcopy(model)).code == expected.code


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_scripting_is_that_of_torch_again_when_nobody_watches():
    before = torch.jit._recursive.create_script_module
    with watching() as outer, watching() as inner:
        model = torch.nn.Linear(2, 1)
        outer.watch(model, None, None)
        inner.watch(model, None, None)
        outer.unhook()
        torch.jit.script(model)
        assert torch.jit._recursive.create_script_module is not before
    assert torch.jit._recursive.create_script_module is before


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("is_inside", [True, False])
def test_a_scripted_model_takes_no_hooks_and_its_steps_are_counted_all_the_same(is_inside):
    model = torch.jit.script(torch.nn.Linear(2, 1))
    model = torch.nn.Sequential(model) if is_inside else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching() as training:
        training.watch(model, optimizer, None)
        model(torch.ones(4, 2)).sum().backward()
        optimizer.step()
        assert training.n_steps == 1
