"""A metric of a distributed training covers the rows of one process, or counts some rows twice.

Why: the sampler gives each process its part of the rows, and repeats some so that the parts are
equal. A score of one process is that of a part; a score of all of them counts the repeated rows
twice.

Fix: gather predictions and labels of all processes, drop the repeated rows, and score once.

Wrong when: every process scores all rows by itself (not reported).

Source: PyTorch's documentation of DistributedSampler: `drop_last=False` adds rows.
"""

import math
from collections.abc import Iterator

from repro.audit.rule import NotApplicable, Severity, Violation, rule
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.facts.scores import EXAMPLE, Score, Scores
from repro.facts.topology import EXAMPLE as TOPOLOGY
from repro.facts.topology import Topology


@rule("TRN012", Severity.WARNING, preview=True)
def check(
    topology: Topology, scores: Scores, data: Data | Absent
) -> Iterator[Violation | NotApplicable]:
    """Where several processes trained, every score covers every row once."""
    if topology.world == 1:
        yield NotApplicable("one process trained")
        return
    for score in scores.scored:
        role = data.role(score.on) if isinstance(data, Data) else None
        if role is not None:
            yield from _against(score, role.n_rows, topology.world)


def _against(score: Score, n_rows: int, world: int) -> Iterator[Violation]:
    part = math.ceil(n_rows / world)
    message = None
    if score.n_rows in (part, n_rows // world):
        message = f"{score.name} covers the rows of one of {world} processes"
    elif n_rows < score.n_rows <= part * world:
        message = f"{score.name} counts rows twice that fill up the parts of the processes"
    if message:
        yield Violation(
            message,
            fix="gather the predictions of all processes, drop repeated rows, and score once",
            points=(f"scores.{score.name}.n_rows", f"data.{score.on}.n_rows", "topology.world"),
        )


_PART = EXAMPLE.scored[0].model_copy(update={"n_rows": 225})
BAD = {"topology": TOPOLOGY, "scores": EXAMPLE.but(scored=(_PART,)), "data": DATA}
GOOD = {"topology": TOPOLOGY, "scores": EXAMPLE, "data": DATA}
