"""Which technique of training is recorded by which fact, as a table."""

import sys
from collections.abc import Iterator

from repro.facts import fact_types
from repro.record import is_compared

# Key of the fact by technique, in the order in which one builds a training.
TECHNIQUES = (
    ("overfitting one batch first", "capacity"),
    ("learning rate, warm-up, schedule", "schedule"),
    ("batch size, gradient accumulation", "batching"),
    ("dropout, also in pretrained models; L1, L2", "regularization"),
    ("initialization", "initialization"),
    ("layer and batch normalization", "normalization"),
    ("backbone, neck, head", "architecture"),
    ("augmentation and other transforms", "transforms"),
    ("seeds and deterministic switches", "determinism"),
    ("cross-validation without future information", "split"),
    ("optimizer", "optimizer"),
    ("early stopping", "stopping"),
    ("pruning, quantization", "compression"),
    ("distributed training", "topology"),
    ("shuffling", "sampling"),
    ("cleaning, standardizing", "cleaning"),
    ("preprocessing that is fitted", "fit_scope"),
    ("loss", "loss"),
    ("epochs, steps, samples", "budget"),
    ("training, validation and test sets", "data"),
    ("looks at the test set", "scores"),
    ("mixed precision", "precision"),
    ("transfer and continual learning", "lineage"),
    ("gradient clipping", "gradients"),
    ("hyperparameter search", "tuning"),
)
MAX_PATHS = 5


def techniques_table() -> str:
    """Technique, fact, and the recorded values that gate a comparison."""
    rows = [("technique", "fact", "what is recorded"), ("---",) * 3]
    rows += [(technique, f"`{key}`", _recorded(key)) for technique, key in TECHNIQUES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _recorded(key: str) -> str:
    names = list(_names(key))
    more = f" and {len(names) - MAX_PATHS} more" if len(names) > MAX_PATHS else ""
    return f"{', '.join(names[:MAX_PATHS])}{more}"


def _names(key: str) -> Iterator[str]:
    """What each value of the example is called, those first that a comparison is about."""
    example = vars(sys.modules[fact_types()[key].__module__])["EXAMPLE"]
    paths = sorted(example.flat(), key=lambda path: not is_compared(path))
    names = dict.fromkeys(path.rpartition(".")[2] for path in paths)
    yield from filter(str.isidentifier, names)
