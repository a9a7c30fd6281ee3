"""The commit of a run is on no branch or tag that others can fetch.

Why: a result whose code is on one machine cannot be reviewed, repeated or merged; the next rebase
deletes it there, too.

Fix: push the branch. If the commit was replaced, run again from what was pushed.

Wrong when: the branches of the remote were not fetched before the claim was judged. A shallow clone
is told, and is not judged. Where nobody else is meant to see the code yet, in the profile "local"
or in a repository without a remote, it is a warning.

Source: git's own notion of what is reachable: `git branch --remotes --contains`.
"""

from collections.abc import Iterator

from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE_POLICY, Policy
from repro.facts.reachability import EXAMPLE, Reachability


@rule("SRC003", Severity.ERROR)
def check(policy: Policy, reachability: Reachability) -> Iterator[Violation | Unknown]:
    """A branch of a remote, a tag, or in CI what is checked out contains the commit."""
    is_local = policy.profile == "local" or not reachability.has_remote
    # What CI checked out, it fetched; a branch that is checked out here may never leave this disk.
    if reachability.refs or (reachability.is_in_head and not is_local):
        return
    name = f"commit {(reachability.commit or '')[:8]}" if reachability.commit else "the code"
    if reachability.is_shallow and not reachability.is_in_head:
        yield Unknown(
            message=f"{name} may be older than this shallow clone",
            fix="fetch the history: `fetch-depth: 0` in CI, `git fetch --unshallow` here",
            points=("reachability.is_shallow",),
            severity=Severity.WARNING if is_local else None,
        )
        return
    yield Violation(
        message=f"{name} {_where(reachability)}",
        fix="push the branch, then judge again; or run again from a commit that was pushed",
        points=("reachability.commit", "reachability.refs"),
        severity=Severity.WARNING if is_local else None,
    )


def _where(reachability: Reachability) -> str:
    if reachability.commit is None:
        return "was never committed"
    if not reachability.has_remote:
        return "is in a repository that has no remote"
    if not reachability.is_here:
        return "is not in this clone, and on no branch of a remote that it knows"
    return "was not pushed: it is on no branch of a remote, and has no tag"


_CI = EXAMPLE_POLICY.model_copy(update={"profile": "ci"})
BAD = {"policy": _CI, "reachability": EXAMPLE.but(refs=(), is_in_head=False)}
GOOD = {"policy": _CI, "reachability": EXAMPLE}
