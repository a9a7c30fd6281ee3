"""The best value of a hyperparameter search stands at the edge of what was searched.

Why: the optimum lies outside, or may. An arm whose search was cut off has not shown what it can do.

Fix: widen the range to that side, in both arms, and search again.

Wrong when: the edge is one of nature, such as a dropout of 0.

Source: Godbole et al. 2023, "Deep Learning Tuning Playbook": bad search space boundaries.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Violation, rule
from repro.facts.tuning import EXAMPLE, Dimension, Tuning

FEWEST_VALUES = 3  # of two, one is always at an edge


@rule("TRN011", Severity.WARNING, preview=True)
def check(tuning: Tuning) -> Iterator[Violation]:
    """The best trial of every search lies inside its ranges."""
    for search in tuning.searches:
        for dimension in filter(_is_cut_off, search.dimensions):
            path = f"tuning.{search.name}.dimensions.{dimension.name}"
            yield Violation(
                message=f"{search.name}: the best {dimension.name} is at the {dimension.at_edge} "
                f"edge of what was searched",
                fix=f"search {'below' if dimension.at_edge == 'low' else 'above'} it, too",
                points=tuple(f"{path}.{part}" for part in ("best", "low", "high")),
            )


def _is_cut_off(dimension: Dimension) -> bool:
    is_searched = dimension.n_values is None or dimension.n_values >= FEWEST_VALUES
    is_zero = dimension.at_edge == "low" and dimension.low == 0
    return dimension.at_edge is not None and is_searched and not is_zero


_SEARCH = EXAMPLE.searches[0]
_EDGE = _SEARCH.dimensions[0].model_copy(update={"best": 10, "at_edge": "high"})
BAD = {"tuning": EXAMPLE.but(searches=(_SEARCH.model_copy(update={"dimensions": (_EDGE,)}),))}
GOOD = {"tuning": EXAMPLE}
