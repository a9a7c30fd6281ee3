"""Whether runs can differ only in what was recorded: the same files, called in the same way."""

from collections.abc import Iterator
from itertools import pairwise

from repro.audit.configuration import differing
from repro.audit.equality import same
from repro.audit.refactored import MODULES
from repro.facts.code import Code
from repro.facts.determinism import Determinism
from repro.facts.fact import Scalar
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
    """The words of the command line that name no parameter, and are the value of none."""
    code, told = run.find(Code), _told(run)
    words = code.argv[1:] if code else ()
    for before, word in pairwise(("", *words)):
        name, equals, _ = word.partition("=")
        is_named = (equals or word.startswith("-")) and _name(name) in told
        is_value = before.startswith("-") and _name(before) in told
        if not is_named and not (is_value and same(word.casefold(), told[_name(before)])):
            yield word


def _name(option: str) -> str:
    return option.lstrip("-+").replace("-", "_").casefold()


def _told(run: RunRecord) -> dict[str, Scalar]:
    """The parameters and the seed, by the names that an option may have: they are compared."""
    params, determinism = run.find(Params), run.find(Determinism)
    found: dict[str, Scalar] = {"seed": determinism.seed if determinism else None}
    for param in (*params.declared, *params.logged) if params else ():
        value = param.value.casefold() if isinstance(param.value, str) else param.value
        found |= {_name(param.name): value, _name(param.name.rpartition(".")[2]): value}
    return found
