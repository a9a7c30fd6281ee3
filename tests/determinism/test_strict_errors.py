import pytest
import torch
from torch._utils import ExceptionWrapper

from repro.determinism.controlled import Controlled
from repro.determinism.strict_errors import explain

CUBLAS = (  # torch 2.12, aten/src/ATen/Context.cpp; needs a GPU to be raised
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or "
    "`at::Context::setDeterministicAlgorithms(true)`, but this operation is not deterministic "
    "because it uses CuBLAS and you have CUDA >= 10.2. To enable deterministic behavior in this "
    "case, you must set an environment variable before running your PyTorch application: "
    "CUBLAS_WORKSPACE_CONFIG=:4096:8 or CUBLAS_WORKSPACE_CONFIG=:16:8."
)
PUT = (
    "This run is strict, and torch has no deterministic version of put_. "
    "Use another operation; or pass deterministic='warn' to tracked_run, which runs it and "
    "records that the result is not guaranteed to repeat; or deterministic='off'."
)


def put():
    return torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))


def test_an_operation_that_torch_refuses_is_named_with_the_ways_out():
    with Controlled(0), pytest.raises(RuntimeError) as refused:
        put()
    assert explain(refused.value) == PUT


def test_an_operation_that_is_refused_in_a_worker_of_a_loader_is_named_too():
    # What a loader does with an error of its worker; after a real one torch waits for 5 s.
    with Controlled(0):
        try:
            put()
        except RuntimeError:
            in_worker = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(RuntimeError, match="Caught RuntimeError in DataLoader") as refused:
        in_worker.reraise()
    assert explain(refused.value) == PUT


def test_cublas_without_a_workspace_is_explained():
    assert explain(RuntimeError(CUBLAS)) == (
        "This run is strict, and cuBLAS (matrix products on CUDA) repeats its results only if "
        "CUBLAS_WORKSPACE_CONFIG is ':4096:8' or ':16:8' before CUDA starts. "
        "Enter tracked_run before the first use of CUDA, which sets it; or set it before "
        "python starts; or pass deterministic='warn' or deterministic='off' to tracked_run."
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("out of memory"), ValueError(CUBLAS), KeyboardInterrupt()], ids=repr
)
def test_other_errors_are_left_to_speak_for_themselves(error):
    assert explain(error) is None
