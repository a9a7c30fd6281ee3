"""The arms computed in other number formats.

Why: half precision and quantization change scores by themselves, by more than many treatments do.

Fix: run both arms in one precision.

Wrong when: the precision is the treatment: declare "precision.*", or "compression.*" for a
quantized model. Other formats while training are a warning; a quantized model is another model.

Source: Micikevicius et al. 2018: mixed precision mostly matches, not always; Jacob et al. 2018.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.compression import EXAMPLE as COMPRESSION
from repro.facts.compression import Compression
from repro.facts.fact import Absent, Fact
from repro.facts.precision import EXAMPLE, Phase, Precision
from repro.record import Arms, is_compared

FORMATS = ("compression.quant", "compression.converted", "compression.levels")


@rule("PRT012", Severity.ERROR, preview=True)
def check(
    claim: Claim, precision: Arms[Precision], compression: Arms[Compression | Absent]
) -> Iterator[Violation]:
    """One precision, and one kind of quantization, in every pair."""
    formats = _differing(precision, ("precision.",))
    yield from _violation(
        claim, formats, "the arms computed in other number formats", "precision.*", Severity.WARNING
    )
    quantized = _differing(compression, FORMATS)
    yield from _violation(
        claim, quantized, "the arms were quantized in other ways", "compression.*", Severity.ERROR
    )


def _differing(
    arms: Arms[Precision] | Arms[Compression | Absent], parts: tuple[str, ...]
) -> list[str]:
    """Compared paths that differ in some pair, of a fact that both sides have."""
    found: set[str] = set()
    for left, right in arms.contrasts():
        if isinstance(left, Fact) and isinstance(right, Fact):
            a, b = left.flat(), right.flat()
            found |= {path for path in a.keys() | b.keys() if a.get(path) != b.get(path)}
    return sorted(path for path in found if path.startswith(parts) and is_compared(path))


def _violation(
    claim: Claim, paths: list[str], message: str, glob: str, severity: Severity
) -> Iterator[Violation]:
    points = tuple(path for path in paths if not is_declared(claim, path))
    if points:
        fix = f'run both arms in one precision, or declare "{glob}" as treatment'
        yield Violation(message, fix, points, severity)


_PLAIN = EXAMPLE.but(autocast=(Phase(phase="train", dtype="none"),))
_SAME = Arms.of(COMPRESSION, COMPRESSION)
BAD = {"claim": CLAIM, "precision": Arms.of(_PLAIN, EXAMPLE), "compression": _SAME}
GOOD = {"claim": CLAIM, "precision": Arms.of(EXAMPLE, EXAMPLE), "compression": _SAME}
