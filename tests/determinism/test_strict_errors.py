import pytest
import torch
from torch._utils import ExceptionWrapper
from torch.nn import functional

from repro.determinism.controlled import Controlled
from repro.determinism.strict_errors import explain

ROW = torch.zeros(1, 1, 1, dtype=torch.long)
CUBLAS = (  # torch 2.12, aten/src/ATen/Context.cpp; needs a GPU to be raised
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or "
    "`at::Context::setDeterministicAlgorithms(true)`, but this operation is not deterministic "
    "because it uses CuBLAS and you have CUDA >= 10.2. To enable deterministic behavior in this "
    "case, you must set an environment variable before running your PyTorch application: "
    "CUBLAS_WORKSPACE_CONFIG=:4096:8 or CUBLAS_WORKSPACE_CONFIG=:16:8."
)


def refused(operation):
    return (
        f"This run is strict, and torch has no deterministic version of {operation}. "
        "Use another operation; or pass deterministic='warn' to tracked_run, which runs it and "
        "records that the result is not guaranteed to repeat; or deterministic='off'."
    )


def put():
    return torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))


def quantized():
    return torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)


# All that torch 2.13 refuses on the CPU, of 55 operations tried, and as it calls them.
REFUSED = {
    "put_": put,
    "max_unpooling2d_forward_out": lambda: functional.max_unpool2d(
        torch.ones(1, 1, 1, 1), ROW[None], 2
    ),
    "max_unpooling3d_forward_out": lambda: functional.max_unpool3d(
        torch.ones(1, 1, 1, 1, 1), ROW[None, None], 2
    ),
    "quantized_resize_cpu_": lambda: quantized().resize_(3),
}


@pytest.mark.parametrize("operation", REFUSED)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_an_operation_that_torch_refuses_is_named_with_the_ways_out_of_which_each_works(operation):
    with Controlled(0), pytest.raises(RuntimeError) as caught:
        REFUSED[operation]()
    assert explain(caught.value) == refused(operation)
    with Controlled(0, "warn"), pytest.warns(UserWarning, match=f"{operation} does not have a"):
        REFUSED[operation]()
    with Controlled(0, "off"):
        REFUSED[operation]()


@pytest.mark.parametrize(
    "operation",
    [
        "cumsum_cuda_kernel",
        "grid_sampler_2d_backward_cuda",
        "upsample_bilinear2d_backward_out_cuda",
    ],
)
def test_what_needs_a_gpu_to_be_refused_is_named_too(operation):
    # aten/src/ATen/Context.cpp, alertNotDeterministic: one text for all of them.
    text = (
        f"{operation} does not have a deterministic implementation, but you set "
        "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this "
        "operation, or you can use the 'warn_only=True' option, if that's acceptable for your "
        "application."
    )
    assert explain(RuntimeError(text)) == refused(operation)


def test_an_operation_that_is_refused_in_a_worker_of_a_loader_is_named_too():
    # What a loader does with an error of its worker; after a real one torch waits for 5 s.
    with Controlled(0):
        try:
            put()
        except RuntimeError:
            in_worker = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(RuntimeError, match="Caught RuntimeError in DataLoader") as caught:
        in_worker.reraise()
    assert explain(caught.value) == refused("put_")


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
