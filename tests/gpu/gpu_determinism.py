"""Which computations a GPU repeats to the bit, and what that costs: writes results.md beside it.

`python tests/gpu/gpu_determinism.py`. Each mode has two processes of its own, because cuBLAS and
cuDNN settle some things once a process, when CUDA starts.
"""

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from gpu_cases import CASES, Case, Inputs, Result

from repro.determinism import Controlled, Mode
from repro.digest import digest_bytes

RESULTS = Path(__file__).with_name("results.md")
SIZE = 2**20  # values of a large tensor
N_CALLS = 20  # of each case in each process
N_PROCESSES = 2
MODES: tuple[Mode, ...] = ("off", "strict")
REFUSAL = "deterministic"  # in every message of torch that refuses a computation


@dataclass(frozen=True)
class Measured:
    """What one process saw of one case."""

    digests: tuple[str, ...] = ()  # one a call
    milliseconds: float | None = None  # median of a call
    problem: str | None = None  # why it could not be computed
    is_refused: bool = False  # because it is not deterministic


@dataclass(frozen=True)
class Row:
    """One case in both modes, over all processes."""

    case: str
    library: str
    off: str
    strict: str
    cost: str


def measured(case: Case, mode: Mode, device: str, size: int = SIZE, n: int = N_CALLS) -> Measured:
    """Compute it again and again in one mode, as a user would whose cuDNN chooses by time."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with Controlled(0, mode):
            return _measured(case, Inputs.of(device, size), n)
    except RuntimeError as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        return Measured(problem=line[:120], is_refused=REFUSAL in line)
    finally:
        torch.backends.cudnn.benchmark = before


def _measured(case: Case, inputs: Inputs, n: int) -> Measured:
    step = case.build(inputs)
    digests, seconds = [_digest(step())], []  # the first call warms up
    for _ in range(n - 1):
        began = time.perf_counter()
        result = step()
        if inputs.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        digests.append(_digest(result))
    return Measured(tuple(digests), round(1000 * statistics.median(seconds), 4))


def _digest(result: Result) -> str:
    tensors = (t.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for t in result)
    return digest_bytes(*(memoryview(tensor.numpy()) for tensor in tensors))


def verdict(seen: Sequence[Measured]) -> str:
    """What all processes together show of one case in one mode.

    >>> verdict([Measured(("a", "a")), Measured(("a", "b"))])
    'differs: 2 results in 4 calls'
    """
    problem = next((one for one in seen if one.problem), None)
    if problem is not None:
        return "refused" if problem.is_refused else f"not run: {problem.problem}"
    digests = [digest for one in seen for digest in one.digests]
    n = len(set(digests))
    return "identical" if n == 1 else f"differs: {n} results in {len(digests)} calls"


def cost(off: Sequence[Measured], strict: Sequence[Measured]) -> str:
    """How long a call takes strictly, in times of one without."""
    sides = [[one.milliseconds for one in side] for side in (off, strict)]
    if any(value is None for side in sides for value in side):
        return ""
    before, after = (min(value for value in side if value) for side in sides)
    return f"{after / before:.2f} ({before:.3g} -> {after:.3g} ms)"


def rows(cases: Sequence[Case], seen: Mapping[str, Sequence[Sequence[Measured]]]) -> list[Row]:
    """The table; `seen` has, by mode, what each process saw of all cases."""
    found = []
    for at, case in enumerate(cases):
        off, strict = ([process[at] for process in seen[mode]] for mode in MODES)
        found.append(Row(case.name, case.library, verdict(off), verdict(strict), cost(off, strict)))
    return found


def page(table: Sequence[Row], machine: Mapping[str, str]) -> str:
    """The table as Markdown, below what it was measured on."""
    head = ("computation", "library", "off", "strict", "cost of strict")
    lines = [head, ("---",) * len(head), *(tuple(asdict(row).values()) for row in table)]
    return "\n".join(
        [
            "# Run-to-run identity on a GPU",
            "",
            f"Written by `{Path(__file__).name}`: {N_CALLS} calls in each of {N_PROCESSES} "
            f"processes a mode.",
            "",
            *(f"* {name}: {value}" for name, value in machine.items()),
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
        ]
    )


def machine() -> dict[str, str]:
    """Hardware and versions."""
    major, minor = torch.cuda.get_device_capability()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "GPU": f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}",
        "torch": str(torch.__version__),
        "CUDA": str(torch.version.cuda),
        "cuDNN": str(torch.backends.cudnn.version()),
        "Python": platform.python_version(),
        "system": platform.platform(),
    }


def process(mode: Mode) -> list[Measured]:
    """What a new process sees of all cases."""
    command = [sys.executable, __file__, mode]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    return [Measured(**{**one, "digests": tuple(one["digests"])}) for one in found]


def main(arguments: Sequence[str]) -> None:
    """In a child: measure and print JSON. Else: start the children, and write the page."""
    if arguments:
        (mode,) = (mode for mode in MODES if mode == arguments[0])
        with Controlled(0, mode):  # around all: cuBLAS is set up before CUDA starts, or never
            print(json.dumps([asdict(measured(case, mode, "cuda")) for case in CASES]))
        return
    if not torch.cuda.is_available():
        sys.exit("torch sees no CUDA device here: nothing was measured, nothing was written.")
    seen = {mode: [process(mode) for _ in range(N_PROCESSES)] for mode in MODES}
    text = page(rows(CASES, seen), machine())
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
