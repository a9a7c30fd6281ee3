"""What else the experiment holds that bears on a claim: every run that was ever launched in it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from repro.claims import Claim
from repro.facts.scores import Scores
from repro.history import Launch
from repro.record import RunRecord
from repro.record_tags import DATA, OBSERVED, SETUP, TEST

VALID = ("valid", "val", "validation", "dev")  # how rows to choose by are called
CODE = ("code", "tree")  # of one program if either is equal


@dataclass(frozen=True)
class Trial:
    """A run that tried another configuration of what an arm claims."""

    launch: Launch
    configuration: str
    is_test_seen: bool
    is_other_seen: bool  # it was scored on other roles, too: there was something else to choose by
    tuned: frozenset[str] = frozenset()  # paths at which it differs from its arm


@dataclass(frozen=True)
class ArmHistory:
    """What was launched for one arm.

    `omitted` are runs of the arm's own configuration that the claim does not select; `possible`
    may be such runs: they did not come to their end, and left too little to tell. `trials` are runs
    of the same treatment in other configurations, one entry a run, that differ in what the claim
    lets be tuned; `untold` differ in something else of which several values were tried. `unscored`
    are of the arm's own configuration, and have no value of the claim's metric. `stripped` may be
    of it, and have lost the seal of their record.
    """

    omitted: tuple[Launch, ...] = ()
    otherwise: frozenset[str] = frozenset()  # ids of those that repeat a seed with another score
    trials: tuple[Trial, ...] = ()
    possible: tuple[Launch, ...] = ()
    untold: tuple[Trial, ...] = ()
    unscored: tuple[Launch, ...] = ()
    stripped: tuple[Launch, ...] = ()

    @property
    def n_configurations(self) -> int:
        """Configurations that were tried: the claimed one, and those of the trials."""
        return 1 + len({trial.configuration for trial in self.trials})

    @property
    def n_tried(self) -> int:
        """The same, with those that the claim does not tell of."""
        return 1 + len({trial.configuration for trial in (*self.trials, *self.untold)})

    @property
    def tuned(self) -> frozenset[str]:
        """Paths of which more than one value was tried."""
        return frozenset(path for trial in (*self.trials, *self.untold) for path in trial.tuned)


@dataclass(frozen=True)
class Ledger:
    """The experiment around a claim: deleted and failed runs count, replays do not.

    `going_on` are runs that MLflow calls RUNNING, and that may be. `before_seeds` are of
    no declared seed, and were started before seeds were declared: a choice that came after them
    leaves them out.

    `n_test_configurations` looked at the test rows of the claim. `looks` are the
    moments at which an audit printed numbers of this claim, with the number of its runs that were
    there. Runs that were not tracked, or sealed by an older version, have no digests: they do not
    count.
    """

    baseline: ArmHistory = ArmHistory()
    candidate: ArmHistory = ArmHistory()
    n_test_configurations: int = 0
    looks: tuple[tuple[datetime, int], ...] = ()
    n_added: int = 0  # runs of the claim that were started after its first look
    n_unread: int = 0  # runs whose records bear on the claim, and were too many to be read
    going_on: frozenset[str] = frozenset()  # ids
    before_seeds: frozenset[str] = frozenset()  # ids

    def sides(self) -> tuple[tuple[str, ArmHistory], tuple[str, ArmHistory]]:
        """Both arms with their names."""
        return ("baseline", self.baseline), ("candidate", self.candidate)

    def is_meant(self, claim: Claim, launch: Launch) -> bool:
        """Whether a run counts: its seed is declared or unknown, or the run came before that."""
        is_declared = claim.seeds is None or launch.seed is None or launch.seed in claim.seeds
        return is_declared or launch.run_id in self.before_seeds


def is_same_setup(launch: Launch, chosen: Mapping[str, str]) -> bool:
    """Whether a launch had this setup, as far as both are known; its code must be.

    What is observed over the whole training is left aside for a run that broke off.
    """
    ours = launch.setup
    if not any(key in ours and ours[key] == chosen.get(key) for key in CODE):
        return False
    aside = {*CODE, *(() if launch.is_finished else OBSERVED)}
    return all(ours[key] == chosen[key] for key in (ours.keys() & chosen.keys()) - aside)


def configuration(chosen: Mapping[str, str]) -> str:
    """What tells two configurations of one experiment apart, other code included."""
    tree = () if "code" in chosen else (chosen.get("tree", ""),)
    known = (f"{key}={value}" for key, value in sorted(chosen.items()) if key != "tree")
    return " ".join((*known, *tree))


def setups(arm: Iterable[Launch]) -> tuple[Launch, ...]:
    """One run for each setup of an arm: there are few, however many runs it has."""
    return tuple({(one.tags.get(DATA), one.tags.get(SETUP)): one for one in arm}.values())


def is_omitted(launch: Launch, of_arm: Iterable[Launch]) -> bool:
    """Whether a launch beside those of the claim is of an arm's own configuration and data."""
    return any(_is_same(launch, one) for one in of_arm)


def _is_same(launch: Launch, of_arm: Launch) -> bool:
    is_of_data = launch.tags.get(DATA, of_arm.tags.get(DATA)) == of_arm.tags.get(DATA)
    return bool(launch.setup) and is_of_data and is_same_setup(launch, of_arm.setup)


def n_test_configurations(ours: Collection[Launch], launches: Iterable[Launch]) -> int:
    """Configurations that looked at our test rows, or at others cut from the same data."""
    tests = {launch.tags[TEST] for launch in ours if TEST in launch.tags}
    pools = {launch.tags[DATA] for launch in ours if DATA in launch.tags}
    seen = {
        configuration(launch.setup)
        for launch in launches
        if TEST in launch.tags and (launch.tags[TEST] in tests or launch.tags.get(DATA) in pools)
    }
    return len(seen)


def trial(launch: Launch, record: RunRecord, tuned: Iterable[str]) -> Trial:
    """A run with what its record says about its looks."""
    scores = record.find(Scores) or Scores()
    logged = {series.name.partition("/")[0] for series in scores.logged}
    roles = {read.role for read in scores.reads} | (logged & {"test", *VALID})
    return Trial(
        launch,
        configuration(launch.setup),
        is_test_seen="test" in roles,
        is_other_seen=bool(roles - {"test", "train"}),
        tuned=frozenset(tuned),
    )
