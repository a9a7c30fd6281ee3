import copy
import io
import subprocess
import sys

import pytest
import torch

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
