"""Whether runs can differ only in what was recorded: the same files, called in the same way."""

from collections.abc import Iterator
from itertools import zip_longest

from repro.audit.configuration import MODULES, differing
from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.params import Params
from repro.record import Arms, RunRecord


def is_same_program(runs: Arms[RunRecord]) -> bool:
    """Whether every run imported the same files, and no word of its command line is unexplained.

    What such a run did not record, its loss say, cannot differ from that of the others: it follows
    from the files, and from parameters, which are compared.
    """
    first, *others = runs.every()
    if not any(path.startswith(MODULES) for path in first.flat):
        return False
    is_other_code = any(
        path.startswith("code.") for other in others for path in differing(first, other)
    )
    calls = {tuple(_unexplained(run)) for run in runs.every()}
    return not is_other_code and len(calls) == 1


def _unexplained(run: RunRecord) -> Iterator[str]:
    """The words of the command line that no parameter, seed or name of the run tells."""
    code = run.find(Code)
    told = _told(run)
    words = list(code.argv[1:]) if code else []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        option, _, value = word.rpartition("=")
        is_told = (value if option else word).casefold() in told
        names_told = word.startswith("-") and not option and following.casefold() in told
        if not is_told and not names_told:
            yield word


def _told(run: RunRecord) -> frozenset[str]:
    """What the record says about the run, as words."""
    params, determinism = run.find(Params), run.find(Determinism)
    values = [param.value for param in (*params.declared, *params.logged)] if params else []
    seed = determinism.seed if determinism else None
    parts = run.name.replace("_", "-").split("-")
    words = (run.name, run.name.rpartition("-")[0], *parts, *values, seed)
    return frozenset(str(word).casefold() for word in words if word not in ("", None))
