"""The arms ran on other machines, and not evenly on each kind.

Why: another GPU, CUDA, cuDNN, BLAS or instruction set computes in another order, by other kernels:
single scores move in their last digits, and times are another machine's.

Fix: run both arms on one class of machine, or each arm on every machine.

Wrong when: the machines are the treatment: declare "hardware.*". Where pairs share their machine,
or both arms are spread over the machines alike, nothing favours one arm: a note says so. What
computes nothing by itself, such as memory, driver and kernel version, is a note, too.

Source: PyTorch's reproducibility notes: results may differ between platforms; blocks as in Fisher
1935; Pearson's chi-squared test for the spread, at 0.05.
"""

from collections import Counter
from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.equality import same_at
from repro.audit.exactness import is_about_speed, is_bitwise
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.fact import Scalar
from repro.facts.hardware import EXAMPLE, Hardware
from repro.record import Arms, is_compared

COMPUTES = ("accelerators", "blas", "cpu", "cuda", "cudnn", "machine")
TIMES = ("driver", "memory_bytes", "n_cores", "system")  # a change of these may change a time
ALPHA = 0.05

Machine = tuple[Scalar, ...]


@rule("ENV003", Severity.ERROR, preview=True)
def check(claim: Claim, hardware: Arms[Hardware]) -> Iterator[Violation]:
    """One kind of machine in all runs, or the same spread over the kinds in both arms."""
    differing = tuple(path for path in _differing(hardware) if not is_declared(claim, path))
    if not differing:
        return
    parts = COMPUTES + TIMES if is_about_speed(claim) else COMPUTES
    weighty = [path for path in differing if path.removeprefix("hardware.") in parts]
    machines = hardware.with_values(
        [_machine(one, weighty) for one in hardware.baseline],
        [_machine(one, weighty) for one in hardware.candidate],
    )
    is_exact = is_bitwise(claim) or is_about_speed(claim)
    if not weighty or _is_known_once(machines):
        yield _violation("details of the machines differ", differing, Severity.NOTE)
    elif not (is_bitwise(claim) or _is_uneven(machines)):
        n = len(set(machines.every()))
        message = f"the runs used {n} kinds of machine, which are spread over both arms alike"
        yield _violation(message, differing, Severity.NOTE)
    else:
        names = ", ".join(path.removeprefix("hardware.") for path in weighty)
        severity = Severity.ERROR if is_exact else Severity.WARNING
        yield _violation(f"the arms ran on other machines: {names} differ", differing, severity)


def _violation(message: str, points: tuple[str, ...], severity: Severity) -> Violation:
    fix = "run both arms on one class of machine, or each arm on every machine"
    return Violation(message, f'{fix}; or declare "hardware.*"', points, severity)


def _differing(hardware: Arms[Hardware]) -> Iterator[str]:
    """Compared paths that do not have one value in all runs."""
    first, *others = (one.flat() for one in hardware.every())
    for path, value in first.items():
        is_one = all(same_at(path, value, other.get(path)) for other in others)
        if is_compared(path) and not is_one:
            yield path


def _machine(hardware: Hardware, paths: list[str]) -> Machine:
    flat = hardware.flat()
    return tuple(flat[path] for path in paths)


def _is_known_once(machines: Arms[Machine]) -> bool:
    """Whether no part has two known values: CUDA shows only in a process that loaded torch."""
    return all(len({*values} - {None}) <= 1 for values in zip(*machines.every(), strict=True))


def _is_uneven(machines: Arms[Machine]) -> bool:
    """Whether the arms are spread over the machines otherwise than chance would spread them."""
    baseline, candidate = Counter(machines.baseline), Counter(machines.candidate)
    is_apart = not baseline.keys() & candidate.keys()  # no machine has runs of both
    return is_apart or _chance(baseline, candidate) < ALPHA


def _chance(baseline: Counter[Machine], candidate: Counter[Machine]) -> float:
    """P value of Pearson's chi-squared test of the table of arms and machines."""
    from scipy import special

    n_runs, kinds = baseline.total() + candidate.total(), baseline.keys() | candidate.keys()
    statistic = 0.0
    for arm in (baseline, candidate):
        for kind in kinds:
            expected = arm.total() * (baseline[kind] + candidate[kind]) / n_runs
            statistic += (arm[kind] - expected) ** 2 / expected
    return float(special.chdtrc(len(kinds) - 1, statistic)) if len(kinds) > 1 else 1.0


BAD = {"claim": CLAIM, "hardware": Arms.of(EXAMPLE, EXAMPLE.but(accelerators=("NVIDIA A100",)))}
GOOD = {"claim": CLAIM, "hardware": Arms.of(EXAMPLE, EXAMPLE)}
