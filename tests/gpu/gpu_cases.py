"""Computations that torch repeats to the bit on a GPU only when it is told to, or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

Result = Sequence[torch.Tensor]
Step = Callable[[], Result]


@dataclass(frozen=True)
class Case:
    """One computation; `build` makes its inputs once, and what it returns computes."""

    name: str
    library: str  # whose order of summation is in question
    build: Callable[["Inputs"], Step]
    may_refuse: bool = False  # torch has no deterministic implementation, and says so when strict
    needs_cuda: bool = False  # no CPU implementation at all


@dataclass(frozen=True)
class Inputs:
    """Makes tensors of one seed on one device; `size` is the number of values of a large one."""

    device: str
    size: int
    generator: torch.Generator

    @classmethod
    def of(cls, device: str, size: int) -> "Inputs":
        return cls(device, size, torch.Generator().manual_seed(0))

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator).to(self.device, dtype)

    def indices(self, n: int, below: int) -> torch.Tensor:
        return torch.randint(below, (n,), generator=self.generator).to(self.device)

    def side(self, n_dimensions: int) -> int:
        """Length of a tensor of that many equal sides."""
        return max(8, round(self.size ** (1 / n_dimensions)) // 8 * 8)


def _gradients(compute: Callable[[], torch.Tensor], *leaves: torch.Tensor) -> Step:
    """Value and gradients, for a loss that weights the outputs differently."""

    def step() -> Result:
        value = compute()
        weights = torch.linspace(-1, 1, value.numel(), device=value.device, dtype=value.dtype)
        return value, *torch.autograd.grad((value.reshape(-1) * weights).sum(), leaves)

    return step


def _index_add(inputs: Inputs) -> Step:
    values, places = inputs.normal(inputs.size), inputs.indices(inputs.size, 64)
    return lambda: [torch.zeros(64, device=inputs.device).index_add_(0, places, values)]


def _scatter_add(inputs: Inputs) -> Step:
    values, places = inputs.normal(inputs.size), inputs.indices(inputs.size, 64)
    return lambda: [torch.zeros(64, device=inputs.device).scatter_add_(0, places, values)]


def _gathered_rows(inputs: Inputs) -> Step:
    table = inputs.normal(64, 32).requires_grad_()
    rows = inputs.indices(inputs.size // 32, 64)
    return _gradients(lambda: table.index_select(0, rows), table)


def _embedding(inputs: Inputs) -> Step:
    table = inputs.normal(64, 32).requires_grad_()
    rows = inputs.indices(inputs.size // 32, 64)
    return _gradients(lambda: functional.embedding(rows, table), table)


def _weighted_bincount(inputs: Inputs) -> Step:
    values, places = inputs.normal(inputs.size), inputs.indices(inputs.size, 64)
    return lambda: [torch.bincount(places, weights=values, minlength=64)]


def _cumsum(inputs: Inputs) -> Step:
    values = inputs.normal(inputs.size)
    return lambda: [values.cumsum(0)]


def _interpolate(inputs: Inputs) -> Step:
    side = inputs.side(4) * 2
    image = inputs.normal(4, 8, side, side).requires_grad_()
    resized = {"size": (side * 3 // 2 + 1,) * 2, "mode": "bilinear", "align_corners": False}
    return _gradients(lambda: functional.interpolate(image, **resized), image)


def _adaptive_pool(inputs: Inputs) -> Step:
    image = inputs.normal(4, 8, 31, 31).requires_grad_()
    return _gradients(lambda: functional.adaptive_avg_pool2d(image, (7, 7)), image)


def _ctc(inputs: Inputs) -> Step:
    n_times, n_rows, n_classes, n_labels = 64, 8, 20, 16
    scores = inputs.normal(n_times, n_rows, n_classes).requires_grad_()
    labels = inputs.indices(n_rows * n_labels, n_classes - 1).reshape(n_rows, n_labels) + 1
    lengths = [torch.full((n_rows,), n, device=inputs.device) for n in (n_times, n_labels)]
    return _gradients(lambda: functional.ctc_loss(scores.log_softmax(-1), labels, *lengths), scores)


def _convolution(inputs: Inputs) -> Step:
    image = inputs.normal(16, 32, inputs.side(4) * 2, inputs.side(4) * 2).requires_grad_()
    kernel = inputs.normal(32, 32, 3, 3).requires_grad_()
    return _gradients(lambda: functional.conv2d(image, kernel, padding=1), image, kernel)


def _transposed_convolution(inputs: Inputs) -> Step:
    image = inputs.normal(4, 16, *[inputs.side(5)] * 3).requires_grad_()
    kernel = inputs.normal(16, 16, 3, 3, 3).requires_grad_()
    return _gradients(lambda: functional.conv_transpose3d(image, kernel, stride=2), image, kernel)


def _lstm(inputs: Inputs) -> Step:
    torch.manual_seed(0)
    layer = nn.LSTM(64, 64, num_layers=2).to(inputs.device)
    rows = inputs.normal(32, 16, 64)
    return _gradients(lambda: layer(rows)[0], *layer.parameters())


def _long_sum(inputs: Inputs) -> Step:
    """A product whose inner side is long: cuBLAS splits it, and sums the pieces in a workspace."""
    inner = max(64, inputs.size // 64)
    left, right = inputs.normal(32, inner), inputs.normal(inner, 32)
    return lambda: [left @ right]


def _products_in_two_streams(inputs: Inputs) -> Step:
    """cuBLAS promises equal bits for one stream at a time, or for a workspace of each stream."""
    side = inputs.side(2)
    left, right = inputs.normal(side, side), inputs.normal(side, side)
    streams = [torch.cuda.Stream() for _ in range(2)]

    def step() -> Result:
        found = []
        for stream in streams * 4:
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                found.append(left @ right)
        torch.cuda.synchronize()
        return found

    return step


def _attention(backend: SDPBackend, dtype: torch.dtype) -> Callable[[Inputs], Step]:
    def build(inputs: Inputs) -> Step:
        length = inputs.side(2)
        parts = [inputs.normal(2, 4, length, 64, dtype=dtype).requires_grad_() for _ in range(3)]

        def attend() -> torch.Tensor:
            with sdpa_kernel(backend):
                return functional.scaled_dot_product_attention(*parts, is_causal=True)

        return _gradients(attend, *parts)

    return build


def _training(inputs: Inputs) -> Step:
    """Ten steps of a small network, from the same weights on."""
    side = inputs.side(4)
    images, labels = inputs.normal(32, 3, side, side), inputs.indices(32, 10)

    def step() -> Result:
        torch.manual_seed(0)
        features = [nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)]
        head = [nn.Flatten(), nn.Dropout(0.2), nn.LazyLinear(10)]
        model = nn.Sequential(*features, *head).to(inputs.device)
        model(images)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        for _ in range(10):
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        return [parameter.detach() for parameter in model.parameters()]

    return step


FLASH, EFFICIENT = SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION
CUDNN, MATH = SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH
HALF = torch.bfloat16

CASES = (
    Case("index_add_", "atomics", _index_add),
    Case("scatter_add_", "atomics", _scatter_add),
    Case("index_select, backward", "atomics", _gathered_rows),
    Case("embedding, backward", "atomics", _embedding),
    Case("bincount with weights", "atomics", _weighted_bincount, may_refuse=True),
    Case("cumsum", "atomics", _cumsum, may_refuse=True),
    Case("interpolate bilinear, backward", "atomics", _interpolate, may_refuse=True),
    Case("adaptive_avg_pool2d, backward", "atomics", _adaptive_pool, may_refuse=True),
    Case("ctc_loss, backward", "atomics", _ctc, may_refuse=True),
    Case("conv2d, backward", "cuDNN", _convolution),
    Case("conv_transpose3d, backward", "cuDNN", _transposed_convolution),
    Case("LSTM, backward", "cuDNN", _lstm),
    Case("matmul, long inner side", "cuBLAS", _long_sum),
    Case("matmul in two streams", "cuBLAS", _products_in_two_streams, needs_cuda=True),
    Case("attention flash, backward", "SDPA", _attention(FLASH, HALF)),
    Case(
        "attention efficient, backward",
        "SDPA",
        _attention(EFFICIENT, HALF),
        may_refuse=True,
        needs_cuda=True,
    ),
    Case(
        "attention cuDNN, backward",
        "SDPA",
        _attention(CUDNN, HALF),
        may_refuse=True,
        needs_cuda=True,
    ),
    Case("attention math, backward", "SDPA", _attention(MATH, HALF)),
    Case("10 steps of a convnet", "all", _training),
)
