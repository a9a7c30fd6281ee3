"""What a run began as: all that is known of one that was killed before it was sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from repro.history import COMMIT, PARENT, SOURCE, Launch
from repro.record import RunRecord
from repro.record_tags import DATA, begun

Kinship = Literal["sure", "possible"]
OF_ANY = "ipykernel_launcher.py"  # what every notebook is run by
ENOUGH = 2  # of code, script and parameters that are alike, where nothing is unlike


@dataclass(frozen=True)
class Beginning:
    """Of a run; None is what nobody knows."""

    tree: str | None
    params: str | None
    data: str | None
    commit: str | None
    script: str | None

    @classmethod
    def of(cls, launch: Launch, known: Mapping[str, str]) -> "Beginning":
        """By its tags; `known` are the digests of what was declared and of the code."""
        return cls(
            tree=known.get("tree"),
            params=known.get("params"),
            data=launch.tags.get(DATA),
            commit=launch.tags.get(COMMIT),
            script=launch.tags.get(SOURCE),
        )

    @classmethod
    def of_arm(cls, launch: Launch, record: RunRecord) -> "Beginning":
        """Of a run that is compared."""
        return cls.of(launch, begun(record))

    def kinship(self, other: "Beginning") -> Kinship | None:
        """Whether this run, of which little is known, had the configuration of another one."""
        alike = {name: _is_alike(name, self, other) for name in vars(self)}
        if self.tree and other.tree:  # a commit says less: the tree may not be clean
            alike["commit"] = None
        if False in alike.values():
            return None
        if alike["tree"] and alike["params"] and alike["data"]:
            return "sure"
        is_code = bool(alike["tree"] or alike["commit"])
        n_alike = is_code + bool(alike["script"]) + bool(alike["params"])
        return "possible" if n_alike >= ENOUGH else None


def of_unsealed(launch: Launch) -> Beginning | None:
    """Of a run that left no more; None: it is part of another one, and none of ours."""
    is_part = PARENT in launch.tags and not launch.begun
    return None if is_part else Beginning.of(launch, launch.begun)


def _is_alike(name: str, one: Beginning, other: Beginning) -> bool | None:
    a, b = getattr(one, name), getattr(other, name)
    if a is None or b is None:
        return None
    return _is_one_script(PurePath(a), PurePath(b)) if name == "script" else bool(a == b)


def _is_one_script(one: PurePath, other: PurePath) -> bool | None:
    """By name and folder, for a clone may lie anywhere; None: it cannot be told."""
    if one.name != other.name:
        return False
    folders = {path.parent.name for path in (one, other)} - {""}
    return None if one.name == OF_ANY or len(folders) > 1 else True
