"""How the data were cut into training and evaluation rows."""

from typing import ClassVar, Literal

from repro.facts.fact import Fact, Part, Scalar


class Parameter(Part):
    """A parameter of the splitter."""

    name: str
    value: Scalar


class Condition(Part):
    """One condition of a leak-free split, and what the proof says about it."""

    id: str  # B0, T1, P1, G1, V1, ...
    outcome: Literal["PROVED", "VIOLATED", "NOT_CHECKED"]
    detail: str = ""  # count and witnesses, or why it was not checked


class Split(Fact):
    """The plan and the fold that a run was trained and scored on."""

    PER_REPLICATE: ClassVar = ("split.fold", "split.*_digest", "split.n_train", "split.n_test")
    IGNORED: ClassVar = ("split.proof*", "split.source", "split.verdict")

    source: Literal["plan", "data"]  # `data`: no plan was handed over, the roles are the split
    splitter: str | None = None  # StratifiedShuffleSplit
    parameters: tuple[Parameter, ...] = ()
    policy: Literal["walk_forward", "kfold", "exchangeable"] | None = None
    n_splits: int = 1
    fold: int | None = None  # counted from 0; None: one split, or the run around all folds
    fingerprint: str | None = None  # of the whole plan
    n_train: int  # around the runs of all folds: rows that some fold trains on
    n_test: int
    train_digest: str  # of the training rows
    test_digest: str  # of the evaluation rows
    has_groups: bool = False
    has_times: bool = False
    verdict: Literal["proved", "violated", "unknown"] | None = None  # None: no plan to prove
    proof: tuple[Condition, ...] = ()

    def condition(self, id: str) -> Condition | None:
        """What the proof says about one condition."""
        return next((condition for condition in self.proof if condition.id == id), None)


EXAMPLE = Split(
    source="plan",
    splitter="StratifiedShuffleSplit",
    parameters=(Parameter(name="test_size", value=0.25), Parameter(name="random_state", value=0)),
    policy="exchangeable",
    fold=0,
    fingerprint="split/1:ab",
    n_train=1347,
    n_test=450,
    train_digest="blake3:aa",
    test_digest="blake3:bb",
    verdict="proved",
    proof=(Condition(id="B0", outcome="PROVED"), Condition(id="V1", outcome="PROVED")),
)
