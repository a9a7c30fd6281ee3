"""Looks at what the loaders do to a sample."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from repro.digest import short
from repro.facts.fact import Absent, Scalar
from repro.facts.transforms import Role, Step, Transforms
from repro.observe import ingredient
from repro.observe.chance import NOT_IN_USE, is_random, names_a_draw
from repro.observe.definition import code_digest, is_own, own_code
from repro.observe.ingredient import Ingredient
from repro.observe.refactoring import definition_digest
from repro.observe.technique import Ending, Technique, no_loader

IS_TRANSFORM = re.compile(r"transform|augment|preprocess|(?:^|_)(?:aug|augs|tfm|tfms)(?:$|_)")
PLAIN = re.compile(r"^_*(?:transforms?|augment\w*|preprocess\w*|augs?|tfms?)$")
FITTED = re.compile(r"(?:^|_)(?:means?|std|stds|sd|var|variance|median|mad|center)(?:$|_)")
LISTS = ("Compose", "Sequential", "ModuleList")
MAX_STEPS = 100


class TransformsObserver(Technique):
    """Reads the transforms of a loader when it gives its first batch."""

    kind = Transforms

    def __init__(self) -> None:
        self._waiting: list[tuple[Any, str]] = []
        self._roles: dict[str, list[Role]] = {}

    def fed(self, loader: Any, role: str) -> None:
        """Remember a loader: its data set may not be complete yet."""
        self._waiting.append((loader, role))

    def batch(self, batch: Any, role: str) -> None:
        """A batch comes: whatever loader it is of, it is complete."""
        if self._waiting:
            self._look()

    def at_end(self, ending: Ending) -> Transforms | Absent:
        """What was found, by role."""
        self._look()
        if not self._roles:
            return no_loader(ending)
        return Transforms(
            roles=tuple(
                role.model_copy(update={"role": f"{name}-{index}"}) if index > 1 else role
                for name, roles in self._roles.items()
                for index, role in enumerate(roles, start=1)
            )
        )

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for loader, role in waiting:
            known = self._roles.setdefault(role, [])
            found = _role(loader, role)
            if found not in known:
                known.append(found)


def _role(loader: Any, role: str) -> Role:
    dataset = getattr(loader, "dataset", getattr(loader, "loader", loader))
    chain = _Chain()
    chain.walk(dataset)
    steps = list(_numbered(chain.steps[:MAX_STEPS]))
    collate = getattr(loader, "collate_fn", None)
    found = None if collate is None else ingredient.look(collate)
    chances = [step.is_random for step in steps]
    return Role(
        role=role,
        dataset=" > ".join(chain.kinds),
        order=" > ".join(step.name for step in steps) or "none",
        steps=tuple(steps),
        collate="none" if found is None else _collate(found),
        collate_digest=found.source_digest if found else None,
        collate_definition_digest=found.definition_digest if found else None,
        is_random=True if True in chances else None if None in chances else False,
    )


def _collate(found: Ingredient) -> str:
    name = found.name.rpartition(".")[2] if found.source_digest is None else found.name
    return f"{name}({_written(found.settings)})" if found.settings else name


@dataclass
class _Chain:
    """The steps of a data set, those of a data set inside it first."""

    steps: list[Step] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    _known: set[int] = field(default_factory=set)

    def walk(self, dataset: Any) -> None:
        """Add the steps of a data set, and of those inside it."""
        if id(dataset) in self._known:
            return
        self._known.add(id(dataset))
        self.kinds.append(type(dataset).__name__)
        held = getattr(dataset, "__dict__", {})
        self._walk_inner(held.values())
        if is_own(type(dataset)):
            self.steps.append(_reading(type(dataset)))
        for name, value in held.items():
            if IS_TRANSFORM.search(name.lower()) and value is not None:
                self._add(value, "" if PLAIN.match(name.lower()) else f"{name}/")

    def _walk_inner(self, values: Iterable[Any]) -> None:
        """Data sets side by side, as in ConcatDataset, tell what they have in common once."""
        for value in values:
            for inner in value if isinstance(value, list | tuple) else (value,):
                if not _is_dataset(inner):
                    break
                apart = _Chain(_known=self._known)
                apart.walk(inner)
                self.steps.extend(step for step in apart.steps if step not in self.steps)
                self.kinds.extend(kind for kind in apart.kinds if kind not in self.kinds)

    def _add(self, thing: Any, prefix: str) -> None:
        """A transform, or those of a group; each object once."""
        if id(thing) in self._known or len(self.steps) > MAX_STEPS:
            return
        self._known.add(id(thing))
        parts = _parts(thing)
        if parts is None:
            if callable(thing):
                self.steps.append(_step(thing, prefix))
            return
        group = None if isinstance(thing, Mapping | list | tuple) else _group(thing, prefix)
        if group is not None and _is_more_than_its_parts(group, type(thing).__name__):
            self.steps.append(group)
            prefix = f"{group.name}/"
        for name, part in parts:
            self._add(part, f"{prefix}{name}")


def _is_more_than_its_parts(group: Step, kind: str) -> bool:
    return group.settings != "none" or bool(group.is_random) or kind not in LISTS


def _parts(thing: Any) -> list[tuple[str, Any]] | None:
    """The transforms of a group, with what stands before their names; None: it is none."""
    if isinstance(thing, Mapping):
        return [(f"{name}/", part) for name, part in thing.items()]
    if isinstance(thing, list | tuple) or type(thing).__name__ in LISTS[1:]:
        return [("", part) for part in thing]
    held = dict(getattr(thing, "__dict__", {}))
    if ingredient.is_module(thing):
        held.update(thing.named_children())
    found = [(name, value) for name, value in held.items() if IS_TRANSFORM.search(name.lower())]
    parts = [
        ("" if PLAIN.match(name.lower()) else f"{name}/", value)
        for name, value in found
        if (callable(value) and not isinstance(value, FunctionType)) or _is_list_of_code(value)
    ]
    return parts or None


def _is_list_of_code(value: Any) -> bool:
    is_list = isinstance(value, list | tuple) or type(value).__name__ == "ModuleList"
    return is_list and len(value) > 0 and all(map(callable, value))


def _step(thing: Any, prefix: str) -> Step:
    found = ingredient.look(thing)
    fitted = {name: value for name, value in found.settings.items() if _is_fitted(name, value)}
    others = {name: value for name, value in found.settings.items() if name not in fitted}
    arrays = {
        name: f"{len(value)} rows {short(ingredient.array_digest(value))}"
        for name, value in found.arrays.items()
    }
    return Step(
        name=f"{prefix}{found.name}",
        settings=_written(others) or "none",
        fitted=_written({**fitted, **arrays}) or None,
        source_digest=found.source_digest,
        definition_digest=found.definition_digest,
        is_random=is_random(thing),
    )


def _group(thing: Any, prefix: str) -> Step:
    """A group as a step of its own: its parts are told apart."""
    kind = type(thing)
    is_off = getattr(thing, "p", None) == 0
    own = {**_code(kind), "is_random": not is_off and is_random(kind)}
    return _step(thing, prefix).model_copy(update=own)


def _code(kind: type) -> dict[str, str | None]:
    return {
        "source_digest": code_digest(kind),
        "definition_digest": code_digest(kind, definition_digest),
    }


def _is_fitted(name: str, value: Scalar) -> bool:
    """Whether a setting is a number, or a list of them, that is computed from data."""
    is_list = isinstance(value, str) and value[:1] in ("(", "[")
    return FITTED.search(name) is not None and (isinstance(value, float) or is_list)


def _written(settings: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def _reading(kind: type) -> Step:
    """The own class of a data set, whatever it does to a sample.

    That `__iter__` draws says nothing: it may shuffle.
    """
    chance = names_a_draw([kind, *own_code(kind)], but=(*NOT_IN_USE, "__iter__"))
    return Step(
        name=kind.__name__,
        settings="code",
        **_code(kind),
        is_random=None if not chance and "__iter__" in vars(kind) else chance,
    )


def _is_dataset(value: Any) -> bool:
    if callable(value) or hasattr(value, "shape") or hasattr(value, "columns"):
        return False
    if any(kind.__name__ == "Dataset" for kind in type(value).__mro__):
        return True
    is_builtin = type(value).__module__ == "builtins"
    return not is_builtin and hasattr(value, "__getitem__") and hasattr(value, "__len__")


def _numbered(steps: Iterable[Step]) -> Iterator[Step]:
    """No two steps under one name."""
    seen: Counter[str] = Counter()
    for step in steps:
        seen[step.name] += 1
        n = seen[step.name]
        yield step if n == 1 else step.model_copy(update={"name": f"{step.name}-{n}"})
