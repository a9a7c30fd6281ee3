"""Notes in which order rows come, and tells whether two passes had the same order."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

from repro.digest.cells import plain_array
from repro.observe.technique import is_sampled

ROWS = 4  # hashed of a batch
VALUES = 256  # of a row, spread evenly
LABELS = 64  # kept of a batch
BATCHES = 64  # of which rows are hashed in a pass
LABELLED_EVERY = 16  # batches after those, so that all of a pass is seen
LABELLED = 4096  # batches of which labels are kept
FIRST = 8  # batches
ENOUGH = 8  # rows that differ
LABEL_NAMES = ("labels", "label", "targets", "target", "y")


@dataclass
class Pass:
    """Some rows of the first batches of one pass, as hashes, and some labels."""

    rows: list[int] = field(default_factory=list)
    labels: list[list[Hashable]] = field(default_factory=list)
    _n_batches: int = 0

    def saw(self, batch: Any) -> None:
        """Note some of a batch; it is left as it is."""
        index, self._n_batches = self._n_batches, self._n_batches + 1
        if index >= BATCHES and (index % LABELLED_EVERY or len(self.labels) >= LABELLED):
            return
        features, labels = _parts(batch)
        if _is_at_hand(features) or is_sampled(index):  # to read from a GPU is to wait for it
            self.labels.append(_plain_labels(labels))
            if index < BATCHES:
                self.rows.extend(_row_hashes(features))

    @property
    def is_enough(self) -> bool:
        """Whether the order of the rows can be told from those that were noted."""
        return len(set(self.rows)) >= ENOUGH

    def entropies(self) -> tuple[float | None, float | None]:
        """Bits of the labels in a batch, mean of the first ones; and of all labels together."""
        told = [labels for labels in self.labels if labels]
        is_long = len(told) > BATCHES  # then the first batches count as little as those after
        spread = [*told[:BATCHES:LABELLED_EVERY], *told[BATCHES:]] if is_long else told
        together = [label for labels in spread for label in labels]
        if not told or len(set(together)) > len(together) / 2:  # numbers, rather than classes
            return None, None
        first = float(np.mean([_entropy(labels) for labels in told[:FIRST]]))
        return round(first, 4), round(_entropy(together), 4)


def is_reordered(first: Pass, second: Pass) -> bool | None:
    """Whether the second pass had another order; None: that cannot be told.

    Rows that augmentation changes are found in no other pass; then their labels tell.
    """
    n = min(len(first.rows), len(second.rows))
    ours, theirs = first.rows[:n], second.rows[:n]
    if n < ENOUGH:
        return None
    in_place = _in_place(ours, theirs)
    if in_place > max(0.25, 3 * _by_chance(ours)):
        return False
    anywhere = len(set(ours).intersection(theirs)) / n
    if anywhere > max(0.05, 4 * in_place):
        return True
    return _is_relabelled(first, second)


def _is_relabelled(first: Pass, second: Pass) -> bool | None:
    pairs = list(zip(first.labels, second.labels, strict=False))
    ours = [label for one, _ in pairs for label in one]
    theirs = [label for _, one in pairs for label in one]
    if not ours or len(ours) != len(theirs):
        return None
    in_place, by_chance = _in_place(ours, theirs), _by_chance(ours)
    if len(ours) < 4 * ENOUGH or by_chance > 0.9:
        return None
    if in_place > 0.99:
        return False
    return True if in_place < (1 + by_chance) / 2 else None


def _in_place(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> float:
    """Share of positions at which both are equal."""
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(ours)


def _by_chance(values: Sequence[Hashable]) -> float:
    """The same, if one of them were shuffled."""
    return sum((n / len(values)) ** 2 for n in Counter(values).values())


def _entropy(labels: Sequence[Hashable]) -> float:
    shares = np.array(list(Counter(labels).values())) / len(labels)
    return float(-(shares * np.log2(shares)).sum())


def _parts(batch: Any) -> tuple[Any, Any]:
    """The features of a batch, and the labels, if there are any."""
    if isinstance(batch, Mapping):
        labels = next((batch[name] for name in LABEL_NAMES if name in batch), None)
        return _first(batch), labels
    if isinstance(batch, tuple | list) and len(batch) > 1 and hasattr(batch[0], "__len__"):
        return _first(batch), None if isinstance(batch[0], str) else batch[1]
    return _first(batch), None


def _first(part: Any) -> Any:
    """The first tensor, array or list of values inside of a batch."""
    if isinstance(part, Mapping):
        return _first(next(iter(part.values()), None))
    is_nested = isinstance(part, tuple | list) and len(part) and not _is_value(part[0])
    return _first(part[0]) if is_nested else part


def _is_value(item: Any) -> bool:
    return isinstance(item, str | bytes | int | float)


def _is_at_hand(part: Any) -> bool:
    device = getattr(part, "device", None)
    return device is None or getattr(device, "type", "cpu") == "cpu"


def _row_hashes(part: Any) -> list[int]:
    """Hashes of the first rows; of a long row some values, spread evenly."""
    rows = _few(part, ROWS)
    if rows is None:
        return []
    if isinstance(rows, list):
        return [xxh3_64_intdigest(repr(row).encode()) for row in rows]
    flat = rows.reshape(len(rows), -1)
    flat = flat[:, :: max(1, flat.shape[1] // VALUES)]
    return [xxh3_64_intdigest(row.tobytes()) for row in flat]


def _plain_labels(part: Any) -> list[Hashable]:
    """One label a row; none if they are no single whole numbers or texts."""
    labels = _few(part, LABELS)
    if labels is None or isinstance(labels, list):
        return labels or []
    is_plain = labels.size == len(labels) and labels.dtype.kind in "biuU"
    return labels.reshape(-1).tolist() if is_plain else []


def _few(part: Any, n: int) -> npt.NDArray[Any] | list[Any] | None:
    """The first rows of a dense tensor, an array or a list of values."""
    if isinstance(part, tuple | list):
        return [item for item in part[:n] if _is_value(item)]
    if not getattr(part, "ndim", 0) or str(getattr(part, "layout", "torch.strided")) != (
        "torch.strided"
    ):
        return None
    return plain_array(part[:n])
