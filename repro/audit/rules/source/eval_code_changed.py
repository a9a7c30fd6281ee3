"""A file of the user's own that evaluation runs through differs between the arms.

Why: with another evaluator on each side, the difference of two scores is partly a difference of two
measurements.

Fix: run both arms with one version of the evaluation code; if it had to change, run the baseline
again.

Wrong when: the metric shares its file with other code that changed, and the functions that it
reaches are not recorded, as by old versions. Where they are, they decide. Comments, layout,
docstrings and the names of local variables never count; those of arguments and functions do. Files
that evaluation does not reach are told as undeclared differences.

Source: the module of each metric's function; own transforms, data sets and collate functions of the
loaders that were not for training.
"""

from collections.abc import Iterator, Mapping

from repro.audit.configuration import is_declared
from repro.audit.refactored import MODULES, is_refactored
from repro.audit.rule import Severity, Unknown, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code
from repro.facts.fact import Absent, Scalar
from repro.facts.scores import EXAMPLE as SCORES
from repro.facts.scores import Score, Scores, is_same_code
from repro.facts.transforms import EXAMPLE as TRANSFORMS
from repro.facts.transforms import Transforms
from repro.record import Arms

MAIN = "__main__"

Side = tuple[Code, Scores, Transforms | Absent]


@rule("SRC005", Severity.ERROR)
def check(
    claim: Claim, code: Arms[Code], scores: Arms[Scores], transforms: Arms[Transforms | Absent]
) -> Iterator[Violation | Unknown]:
    """Both runs of a pair scored with the same files."""
    sides: Arms[Side] = code.with_values(
        list(zip(code.baseline, scores.baseline, transforms.baseline, strict=True)),
        list(zip(code.candidate, scores.candidate, transforms.candidate, strict=True)),
    )
    found = {path for pair in sides.contrasts() for path in _changed(claim, *pair)}
    points = tuple(sorted(path for path in found if not is_declared(claim, path)))
    if points:
        names = ", ".join(path.removeprefix(MODULES) for path in points)
        yield Violation(
            message=f"the evaluation of the arms ran through other code: {names}",
            fix="score both arms with one version of this code: run the older arm again",
            points=points,
        )
    lost = {name for side in sides.every() for name in _lost(claim, *side)}
    if lost and not points:
        yield Unknown(
            message=f"the code of {', '.join(sorted(lost))} is not recorded",
            fix="keep the metric in a file of the repository, and run again",
            points=tuple(f"scores.{name}.metric" for name in sorted(lost)),
        )


def _changed(claim: Claim, left: Side, right: Side) -> Iterator[str]:
    """Paths of what evaluation reached in both runs and is not the same."""
    for name in claim.metrics:
        scores = left[1].score(name), right[1].score(name)
        if scores[0] and scores[1] and not _are_one(scores[0], scores[1]):
            yield from _differing(_file_of(scores[0], left[0]), _file_of(scores[1], right[0]))
    flat = [side[2].flat() if isinstance(side[2], Transforms) else {} for side in (left, right)]
    changed = _differing(*(dict(_steps(values)) for values in flat))
    yield from (path for path in changed if not is_refactored(path, *flat))


def _differing(left: Mapping[str, Scalar], right: Mapping[str, Scalar]) -> Iterator[str]:
    return (path for path in left.keys() & right.keys() if left[path] != right[path])


def _are_one(left: Score, right: Score) -> bool:
    """Whether the function and all that it reaches are known to be the same on both sides."""
    if is_same_code(left, right):
        return True
    digests = (left.source_digest, left.helpers_digest)
    return None not in digests and digests == (right.source_digest, right.helpers_digest)


def _file_of(score: Score, code: Code) -> dict[str, Scalar]:
    """The file that holds the metric, with its digest; nothing if it is not the user's own."""
    dotted = {module.path: _dotted(module.path) for module in code.modules}
    wanted = score.metric.split(".")
    if wanted[0] == MAIN:
        files = [module for module in code.modules if module.path == code.entry_point]
    else:
        files = [module for module in code.modules if _holds(dotted[module.path], wanted)]
    return {f"{MODULES}{module.path}": module.digest for module in files}


def _dotted(path: str) -> list[str]:
    """The names of a module, without private ones at its end, which a metric's name leaves out."""
    names = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return names[:-1] if len(names) > 1 and names[-1].startswith("_") else names


def _holds(names: list[str], wanted: list[str]) -> bool:
    """Whether some end of the file's names is where the qualified name of the metric begins."""
    ends = (names[at:] for at in range(len(names)))
    return any(len(end) < len(wanted) and wanted[: len(end)] == end for end in ends)


def _steps(flat: Mapping[str, Scalar]) -> Iterator[tuple[str, Scalar]]:
    """Digests of own code in the loaders that are not for training."""
    for path, value in flat.items():
        is_evaluation = not path.split(".")[1].startswith("train")
        if path.endswith((".source_digest", ".collate_digest")) and is_evaluation and value:
            yield path, value


def _lost(claim: Claim, code: Code, scores: Scores, _: Transforms | Absent) -> Iterator[str]:
    """Metrics of which neither file nor functions are recorded, and which no library defines."""
    for name in claim.metrics:
        score = scores.score(name)
        if score is None or score.library is not None or score.helpers_digest is not None:
            continue
        if score.source_digest is None and not _file_of(score, code):
            yield name


_OWN = SCORES.scored[0].model_copy(
    update={"metric": "vision.metrics.f1", "library": None, "helpers_digest": None}
)
_CODES = tuple(
    CODE.but(modules=({"path": "src/vision/metrics.py", "digest": digest},))
    for digest in ("blake3:aa", "blake3:ab")
)
_REST = {
    "claim": CLAIM,
    "scores": Arms.of(SCORES.but(scored=(_OWN,)), SCORES.but(scored=(_OWN,))),
    "transforms": Arms.of(TRANSFORMS, TRANSFORMS),
}
BAD = {**_REST, "code": Arms.of(*_CODES)}
GOOD = {**_REST, "code": Arms.of(_CODES[0], _CODES[0])}
