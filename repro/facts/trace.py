"""What was traced of a training, step by step, and where the trace is."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact


class Trace(Fact):
    """An artifact with digests of what each traced step saw and did.

    It proves nothing by itself: two runs are equal where their traces are (`repro diff --trace`).
    """

    IGNORED: ClassVar = ("trace.*",)

    level: Literal["light", "full"]
    n_steps: int  # of the optimizer that steps most regularly
    n_traced: int  # steps that were looked at
    n_weighed: int  # of these, with their weights
    n_scores: int
    stride: int  # between traced steps, at the end
    components: tuple[str, ...]  # that were seen at all
    is_complete: bool  # the final weights are in it
    seconds: float  # that tracing took
    path: str
    digest: str
    chain: str  # digest of what was seen, without the level


EXAMPLE = Trace(
    level="light",
    n_steps=1000,
    n_traced=82,
    n_weighed=17,
    n_scores=1,
    stride=16,
    components=("batch", "final", "loss", "rng", "score", "settings", "switches", "updated"),
    is_complete=True,
    seconds=0.04,
    path="repro/trace.jsonl",
    digest="blake3:9f2c",
    chain="5d4e",
)
