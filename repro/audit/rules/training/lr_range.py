"""The highest learning rate lies outside the range that this kind of training takes.

Why: a rate that is too high wipes out what was pretrained, or diverges; one that is too low ends
far from where it could. Either arm may then look worse than it is.

Fix: search the learning rate on a log scale, for each arm.

Wrong when: the model is scaled so that other rates are right (muP), or it was searched.

Source: Devlin et al. 2019: 2e-5 to 5e-5 to fine-tune; Kingma and Ba 2015: 1e-3 for Adam; Hu et al.
2022: up to 1e-3 for low-rank adapters. The ranges leave a factor of ten and more around these.
"""

from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Architecture
from repro.facts.fact import Absent
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.lineage import Lineage
from repro.facts.optimizer import EXAMPLE, Optimizer, Setting

ADAM_LIKE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop")
ADAM_RANGE = (1e-6, 1e-2)
FINE_TUNE_RANGE = (1e-7, 5e-4)  # of a transformer, all of whose weights learn
SGD_RANGE = (1e-5, 10.0)


@rule("TRN002", Severity.NOTE, preview=True)
def check(
    optimizer: Optimizer, architecture: Architecture | Absent, lineage: Lineage | Absent
) -> Iterator[Violation | NotApplicable]:
    """The learning rate of the first parameter group is usual for the optimizer."""
    lr = next((setting.value for setting in optimizer.settings if setting.name == "lr"), None)
    if not isinstance(lr, float) or optimizer.name not in (*ADAM_LIKE, "SGD"):
        yield NotApplicable(f"no usual range is known for {optimizer.name}")
        return
    is_fine_tuned = optimizer.name in ADAM_LIKE and _is_fine_tuned(architecture, lineage)
    low, high = SGD_RANGE if optimizer.name == "SGD" else ADAM_RANGE
    if is_fine_tuned:
        low, high = FINE_TUNE_RANGE
    if not low <= lr <= high:
        what = ", to fine-tune a transformer" if is_fine_tuned else ""
        yield Violation(
            message=f"{optimizer.name} with lr {lr:g}{what}; usual is {low:g} to {high:g}",
            fix="search the learning rate on a log scale",
            points=("optimizer.name", "optimizer.lr"),
        )


def _is_fine_tuned(architecture: Architecture | Absent, lineage: Lineage | Absent) -> bool:
    """Whether all weights of a pretrained transformer learn: adapters beside frozen ones do not."""
    if isinstance(architecture, Absent) or isinstance(lineage, Absent) or lineage.frozen:
        return False
    shares = [file.model_share or 0.0 for file in lineage.loaded]
    is_loaded = lineage.pretrained is not None or any(share > MOSTLY for share in shares)
    return is_loaded and any("Attention" in layer.kind for layer in architecture.layers)


MOSTLY = 0.5

_HIGH = EXAMPLE.but(name="AdamW", settings=(Setting(name="lr", value=0.5),))
BAD = {"optimizer": _HIGH, "architecture": ARCHITECTURE, "lineage": LINEAGE}
GOOD = {"optimizer": EXAMPLE, "architecture": ARCHITECTURE, "lineage": LINEAGE}
