"""Looks at samplers, and at the order in which rows come."""

from dataclasses import dataclass, field
from typing import Any

from repro.digest import digest_json
from repro.facts.fact import Absent
from repro.facts.sampling import Role, Sampling
from repro.observe.ingredient import array_digest
from repro.observe.row_order import Pass, is_reordered
from repro.observe.sampler import sampler_of
from repro.observe.technique import Ending, Technique, no_loader

MAX_PASSES = 8  # looked at, if they are too short to tell anything
ONCE = "each row once"
SHUFFLING = {  # samplers of torch that draw: what they draw
    "RandomSampler": ONCE,
    "SubsetRandomSampler": ONCE,
    "WeightedRandomSampler": "weighted",
}
DISTRIBUTED = "DistributedSampler"
PLAIN = {"SequentialSampler": ONCE, DISTRIBUTED: ONCE, "_InfiniteConstantSampler": None}


@dataclass
class _Seen:
    """The first two passes of a role that say something."""

    told: Role
    passes: list[Pass] = field(default_factory=list)
    current: Pass | None = None
    n_begun: int = 0
    epochs: set[int] = field(default_factory=set)  # that a DistributedSampler thought it was in

    def begin(self, loader: Any) -> None:
        """A pass begins; one that was left after a few rows does not count."""
        self.passes, self.n_begun = self._enough(), self.n_begun + 1
        if self.n_begun <= MAX_PASSES and self.told.sampler == DISTRIBUTED:
            self.epochs.add(getattr(sampler_of(loader), "epoch", 0))
        is_told = len(self.passes) == 2 or self.n_begun > MAX_PASSES
        self.current = None if is_told else Pass()

    def role(self) -> Role:
        """The role with what was seen of the order."""
        enough = self._enough()
        reorders = self._follows()
        if not enough:
            return self.told.model_copy(update={"reorders": reorders})
        orders = [digest_json(one.rows) for one in enough]
        first_entropy, label_entropy = enough[0].entropies()
        seen = is_reordered(*enough) if len(enough) == 2 else None
        changes = {
            "reorders": reorders if seen is None else seen,
            "is_reorder_seen": seen is not None,
            "first_order": orders[0],
            "second_order": orders[1] if len(orders) == 2 else None,
            "first_entropy": first_entropy,
            "label_entropy": label_entropy,
        }
        return self.told.model_copy(update=changes)

    def _follows(self) -> bool | None:
        """Whether a second pass has another order, by the sampler alone."""
        is_open = self.told.reorders is None and self.told.sampler == DISTRIBUTED
        return len(self.epochs) > 1 if is_open and self.n_begun > 1 else self.told.reorders

    def _enough(self) -> list[Pass]:
        current = self.current
        return [*self.passes, current] if current and current.is_enough else self.passes


class SamplingObserver(Technique):
    """Reads the sampler when a pass begins, and some rows of each batch of the first two."""

    kind = Sampling

    def __init__(self) -> None:
        self._roles: dict[str, _Seen] = {}

    def fed(self, loader: Any, role: str) -> None:
        """The sampler of the first loader of a role."""
        if role not in self._roles:
            self._roles[role] = _Seen(_role(loader, role))

    def began(self, loader: Any, role: str) -> None:
        """A pass over the data begins."""
        self._roles[role].begin(loader)

    def batch(self, batch: Any, role: str) -> None:
        """Some rows of it."""
        current = self._roles[role].current
        if current is not None:
            current.saw(batch)

    def at_end(self, ending: Ending) -> Sampling | Absent:
        """What was seen, by role."""
        if not self._roles:
            return no_loader(ending)
        return Sampling(roles=tuple(seen.role() for seen in self._roles.values()))


def _role(loader: Any, role: str) -> Role:
    sampler = sampler_of(loader)
    if sampler is None:
        return Role(role=role)
    kind = type(sampler).__name__
    batch_sampler = type(getattr(loader, "batch_sampler", None)).__name__
    weights = getattr(sampler, "weights", None)
    return Role(
        role=role,
        sampler=kind,
        batch_sampler=None if batch_sampler in ("BatchSampler", "NoneType") else batch_sampler,
        draws=_draws(sampler, kind),
        weights_digest=None if weights is None else array_digest(weights),
        generator=_generator(sampler) if kind in SHUFFLING else None,
        reorders=_reorders(sampler, kind),
    )


def _reorders(sampler: Any, kind: str) -> bool | None:
    """None: unknown; a DistributedSampler that shuffles does so once for each epoch it is told."""
    is_fixed = kind == DISTRIBUTED and not getattr(sampler, "shuffle", True)
    return True if kind in SHUFFLING else False if is_fixed or kind == "SequentialSampler" else None


def _draws(sampler: Any, kind: str) -> str | None:
    draws = {**SHUFFLING, **PLAIN}.get(kind, kind)
    replacement = getattr(sampler, "replacement", None)
    if kind == "WeightedRandomSampler" and replacement is False:
        return "weighted, each row once"
    return "with replacement" if kind == "RandomSampler" and replacement else draws


def _generator(sampler: Any) -> str:
    """That of the loader seeds its workers; torch hands it on to the sampler that it makes."""
    return "global" if getattr(sampler, "generator", None) is None else "own"
