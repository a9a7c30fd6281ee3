"""Two module trees, as one tree with the changes marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from repro.facts.architecture import Architecture, Layer

Change = Literal["same", "removed", "added", "changed"]


@dataclass(frozen=True)
class LayerChange:
    """One module of either tree."""

    path: str
    change: Change
    left: Layer | None
    right: Layer | None

    @property
    def depth(self) -> int:
        """How many modules it is inside of."""
        return self.path.count(".")


def layer_changes(left: Architecture, right: Architecture) -> tuple[LayerChange, ...]:
    """Every module of both trees, in the order of the first, new ones where they stand."""
    return tuple(_merged(left.layers, right.layers))


def _merged(left: Sequence[Layer], right: Sequence[Layer]) -> Iterator[LayerChange]:
    paths = [layer.path for layer in left], [layer.path for layer in right]
    for _, i, i_end, j, j_end in SequenceMatcher(None, *paths, autojunk=False).get_opcodes():
        before = {layer.path: layer for layer in left[i:i_end]}
        after = {layer.path: layer for layer in right[j:j_end]}
        for path in (*before, *(path for path in after if path not in before)):
            yield _change(path, before.get(path), after.get(path))


def _change(path: str, left: Layer | None, right: Layer | None) -> LayerChange:
    if left is None or right is None:
        return LayerChange(path, "added" if left is None else "removed", left, right)
    return LayerChange(path, "same" if _is_same(left, right) else "changed", left, right)


def _is_same(left: Layer, right: Layer) -> bool:
    """Whether two modules are equal in what both records hold: older ones have no settings."""
    if None in (left.settings, right.settings):
        return left.model_copy(update={"settings": right.settings}) == right
    return left == right
