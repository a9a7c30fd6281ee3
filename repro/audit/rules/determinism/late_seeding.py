"""The model was made before the seed was set, from numbers that nobody had seeded.

Why: its first weights are others in every run, whatever the seed: a run cannot be repeated, and
runs of one seed are no pair.

Fix: make the model inside `with repro.tracked_run(seed=...)`.

Wrong when: the weights were read from a file before the block, so that their first values are gone;
or what was drawn before the seed was drawn by an import, and the model draws nothing.

Source: Bouthillier et al. 2021: the initial weights are a source of variance of their own.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.entropy import Entropy, Finding
from repro.facts.fact import Absent
from repro.facts.initialization import EXAMPLE as INITIALIZATION
from repro.facts.initialization import Initialization
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage

UNKNOWN = "unknown"


@rule("DET002", Severity.WARNING, preview=True)
def check(
    entropy: Entropy, initialization: Initialization | Absent, lineage: Lineage | Absent
) -> Iterator[Violation]:
    """No trained model was there before the seed, unless its weights are from elsewhere."""
    models, draws = entropy.of("made_before"), entropy.of("drawn_before")
    if models and draws and not _is_from_elsewhere(initialization, lineage):
        yield Violation(
            message=f"{', '.join(one.what for one in models)} was made before the seed was set",
            fix="make the model inside `with repro.tracked_run(seed=...)`",
            points=tuple(f"entropy.found.{one.index}.what" for one in (*models, *draws)),
        )


def _is_from_elsewhere(initialization: Initialization | Absent, lineage: Lineage | Absent) -> bool:
    """Whether the weights were loaded, or look like those of a trained model."""
    if isinstance(lineage, Lineage) and (
        lineage.loaded or lineage.is_set_from_state or lineage.pretrained
    ):
        return True
    if isinstance(initialization, Absent):
        return False
    return all(UNKNOWN in one.scheme for one in initialization.schemes)


_LATE = Entropy(
    mode="record",
    found=(
        Finding(index=1, kind="drawn_before", where="", what="torch"),
        Finding(index=2, kind="made_before", where="", what="Net"),
    ),
)
_OTHERS = {"initialization": INITIALIZATION, "lineage": LINEAGE.but(loaded=())}
BAD = {"entropy": _LATE, **_OTHERS}
GOOD = {"entropy": _LATE, **_OTHERS, "lineage": LINEAGE}
