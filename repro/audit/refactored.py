"""Where two runs differ by a refactoring alone: variables renamed, files moved."""

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import PurePosixPath

from repro.facts.code import Code, Source
from repro.facts.fact import Scalar
from repro.record import RunRecord

MODULES = "code.modules."
# The digest that a refactoring keeps, and beside it what it does not.
KEPT = {
    ".metric": ".definition_digest",
    ".source_digest": ".definition_digest",
    ".collate_digest": ".collate_definition_digest",
}

Flat = Mapping[str, Scalar]
Sources = Mapping[str, Source]  # by path


def refactored(differing: Set[str], left: RunRecord, right: RunRecord) -> frozenset[str]:
    """Those paths among the differing ones at which own code is one on both sides."""
    before, after = left.find(Code), right.find(Code)
    files = _files(before, after) if before and after else ()
    code = (path for path in differing if is_refactored(path, left.flat, right.flat))
    return frozenset((*(f"{MODULES}{file}" for file in files), *code))


def is_refactored(path: str, left: Flat, right: Flat) -> bool:
    """Whether own code has a digest beside this path that is the same on both sides."""
    for ending, kept in KEPT.items():
        if path.endswith(ending):
            beside = f"{path.removesuffix(ending)}{kept}"
            return left.get(beside) is not None and left[beside] == right.get(beside)
    return False


def _files(left: Code, right: Code) -> Iterator[str]:
    """Files, of either run, that say what they said on the other side.

    A file that is gone stands where one of its content came; of several, where its name did. What
    a file imports from must have gone the same way.
    """
    before = {source.path: source for source in left.sources}
    after = {source.path: source for source in right.sources}
    places = {path: path for path in before.keys() & after.keys()} | dict(_moved(before, after))
    for old, new in places.items():
        if _is_kept(before[old], after[new], places):
            yield from (old, new)


def _moved(before: Sources, after: Sources) -> Iterator[tuple[str, str]]:
    gone = [before[path] for path in before.keys() - after.keys()]
    come = [after[path] for path in after.keys() - before.keys()]
    for old in gone:
        rivals, found = _alike(old, gone), _alike(old, come)
        if len(rivals) > 1 or len(found) > 1:
            rivals, found = _namesakes(old, rivals), _namesakes(old, found)
        if len(rivals) == len(found) == 1:
            yield old.path, found[0].path


def _alike(source: Source, others: Sequence[Source]) -> list[Source]:
    return [other for other in others if other.digest == source.digest]


def _namesakes(source: Source, others: Sequence[Source]) -> list[Source]:
    name = PurePosixPath(source.path).name
    return [other for other in others if PurePosixPath(other.path).name == name]


def _is_kept(old: Source, new: Source, places: Mapping[str, str]) -> bool:
    imports = tuple(places.get(path) for path in old.imports)
    return old.digest == new.digest and imports == new.imports
