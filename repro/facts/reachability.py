"""Whether others can get the commit that a run was made from."""

from typing import ClassVar

from repro.facts.fact import Fact


class Reachability(Fact):
    """What the clone says in which a claim is judged: looked up then, never stored."""

    IGNORED: ClassVar = ("reachability.*",)

    commit: str | None  # None: nothing was committed when the run started
    is_here: bool  # the clone has the commit
    refs: tuple[str, ...] = ()  # branches of remotes, and tags, that contain it; the first ones
    is_in_head: bool = False  # what is checked out contains it
    has_remote: bool = True
    is_shallow: bool = False  # older commits were not fetched


EXAMPLE = Reachability(
    commit="4f1f2c9e5b0a4c0d8e7f6a5b4c3d2e1f0a9b8c7d",
    is_here=True,
    refs=("refs/remotes/origin/main",),
    is_in_head=True,
)
