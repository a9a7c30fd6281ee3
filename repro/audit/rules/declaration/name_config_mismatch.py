"""The name of a run, or the filter that chose it, says one setting, and the record another.

Why: names are what people select and report by; a run that was tagged the wrong way round turns the
claim around.

Fix: rename the run, correct its tag, or correct the filter of the claim.

Wrong when: a name mentions a setting that the run is not of, such as the one it started from. Only
whole words count that are the value of some run of the claim, or the name of a known optimizer, or
`name=value`; a name that says both the recorded value and another one is not judged, nor is a word
that is also the value of another parameter.

Source: names of runs are free text in MLflow, and nothing keeps them true.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from repro.audit.equality import folded, same
from repro.audit.example import example_record
from repro.audit.meaning import OPTIMIZERS
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.optimizer import EXAMPLE as OPTIMIZER
from repro.record import Arms, RunRecord

OBSERVED = ("architecture.name", "loss.name", "optimizer.name", "schedule.shape")
TAG = re.compile(r"tags?\.[`\"\w.]+\s*=\s*'([^']+)'")
WORD = re.compile(r"[a-z0-9_.]+")
PAIR = re.compile(r"([a-z][a-z0-9_.]*)=(-?[0-9.]+(?:e[-+]?[0-9]+)?(?![a-z0-9.])|[a-z0-9_.]+)")
FEWEST_LETTERS = 3
SEED = "determinism.seed"


@rule("DEC004", Severity.WARNING, preview=True)
def check(claim: Claim, runs: Arms[RunRecord]) -> Iterator[Violation]:
    """No word of a name or of a tag contradicts the record."""
    for (told, path), records in _contradictions(claim, runs).items():
        values = ", ".join(sorted({str(record.flat[path]) for record in records}))
        names = ", ".join(record.run_id[:8] for record in records)
        yield Violation(
            message=f"{told!r} names another {path} than was recorded: {values} (run {names})",
            fix="rename the run, or correct its tags or the filter of the claim",
            points=(path,),
        )


def _contradictions(
    claim: Claim, runs: Arms[RunRecord]
) -> Mapping[tuple[str, str], list[RunRecord]]:
    """The runs of which a name, or the tag of the filter that chose them, says what is not so."""
    known = _known(runs)
    found: dict[tuple[str, str], list[RunRecord]] = {}
    for (_, records), source in zip(runs.sides(), (claim.baseline, claim.candidate), strict=True):
        tags = TAG.findall(source) if isinstance(source, str) else []
        for record in records:
            for told in (record.name, *tags):
                path = _contradicted(told, record, known)
                if path is not None:
                    found.setdefault((told, path), []).append(record)
    return found


def _known(runs: Arms[RunRecord]) -> Mapping[str, set[str]]:
    """Values in words that some run has, and every optimizer there is, by path."""
    known: dict[str, set[str]] = {"optimizer.name": {*OPTIMIZERS}}
    for record in runs.every():
        for path, value in _told(record).items():
            known.setdefault(path, set()).add(value)
    return known


def _told(record: RunRecord) -> Mapping[str, str]:
    """Settings whose values are words."""
    return {
        path: value.casefold()
        for path, value in record.flat.items()
        if (path in OBSERVED or path.startswith("params."))
        and isinstance(value, str)
        and _is_word(value)
    }


def _is_word(value: str) -> bool:
    is_one = WORD.fullmatch(value.casefold()) is not None
    return is_one and sum(map(str.isalpha, value)) >= FEWEST_LETTERS


def _contradicted(name: str, record: RunRecord, known: Mapping[str, set[str]]) -> str | None:
    """The path of which the name says another value than the record."""
    text = name.casefold()
    words = {*re.split(r"[^a-z0-9.]+", text), *re.split(r"[^a-z0-9_.]+", text)}
    told = _told(record)
    for path, own in told.items():
        others = (words & known[path]) - {*told.values()}
        if others and own not in words:
            return path
    return next(_unequal_numbers(text, record), None)


def _unequal_numbers(text: str, record: RunRecord) -> Iterator[str]:
    """`lr=0.1` for any parameter; `seed3`, `seed-3` and `seed_3` for the seed."""
    for name, said in PAIR.findall(text):
        path = f"params.{name}"
        value = record.flat.get(path)
        if value is not None and not same(folded(value), said):
            yield path
    seeds = {int(digits) for digits in re.findall(r"(?<![a-z])seed[-_=]?(\d+)(?![\d.])", text)}
    seed = record.flat.get(SEED)
    if seeds and seed is not None and seed not in seeds:
        yield SEED


_ADAMW = replace(example_record(OPTIMIZER.but(name="AdamW")), name="adamw-seed0")
BAD = {"claim": CLAIM, "runs": Arms.of(replace(example_record(), name="adamw-seed0"), _ADAMW)}
GOOD = {"claim": CLAIM, "runs": Arms.of(replace(example_record(), name="sgd-seed0"), _ADAMW)}
