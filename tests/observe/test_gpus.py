"""No test machine has a GPU: torch's CUDA and NVIDIA's library are stand-ins."""

import sys
from types import SimpleNamespace

import pytest

from repro.facts.hardware import Gpu
from repro.observe import gpus as observer
from repro.observe import hardware

H200 = Gpu(
    index=0,
    name="NVIDIA H200",
    memory_bytes=150_754_820_096,
    compute_capability="9.0",
    has_ecc=True,
    is_partitioned=False,
)


class NVMLError(Exception):
    pass


class Library:
    """pynvml on a machine with one device."""

    NVMLError = NVMLError

    def __init__(self, **answers):
        self.n_open = 0
        self.answers = {
            "nvmlDeviceGetCudaComputeCapability": (9, 0),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=H200.memory_bytes),
            "nvmlDeviceGetEccMode": [1, 1],
            "nvmlDeviceGetMigMode": [0, 0],
            **answers,
        }

    def nvmlInit(self):  # noqa: N802  # NVIDIA's name
        if "nvmlInit" in self.answers:
            raise NVMLError(self.answers["nvmlInit"])
        self.n_open += 1

    def nvmlShutdown(self):  # noqa: N802  # NVIDIA's name
        self.n_open -= 1

    def __getattr__(self, name):
        constant = {
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetName": "NVIDIA H200",
            "nvmlDeviceGetUUID": b"GPU-5c",
            "nvmlSystemGetDriverVersion": b"550.54.15",
        }
        if name in constant:
            return lambda *args: constant[name]
        if self.answers.get(name) is None:
            raise AttributeError(name)

        def answer(handle):
            if self.answers[name] == "unsupported":
                raise NVMLError("Not Supported")
            return self.answers[name]

        return answer


def cuda(*, is_initialized):
    properties = SimpleNamespace(
        name="NVIDIA H200", total_memory=H200.memory_bytes, major=9, minor=0, uuid="5c"
    )
    return SimpleNamespace(
        cuda=SimpleNamespace(
            is_initialized=lambda: is_initialized,
            device_count=lambda: 1,
            get_device_properties=lambda i: properties,
        )
    )


@pytest.fixture
def library(monkeypatch):
    """Installs a library, or none; nothing is remembered from the machine itself."""

    def install(made):
        monkeypatch.setitem(sys.modules, "pynvml", made)
        for look in (observer._of_machine, observer._modes, observer.driver):
            look.cache_clear()
        return made

    yield install
    for look in (observer._of_machine, observer._modes, observer.driver):
        look.cache_clear()


def test_without_torch_the_driver_tells_which_devices_there_are(library):
    nvml = library(Library())
    assert observer.gpus(None) == (H200,)
    assert observer.driver() == "550.54.15"
    assert nvml.n_open == 0


def test_cuda_that_torch_has_started_is_asked_and_the_driver_for_the_rest(library):
    library(Library())
    assert observer.gpus(cuda(is_initialized=True)) == (H200,)


def test_cuda_that_torch_has_not_started_is_not_started(library):
    library(None)
    torch = cuda(is_initialized=False)
    torch.cuda.device_count = lambda: pytest.fail("asked CUDA")
    assert observer.gpus(torch) == ()


def test_without_the_library_what_only_it_knows_is_unknown(library):
    library(None)
    (gpu,) = observer.gpus(cuda(is_initialized=True))
    assert (gpu.has_ecc, gpu.is_partitioned, gpu.name) == (None, None, "NVIDIA H200")


@pytest.mark.parametrize("answer", ["unsupported", None], ids=["device", "library"])
def test_a_question_that_device_or_library_do_not_know_stays_open(library, answer):
    library(Library(nvmlDeviceGetMigMode=answer, nvmlDeviceGetMemoryInfo=answer))
    (gpu,) = observer.gpus(None)
    assert (gpu.is_partitioned, gpu.memory_bytes, gpu.has_ecc) == (None, None, True)


def test_a_library_without_a_driver_tells_nothing(library, monkeypatch, tmp_path):
    library(Library(nvmlInit="Driver Not Loaded"))
    monkeypatch.setattr(observer, "DRIVER", tmp_path / "version")
    assert (observer.gpus(None), observer.driver()) == ((), None)


def test_the_kernel_names_the_driver_where_the_library_is_missing(library, monkeypatch, tmp_path):
    file = tmp_path / "version"
    text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar 5 2024\nGCC 12.2.0\n"
    file.write_text(text)
    library(None)
    monkeypatch.setattr(observer, "DRIVER", file)
    assert observer.driver() == "550.54.15"


def test_a_device_counts_as_accelerator(library):
    library(Library())
    seen = hardware.at_end()
    assert (seen.accelerators, seen.driver, seen.gpus) == (("NVIDIA H200",), "550.54.15", (H200,))
