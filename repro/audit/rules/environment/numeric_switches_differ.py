"""The arms computed under other numeric settings: TF32, precision of products, threads, kernels.

Why: each of them changes which kernel computes a number or in which order it is summed, and some
are worth more than a tenth of a percent of accuracy.

Fix: set them alike in both arms, best in the script or in one launcher.

Wrong when: a setting is the treatment: declare it. A number of threads that a launcher sets in one
arm only is silent where the thread pools that came of it are the same. Flags of determinism are
another rule's.

Source: PyTorch's numerical accuracy notes: TF32 keeps 10 bits of the mantissa; torchrun sets
OMP_NUM_THREADS=1 where nobody did.
"""

from collections.abc import Iterator, Mapping

from repro.audit.configuration import is_declared
from repro.audit.listing import listed
from repro.audit.rule import Severity, Violation, rule
from repro.audit.switch_kinds import differing, is_flag, settings
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.determinism import Determinism, Switch
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Environment
from repro.facts.fact import Absent, Scalar
from repro.facts.hardware import EXAMPLE as HARDWARE
from repro.facts.hardware import Hardware
from repro.record import Arms

THREADS = "_NUM_THREADS"
SHOWN = 3

Side = tuple[Mapping[str, Scalar], Hardware | Absent]


@rule("ENV006", Severity.WARNING, preview=True)
def check(
    claim: Claim,
    determinism: Arms[Determinism],
    environment: Arms[Environment],
    hardware: Arms[Hardware | Absent],
) -> Iterator[Violation]:
    """One value of each numeric switch and variable in every pair."""
    runs = zip(determinism.every(), environment.every(), hardware.every(), strict=True)
    sides = [(dict((*settings(one), *settings(other))), machine) for one, other, machine in runs]
    n_baseline = len(determinism.baseline)
    arms: Arms[Side] = determinism.with_values(sides[:n_baseline], sides[n_baseline:])
    found = {path for left, right in arms.contrasts() for path in _differing(left, right)}
    points = tuple(sorted(path for path in found if not is_declared(claim, path)))
    if points:
        yield Violation(
            message=f"numeric settings differ: {listed([*map(_name, points)], SHOWN)}",
            fix=f'set them alike in both arms, or declare "{points[0]}"',
            points=points,
        )


def _differing(left: Side, right: Side) -> Iterator[str]:
    for path in differing(left[0], right[0]):
        is_moot = path.endswith(THREADS) and _are_one_pool(left, right)
        if not is_flag(path) and not is_moot:
            yield path


def _are_one_pool(left: Side, right: Side) -> bool:
    """Whether both runs are known to have had as many threads, whoever asked for them."""
    pools = [side[1].blas for side in (left, right) if isinstance(side[1], Hardware)]
    threads = [side[0].get("determinism.torch.num_threads") for side in (left, right)]
    is_known = len(pools) == 2 and (pools[0] or threads[0] is not None)
    return bool(is_known) and pools[0] == pools[1] and threads[0] == threads[1]


def _name(path: str) -> str:
    return path.removeprefix("determinism.").removeprefix("environment.variables.")


_TF32 = (*DETERMINISM.switches, Switch(name="torch.backends.cudnn.allow_tf32", value=True))
_PLAIN = (*DETERMINISM.switches, Switch(name="torch.backends.cudnn.allow_tf32", value=False))
_REST = {
    "claim": CLAIM,
    "environment": Arms.of(ENVIRONMENT, ENVIRONMENT),
    "hardware": Arms.of(HARDWARE, HARDWARE),
}
BAD = {
    **_REST,
    "determinism": Arms.of(DETERMINISM.but(switches=_TF32), DETERMINISM.but(switches=_PLAIN)),
}
GOOD = {**_REST, "determinism": Arms.of(DETERMINISM, DETERMINISM)}
