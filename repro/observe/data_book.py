"""The data sets of one run, as they are handed over or pass through a loader."""

import sys
from collections.abc import Mapping
from typing import Any

from repro.digest import RowHashes
from repro.errors import UsageError
from repro.facts.cleaning import Cleaning
from repro.facts.cleaning import Role as CleanRole
from repro.facts.data import Data
from repro.facts.fact import Absent
from repro.observe import data
from repro.observe.cleanliness import scaling
from repro.observe.stream import Stream


class DataBook:
    """What is known of every role."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._sets: dict[str, data.Look | Stream] = {}
        self._group: str | None = None
        self._time: str | None = None

    def log(self, given: Mapping[str, Any], *, group: str | None, time: str | None) -> None:
        """Look at the data sets by role; a stream is only announced.

        Raises
        ------
        UnsupportedData, UsageError
            As `data.look`; nothing is kept then.
        """
        roles = {role: content for role, content in given.items() if content is not None}
        if not roles:
            raise UsageError("log_data() got no data. Pass train=, valid= or test=.")
        looks: dict[str, data.Look | Stream] = {}
        for role in sorted(
            roles, key=lambda role: role != data.TRAIN
        ):  # others are compared with it
            known = looks.get(data.TRAIN, self._sets.get(data.TRAIN))
            train = known.train if isinstance(known, data.Look) else None
            looks[role] = (
                Stream(role, roles[role], self._notes)
                if is_stream(roles[role])
                else data.look(role, roles[role], group=group, time=time, train=train)
            )
        self._sets.update({role: looks[role] for role in roles})
        self._group = group or self._group  # a later call does not forget them
        self._time = time or self._time

    def stream(self, role: str, dataset: Any) -> Stream | None:
        """Who looks at what a loader hands out; None: the rows are known, or can be."""
        if not is_stream(dataset):
            return None
        known = self._sets.setdefault(role, Stream(role, dataset, self._notes))
        return known if isinstance(known, Stream) else None

    def at_end(self) -> Data | Absent:
        """The fact as it stands now."""
        looks = self._looks()
        if looks:
            return data.at_end(looks, group=self._group, time=self._time)
        reason = "it was not handed over: run.log_data(...)"
        if self._sets:
            reason = f"run.dataloader(...) handed out nothing of {', '.join(self._sets)}"
        return Absent(reason=reason, kind="not_recorded")

    def n_rows(self, role: str) -> int | None:
        """How many rows the role has, read or not; None: nobody can tell."""
        look = self._sets.get(role)
        return round(look.role.n_rows / look.role.coverage) if isinstance(look, data.Look) else None

    def features(self) -> dict[str, RowHashes]:
        """The rows of each role without their labels, as hashes."""
        return {role: look.hashes.features for role, look in self._looks().items()}

    def cleaning(self) -> Cleaning | Absent:
        """How clean each role was when it was handed over."""
        looks = self._looks()
        failed = (one.numbers for one in looks.values() if isinstance(one.numbers, Absent))
        if not looks:
            return Absent(reason="no rows were handed over: run.log_data(...)", kind="not_recorded")
        return next(failed, None) or Cleaning(roles=tuple(map(_cleanliness, looks.values())))

    def evidence(self) -> dict[str, bytes]:
        """Content of the artifacts that the fact refers to, by path."""
        looks = self._looks().values()
        return {look.role.rows: look.evidence for look in looks if look.role.rows}

    def _looks(self) -> dict[str, data.Look]:
        looks = {
            role: one.look() if isinstance(one, Stream) else one for role, one in self._sets.items()
        }
        return {role: look for role, look in looks.items() if look is not None}


def _cleanliness(look: data.Look) -> CleanRole:
    numbers = () if isinstance(look.numbers, Absent) else look.numbers
    role = look.role.role
    return CleanRole(
        role=role,
        scaling=scaling(numbers, look.role.n_rows) if role == "train" else None,
        duplicate_share=look.duplicate_share,
        columns=numbers,
    )


def is_stream(dataset: Any) -> bool:
    """Whether looking at a data set would consume it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(dataset, torch.utils.data.IterableDataset)
