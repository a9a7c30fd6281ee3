"""The machine a run used."""

from typing import Any, ClassVar

from repro.facts.fact import Fact, Part


class Gpu(Part):
    """A CUDA device that the run could see."""

    index: int
    name: str
    memory_bytes: int | None  # None: it has none of its own
    compute_capability: str | None  # 9.0
    has_ecc: bool | None  # error correction costs memory and speed; None: not told
    is_partitioned: bool | None  # a part of a device (MIG); None: not told


class Hardware(Fact):
    """Processor, memory and accelerators."""

    VERSION: ClassVar = 2
    IGNORED: ClassVar = (
        "hardware.blas_kernels",
        "hardware.cpu_quota",
        "hardware.gpus*",
        "hardware.instruction_set",
        "hardware.memory_limit_bytes",
        "hardware.n_usable_cores",
    )

    system: str  # Linux 6.1
    machine: str  # x86_64
    cpu: str
    n_cores: int  # of the machine
    memory_bytes: int | None  # of the machine
    accelerators: tuple[str, ...] = ()  # one name each
    cuda: str | None = None
    cudnn: str | None = None
    driver: str | None = None
    blas: tuple[str, ...] = ()  # name, version and threads of each thread pool
    blas_kernels: tuple[str, ...] = ()  # openblas SkylakeX: the code that was chosen for this CPU
    n_usable_cores: int | None = None  # that the process may run on
    cpu_quota: float | None = None  # cores that its container may use up; None: no limit shows
    memory_limit_bytes: int | None = None  # of its container; None: no limit shows
    instruction_set: str | None = None  # AVX512, as torch sees it; None: torch is not loaded
    gpus: tuple[Gpu, ...] = ()

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 did not look at what came with version 2: it is unknown."""
        return data


EXAMPLE = Hardware(
    system="Linux 6.1",
    machine="x86_64",
    cpu="Xeon",
    n_cores=2,
    memory_bytes=25_769_803_776,
    driver="550.54",
    blas_kernels=("openblas SkylakeX",),
    n_usable_cores=2,
    cpu_quota=1.5,
    memory_limit_bytes=8_589_934_592,
    instruction_set="AVX512",
    gpus=(
        Gpu(
            index=0,
            name="NVIDIA H200",
            memory_bytes=150_754_820_096,
            compute_capability="9.0",
            has_ecc=True,
            is_partitioned=False,
        ),
    ),
)
