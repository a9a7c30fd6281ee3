"""The machine a run used."""

from repro.facts.fact import Fact


class Hardware(Fact):
    """Processor, memory and accelerators."""

    system: str  # Linux 6.1
    machine: str  # x86_64
    cpu: str
    n_cores: int
    memory_bytes: int | None
    accelerators: tuple[str, ...] = ()  # one name each
    cuda: str | None = None
    cudnn: str | None = None
    driver: str | None = None
    blas: tuple[str, ...] = ()  # name, version and threads of each thread pool


EXAMPLE = Hardware(
    system="Linux 6.1", machine="x86_64", cpu="Xeon", n_cores=2, memory_bytes=25_769_803_776
)
