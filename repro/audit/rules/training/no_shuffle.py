"""The training rows came in one order in every epoch.

Why: batches that hold one label each, or the same rows together in every epoch, give gradients that
pull to one side.

Fix: `DataLoader(..., shuffle=True)`; with a DistributedSampler call `set_epoch(epoch)`.

Wrong when: the order carries meaning, as in a time series (not reported where a time is declared).

Source: Bottou 2009; PyTorch's documentation of DistributedSampler: without `set_epoch` every epoch
has the order of the first.
"""

from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.budget import Budget
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.sampling import EXAMPLE, Role, Sampling
from repro.facts.split import EXAMPLE as SPLIT
from repro.facts.split import Split
from repro.facts.topology import EXAMPLE as TOPOLOGY
from repro.facts.topology import Topology

SORTED = 0.5  # of the entropy of all labels: a batch holds few of them


@rule("TRN009", Severity.WARNING, preview=True)
def check(
    sampling: Sampling,
    topology: Topology | Absent,
    budget: Budget | Absent,
    data: Data | Absent,
    split: Split | Absent,
) -> Iterator[Violation | NotApplicable]:
    """Rows are drawn anew in each epoch, and labels are mixed."""
    if _has_order(data, split):
        yield NotApplicable("the rows have times: their order carries meaning")
        return
    is_repeated = isinstance(budget, Budget) and (budget.n_epochs or 0.0) > 1
    if isinstance(topology, Topology) and topology.sets_epoch is False and is_repeated:
        yield Violation(
            message="the distributed sampler gave every epoch one order",
            fix="sampler.set_epoch(epoch)",
            points=("topology.sets_epoch",),
        )
        return
    for role in sampling.roles:
        if role.role == "train" and role.reorders is False:
            yield from _judged(role, is_repeated=is_repeated)


def _has_order(data: Data | Absent, split: Split | Absent) -> bool:
    has_times = isinstance(split, Split) and split.has_times
    return has_times or (isinstance(data, Data) and data.time is not None)


def _judged(role: Role, *, is_repeated: bool) -> Iterator[Violation]:
    path, fix = f"sampling.{role.role}", "DataLoader(..., shuffle=True)"
    if role.label_entropy and (role.first_entropy or 0.0) < SORTED * role.label_entropy:
        message = "rows were not shuffled, and came sorted by label"
        yield Violation(message, fix, (f"{path}.first_entropy", f"{path}.label_entropy"))
    elif is_repeated:
        message = "rows came in one order in every epoch"
        yield Violation(message, fix, (f"{path}.reorders",), severity=Severity.NOTE)


_SORTED = EXAMPLE.roles[0].model_copy(update={"reorders": False, "first_entropy": 0.2})
_OTHERS = {"topology": TOPOLOGY, "budget": BUDGET, "data": DATA, "split": SPLIT}
BAD = {"sampling": EXAMPLE.but(roles=(_SORTED,)), **_OTHERS}
GOOD = {"sampling": EXAMPLE, **_OTHERS}
