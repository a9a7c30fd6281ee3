"""What every fact is, and how one says that it is missing."""

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from repro.digest import canonical_json

Scalar = str | int | float | bool | None


class Part(BaseModel):
    """A piece of a fact. In a tuple, its first field names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Fact(Part):
    """One thing observed about a run.

    `flat()` gives every value a dotted path (`optimizer.lr`). Globs over these paths say how
    two runs are compared: `IGNORED` never gates a comparison, `PER_REPLICATE` may differ between
    the seeds or folds of one arm, everything else must be equal or declared. `TOLERANCE` says up
    to which relative difference two numbers are one value.
    """

    VERSION: ClassVar[int] = 1
    INLINE: ClassVar[tuple[str, ...]] = ()  # fields whose parts drop the field's name in paths
    IGNORED: ClassVar[tuple[str, ...]] = ()
    PER_REPLICATE: ClassVar[tuple[str, ...]] = ()
    TOLERANCE: ClassVar[Mapping[str, float]] = {}

    @classmethod
    @cache
    def key(cls) -> str:
        """The fact's name in records and paths: `Optimizer` is `optimizer`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Data of an older version in the shape of this one."""
        raise NotImplementedError(f"{cls.__name__} {version} has no upgrade to {cls.VERSION}")

    def flat(self) -> Mapping[str, Scalar]:
        """Every value under its dotted path."""
        return self._flat

    @cached_property
    def _flat(self) -> Mapping[str, Scalar]:
        key = self.key()
        pairs: dict[str, Scalar] = {}
        for field, value in self.model_dump(mode="json").items():
            if field not in self.INLINE:
                pairs.update(_flatten(f"{key}.{field}", value))
            elif value:
                pairs.update(self._inlined(key, field, value))
        return pairs

    def _inlined(self, key: str, field: str, parts: object) -> Iterator[tuple[str, Scalar]]:
        """Parts without the name of their field; where another field has theirs, with it."""
        taken = type(self).model_fields.keys() - set(self.INLINE)
        for path, value in _flatten(key, parts):
            name = path.removeprefix(f"{key}.")
            is_taken = name.partition(".")[0] in taken
            yield (f"{key}.{field}.{name}" if is_taken else path), value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; pydantic would copy with it what was computed from the values before."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_flat", None)
        return copied

    def but(self, **changes: object) -> Self:
        """The same fact with some values changed, validated again."""
        return type(self).model_validate({**self.model_dump(), **changes})


class Absent(Part):
    """A fact that this run does not have, and why."""

    reason: str
    kind: Literal["not_applicable", "not_recorded", "failed"]


class Opaque(Part):
    """A fact of a newer version: kept as it is, understood by no rule."""

    version: int
    data: dict[str, Any]


def _flatten(prefix: str, value: object) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(f"{prefix}.{name}", inner)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            (_, name), *others = item.items()
            if len(others) == 1:  # a name with one value needs no third level
                yield from _flatten(f"{prefix}.{name}", others[0][1])
            else:
                yield from _flatten(f"{prefix}.{name}", dict(others))
    elif isinstance(value, list):
        yield prefix, canonical_json(value) if value else "none"
    else:
        yield prefix, value  # type: ignore[misc]  # JSON holds nothing but scalars here
