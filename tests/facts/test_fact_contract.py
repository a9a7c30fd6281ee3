"""What holds for every fact, and for one that is added tomorrow."""

import re
import sys
from fnmatch import fnmatchcase

import pytest
from pydantic import BaseModel, ValidationError

from repro.facts import fact_types
from repro.facts.data import Column, Data, Near, Overlap, Pair, Role, Strange
from repro.facts.determinism import Determinism
from repro.facts.fact import Fact, Part
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Group, Setting
from repro.facts.scores import Score, Scores
from repro.record import is_compared, is_per_replicate
from repro.testing import check_fact

KINDS = list(fact_types().values())


def example(kind: type[Fact]) -> Fact:
    return vars(sys.modules[kind.__module__])["EXAMPLE"]


def by_name(kind: type[Fact]) -> str:
    return kind.key()


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_a_fact_keeps_its_contract(kind):
    check_fact(kind)


def test_a_changed_copy_of_a_fact_does_not_keep_the_paths_that_were_asked_of_the_first():
    assert SGD.flat()["optimizer.name"] == "SGD"
    assert SGD.model_copy(update={"name": "Adam"}).flat()["optimizer.name"] == "Adam"
    assert SGD.model_copy(update={"name": "Adam"}, deep=True).flat()["optimizer.name"] == "Adam"


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_a_fact_is_frozen_and_refuses_what_it_does_not_know(kind):
    fact = example(kind)
    field = next(iter(kind.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(fact, field, getattr(fact, field))
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        fact.but(novelty=1)


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_a_collection_is_a_tuple_and_every_part_is_frozen(kind):
    for part in parts_of(kind):
        assert part.model_config.get("frozen"), part
        for name, field in part.model_fields.items():
            assert not re.search(r"\b(list|set|dict)\[", str(field.annotation)), f"{part}.{name}"


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_the_key_is_the_name_of_the_file(kind):
    assert kind.__module__ == f"repro.facts.{kind.key()}"


@pytest.mark.parametrize(
    ("kind", "glob"),
    [(kind, glob) for kind in KINDS for glob in (*kind.IGNORED, *kind.PER_REPLICATE)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_glob_means_a_path_that_the_fact_can_have(kind, glob):
    assert any(fnmatchcase(path, glob) for path in possible_paths(kind))


def test_a_glob_of_a_field_that_does_not_exist_would_be_noticed():
    for kind, glob in ((Data, "data.*.sort"), (Determinism, "determinism.seeds")):
        assert not any(fnmatchcase(path, glob) for path in possible_paths(kind))


def test_ignored_and_per_replicate_say_how_runs_are_compared():
    assert is_compared("optimizer.lr")
    assert not is_compared("budget.wall_seconds")
    assert not is_compared("nova.x")
    assert is_per_replicate("determinism.seed")
    assert not is_per_replicate("determinism.mode")
    assert not is_per_replicate("nova.x")


def test_a_part_with_a_name_and_one_value_is_one_path():
    fact = SGD.but(settings=(Setting(name="lr", value=0.1),))
    assert fact.flat()["optimizer.lr"] == 0.1


def test_parts_are_found_below_the_field_by_their_first_value():
    group = Group(index=1, settings=(Setting(name="lr", value=0.5),))
    assert SGD.but(groups=(group,), n_groups=2).flat()["optimizer.groups.1.lr"] == 0.5


def test_an_empty_list_has_a_path_and_an_empty_inline_one_has_none():
    flat = SGD.but(settings=()).flat()
    assert flat["optimizer.groups"] == "none"
    assert "optimizer.settings" not in flat
    assert "optimizer" not in flat


def parts_of(kind: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and every model inside it."""
    found = {kind}
    for field in kind.model_fields.values():
        for inner in getattr(field.annotation, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, Part):
                found |= parts_of(inner)
    return found


def possible_paths(kind: type[Fact]) -> set[str]:
    """A path for every field, with `any` in the place of every name of a part."""
    return {f"{kind.key()}{path}" for path in below(kind, kind.INLINE)}


def below(kind: type[BaseModel], inline: tuple[str, ...] = ()) -> set[str]:
    paths: set[str] = set()
    for name, field in kind.model_fields.items():
        prefix = "" if name in inline else f".{name}"
        inner = [
            part
            for part in getattr(field.annotation, "__args__", ())
            if isinstance(part, type) and issubclass(part, Part)
        ]
        if prefix:
            paths.add(prefix)
        for part in inner:
            paths |= {f"{prefix}.any{path}" for path in below(part)}
    return paths


def test_the_parts_of_a_fact_are_found():
    assert parts_of(Data) == {Column, Data, Near, Overlap, Pair, Role, Strange}
    assert Score in parts_of(Scores)
