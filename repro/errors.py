"""Every exception that a caller may handle, in one tree.

A message says what happened, with which value, and what to do about it.
"""


class ReproError(Exception):
    """Root of everything that `repro` raises on purpose."""


class UsageError(ReproError, ValueError):
    """An argument, an option or a configuration value cannot be used as given."""


class ConfigurationError(UsageError):
    """`repro.toml` (or `[tool.repro]`) cannot be read, or says something unknown."""


class SeedConflict(UsageError):
    """`seed=` and `REPRO_SEED` ask for two different seeds."""


class RanksDisagree(UsageError):
    """The processes of one training are not set up alike, or not all of them came."""


class CheckpointUnusable(UsageError):
    """A checkpoint cannot be written, or gone on from, so that the training is the same."""


class UnsupportedData(UsageError):
    """An object was handed over as data whose content cannot be read."""


class UnseededGenerator(UsageError):
    """`entropy="raise"`, and a random generator was made without a seed."""


class UnknownRun(UsageError):
    """No run goes by this id, name or filter."""


class UnknownMetric(UsageError):
    """A run has no metric of this name."""


class UnknownRule(UsageError):
    """No rule goes by this name or code."""


class StoreUnavailable(ReproError):
    """The MLflow store cannot be reached or written."""


class RecordCorrupt(ReproError):
    """A stored record cannot be read back."""


class TracesIncomparable(ReproError):
    """Two traces have nothing in common that could be compared."""


class CannotRestore(ReproError):
    """The code of a run cannot be brought back."""


class CannotReplay(ReproError):
    """A run cannot be executed again."""


class SplitError(ReproError, ValueError):
    """A split cannot be built from this input."""


class LeakFound(SplitError):
    """`proof.raise_if_violated()` on a proof with violations."""


class TooFewReplicates(ReproError, ValueError):
    """A statistic needs more replicates than it was given."""
