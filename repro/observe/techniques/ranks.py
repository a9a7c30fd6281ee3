"""Compares the parameters of every rank with those of rank 0 while a training goes on.

No collective: ranks may make different numbers of steps, and a look must not wait. Rank 0 lays its
digests down; the others fetch them at their next look.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from repro.facts.fact import Absent
from repro.facts.ranks import Drift, RankEnding, Ranks, Twin
from repro.observe.architecture import is_initialized
from repro.observe.models import Models
from repro.observe.rank_look import Look, differing, digest_of, look_at, n_shared
from repro.observe.technique import Ending, Technique

MAX_LOOKS = 256  # then every RARELY steps only: rank 0's digests stay in the store's memory
RARELY = 4096
LAST_SECONDS = 2.0  # that a rank waits for the last looks of rank 0


class Channel(Protocol):
    """What a look needs of the group of processes."""

    rank: int
    world: int
    n_agreed: int
    said: dict[str, Any]  # goes to rank 0 at the end
    heard: Mapping[int, Mapping[str, Any]]  # what the other ranks said, at the end

    def put(self, name: str, value: object) -> None:
        """Lay a JSON value down for the other ranks."""

    def find(self, name: str) -> Any:
        """A value that a rank has laid down, or None; does not wait."""


class RanksObserver(Technique):
    """Looks before the sampled steps."""

    kind = Ranks

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._models = Models()
        self._step = -1  # of the last look
        self._last = Look({}, "")
        self._waiting: dict[int, Look] = {}  # for those of rank 0, by step
        self._n_looks = self._n_compared = 0
        self._drift: dict[str, object] | None = None
        self._twin: dict[str, object] | None = None
        self._equal = ""  # generators of the last look, if they were rank 0's

    def joined(self, channel: Channel) -> None:
        """This process is one of several."""
        self._channel = channel

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember the model."""
        self._models.add(model)

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """Look, at most once a step: with several optimizers when the first of them steps."""
        channel = self._channel
        if channel is None or step == self._step or not self._is_due(step):
            return
        look = look_at(list(self._models.parameters()) or _parameters(optimizer))
        self._step, self._last, self._n_looks = step, look, self._n_looks + 1
        if channel.rank == 0:
            channel.put(f"look/{step}", [dict(look.tensors), look.generators])
        else:
            self._waiting[step] = look
            self._compare(channel)

    def unwatched(self) -> None:
        """The block has ended: compare what is left, and have rank 0 told."""
        channel, self._channel = self._channel, None
        if channel is None or channel.rank == 0:
            self._channel = channel  # at the end it holds what the others said
            return
        until = time.monotonic() + LAST_SECONDS
        while self._compare(channel) and time.monotonic() < until:
            time.sleep(0.05)
        channel.said |= {"n_compared": self._n_compared, "drift": self._drift, "twin": self._twin}

    def at_end(self, ending: Ending) -> Ranks | Absent:
        """What rank 0 knows."""
        channel = self._channel
        if channel is None:
            return Absent(reason="one process trained", kind="not_applicable")
        heard = channel.heard
        others = range(1, channel.world)
        compared = [heard.get(rank, {}).get("n_compared", 0) for rank in others]
        return Ranks(
            world=channel.world,
            n_agreed=channel.n_agreed,
            n_looks=self._n_looks,
            n_compared=min(compared),
            n_tensors=len(self._last.tensors),
            n_sharded=self._last.n_sharded,
            drift=tuple(Drift(rank=r, **s["drift"]) for r, s in heard.items() if s.get("drift")),
            twins=tuple(Twin(rank=r, **s["twin"]) for r, s in heard.items() if s.get("twin")),
            endings=tuple(
                RankEnding(rank=r, status=said["status"], error=said["error"])
                for r, said in heard.items()
            ),
            silent=tuple(rank for rank in others if rank not in heard),
        )

    def _is_due(self, step: int) -> bool:
        return self._n_looks < MAX_LOOKS or step % RARELY == 0

    def _compare(self, channel: Channel) -> int:
        """Compare the looks that rank 0 has taken, too; how many are left."""
        for step in sorted(self._waiting):
            found = channel.find(f"look/{step}")
            if found is not None:
                self._compare_one(step, self._waiting.pop(step), Look(*found))
        return len(self._waiting)

    def _compare_one(self, step: int, mine: Look, theirs: Look) -> None:
        if n_shared(mine, theirs):
            self._n_compared += 1
        names = differing(mine, theirs)
        if names and self._drift is None:
            told = {"tensor": names[0], "n_tensors": len(names), "digest": digest_of(mine)}
            self._drift = {"step": step, **told}
        is_equal = mine.generators == theirs.generators
        if is_equal and self._equal not in ("", mine.generators) and self._twin is None:
            self._twin = {"step": step}
        self._equal = mine.generators if is_equal else ""


def _parameters(optimizer: Any) -> list[tuple[str, Any]]:
    """Those of an optimizer, which knows no names as a rule."""
    return [
        (f"group {at} tensor {number} {tuple(parameter.shape)}", parameter)
        for at, group in enumerate(optimizer.param_groups)
        for number, parameter in enumerate(group["params"])
        if is_initialized(parameter)
    ]
