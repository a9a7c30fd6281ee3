"""What all processes of one training must have in common, and where they do not."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence

from repro.determinism import read_switches
from repro.digest import short
from repro.facts.fact import Absent
from repro.facts.params import Param
from repro.observe.code import CodeState
from repro.observe.environment import NUMERIC_VARIABLES, installed
from repro.observe.modules import modules_of
from repro.observe.redaction import masked_text, masked_value

Contract = Mapping[str, str]  # text of a setting by its name

FILE = "file "  # that a rank has imported; others need not have
MAX_NAMED = 5
MAX_CHARACTERS = 80
OF_LAUNCHER = ("--local-rank", "--local_rank")  # arguments that differ by design
PINNING = ("AFFINITY", "PLACES")  # in variables: each rank has cores of its own


def contract(
    code: CodeState | Absent, declared: Sequence[Param], mode: str, seed: tuple[int, str]
) -> Contract:
    """Settings of this process; a seed that is drawn is that of rank 0."""
    value, source = seed
    return {
        **(_code(code) if isinstance(code, CodeState) else {}),
        "arguments": masked_text(shlex.join(_arguments())),
        "seed": source if source == "drawn" else str(value),
        "deterministic": mode,
        "python": platform.python_version(),
        **{f"params {p.name}": json.dumps(masked_value(p.name, p.value)) for p in declared},
        **{f"switch {name}": str(value) for name, value in read_switches().items()},
        **{f"package {package.name}": package.version for package in installed()},
        **{f"variable {name}": os.environ.get(name, "not set") for name in _variables()},
    }


def disagreement(contracts: Mapping[int, Contract]) -> str | None:
    """Which settings differ between the ranks, with the values and who has them.

    >>> disagreement({0: {"seed": "1"}, 1: {"seed": "2"}, 2: {"seed": "1"}})
    'seed is 1 on ranks 0, 2, and 2 on rank 1'
    """
    names = dict.fromkeys(name for found in contracts.values() for name in found)
    told = [_told(name, contracts) for name in names]
    differing = [text for text in told if text]
    n_more = len(differing) - MAX_NAMED
    more = [f"{n_more} more"] if n_more > 0 else []
    return "; ".join([*differing[:MAX_NAMED], *more]) or None


def named(ranks: Iterable[int]) -> str:
    """The ranks as text.

    >>> named([2, 1]), named([0])
    ('ranks 1, 2', 'rank 0')
    """
    found = sorted(ranks)
    return f"rank{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"


def _told(name: str, contracts: Mapping[int, Contract]) -> str | None:
    ranks: dict[str, list[int]] = {}
    for rank in sorted(contracts):
        if name in contracts[rank] or not name.startswith(FILE):
            ranks.setdefault(contracts[rank].get(name, "missing"), []).append(rank)
    if len(ranks) == 1:
        return None
    texts = [f"{value[:MAX_CHARACTERS]} on {named(found)}" for value, found in ranks.items()]
    return f"{name} is {', and '.join(texts)}"


def _code(state: CodeState) -> Contract:
    """Not the whole tree: ranks may write files of their own into it."""
    modules = modules_of(state.sources, state.root)
    return {
        "commit": str(state.fact.commit),
        **{f"{FILE}{module.path}": short(module.digest) for module in modules},
    }


def _arguments() -> list[str]:
    return [word for word in sys.argv if not word.startswith(OF_LAUNCHER)]


def _variables() -> list[str]:
    return [name for name in NUMERIC_VARIABLES if not any(word in name for word in PINNING)]
