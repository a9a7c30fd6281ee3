"""`repro.toml`: claims, waivers and budgets as committed code."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from repro.errors import ConfigurationError
from repro.facts import fact_types

MERGE_BASE, HEAD = "merge-base", "HEAD"

Direction = Literal["higher", "lower"]
Goal = Literal["improve", "no-regression", "equivalent"]
Profile = Literal["local", "ci", "release"]
ReplicateKind = Literal["seed", "fold"]


def _field(expected: str, *, alias: str | None = None, **limits: Any) -> Any:
    """A key of the file; `expected` is what an error message asks for."""
    return Field(description=expected, alias=alias, **limits)


_RUNS = 'an MLflow filter, a list of run ids, "merge-base" or "HEAD"'
_GLOBS = 'a list of recorded paths, such as ["optimizer.*", "code:train.py"]'
_LOOKS = "a list of rising whole numbers from 2 on, such as [5, 10]"
_AMOUNT = "a number above 0, in the metric's unit"
_RULES = 'a list of rule names or codes, such as ["dirty-no-diff"]'

Text = Annotated[str, Field(min_length=1)]
Runs = Annotated[str | tuple[str, ...], _field(_RUNS)]
Metric = Annotated[Text, _field('the name of a metric, such as "test/accuracy"')]
Sense = Annotated[Direction, _field('"higher" or "lower", whichever is better')]
WholeNumber = Annotated[int, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the file: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Guard(Section):
    """A metric that must not get worse by `margin` or more."""

    metric: Metric
    direction: Sense
    margin: Annotated[Positive, _field(_AMOUNT)]


class Claim(Section):
    """What is said to be better than what, by which metric, because of which difference."""

    name: Annotated[Text, _field("a name that no other claim has")]
    goal: Annotated[Goal, _field('"improve", "no-regression" or "equivalent"')] = "improve"
    baseline: Runs
    candidate: Runs
    metric: Metric
    direction: Sense
    treatment: Annotated[tuple[Text, ...], _field(_GLOBS, min_length=1)]
    nuisance: Annotated[tuple[Text, ...], _field(_GLOBS)] = ()
    min_effect: Annotated[Positive | None, _field(_AMOUNT)] = None
    replicates: Annotated[int, _field("a whole number from 2 on", strict=True, ge=2)] = 5
    margin: Annotated[Positive | None, _field(_AMOUNT)] = None
    guards: Annotated[
        tuple[Guard, ...],
        _field('a list of tables, such as [{ metric = "m", direction = "lower", margin = 0.02 }]'),
    ] = ()
    rope: Annotated[Positive | None, _field(_AMOUNT)] = None  # changes within it do not matter
    coupled: Annotated[tuple[Text, ...], _field(_GLOBS)] = ()  # parts of one treatment
    seeds: Annotated[
        tuple[WholeNumber, ...] | None, _field("a list of whole numbers", min_length=1)
    ] = None
    looks: Annotated[
        tuple[WholeNumber, ...], _field(_LOOKS)
    ] = ()  # numbers of replicates to be judged at
    replicate: Annotated[ReplicateKind | None, _field('"seed" or "fold"')] = None
    task: Annotated[Text | None, _field("the recorded path that names the data set")] = None
    family: Annotated[Text | None, _field("a name that claims corrected together share")] = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The primary metric, then the guards."""
        return (self.metric, *(guard.metric for guard in self.guards))

    @field_validator("baseline", "candidate", mode="before")
    @classmethod
    def _names_runs(cls, value: object) -> object:
        is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        if value and (isinstance(value, str) or is_list):
            return value
        raise ValueError(f"expected {_RUNS}.")

    @field_validator("treatment", "nuisance")
    @classmethod
    def _names_facts(cls, globs: tuple[str, ...]) -> tuple[str, ...]:
        for glob in globs:
            key = re.split(r"[.:]", glob)[0]
            if set("*?[") & set(key):
                raise ValueError(f"{glob!r} means every fact. Name the fact, as in 'optimizer.*'.")
            if key not in fact_types():
                raise ValueError(
                    f"no recorded path starts with {key!r}.{did_you_mean(key, fact_types())} "
                    f"Paths start with: {', '.join(sorted(fact_types()))}."
                )
        return globs

    @field_validator("task")
    @classmethod
    def _names_a_data_set(cls, task: str | None) -> str | None:
        if task is not None and not task.startswith(("params.", "data.")):
            raise ValueError(
                f"{task!r} tells no data sets apart. Name a parameter: params.dataset."
            )
        return task

    @field_validator("looks")
    @classmethod
    def _looks_rise(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if any(look < 2 for look in looks) or list(looks) != sorted(set(looks)):
            raise ValueError(f"expected {_LOOKS}.")
        return looks

    @model_validator(mode="after")
    def _margin_belongs_to_the_goal(self) -> Self:
        if self.goal != "improve" and self.margin is None:
            raise ValueError(
                f"goal {self.goal!r} needs margin: "
                f"the largest change of {self.metric} that does not matter."
            )
        if self.goal == "improve" and self.margin is not None:
            raise ValueError(
                f"margin = {self.margin} has no meaning for goal 'improve'. "
                f"Remove it, or say min_effect for the smallest gain that matters."
            )
        return self


class Waiver(Section):
    """A finding that somebody answers for, until a date."""

    rule: Annotated[Text, _field("the name or code of a rule")]
    scope: Annotated[
        str,
        _field(
            '"run:<first digits of its id>", "arm:baseline", "arm:candidate" or "claim:<name>"',
            pattern=r"^(run:[0-9a-f]{4,32}|arm:(baseline|candidate)|claim:.+)$",
        ),
    ]
    reason: Annotated[Text, _field("a text: why the finding does not matter here")]
    owner: Annotated[Text, _field("a text: who answers for it")]
    expires: Annotated[date, _field("the last day on which it holds, such as 2027-01-31")]


class Budget(Section):
    """What may be spent before a rule speaks."""

    test_reads: Annotated[int, _field("a whole number from 1 on", strict=True, ge=1)] = 20
    trials_ratio: Annotated[float, _field("a number from 1 on", ge=1, allow_inf_nan=False)] = 2.0


class Policy(Section):
    """The whole file."""

    file: Path
    tracking_uri: Annotated[Text | None, _field("an MLflow tracking URI")] = None
    experiment: Annotated[Text | None, _field("the name of an MLflow experiment")] = None
    select: Annotated[tuple[Text, ...] | None, _field(_RULES)] = None  # None: every rule
    ignore: Annotated[tuple[Text, ...], _field(_RULES)] = ()
    preview: Annotated[bool, _field("true or false", strict=True)] = False  # ask every rule
    profile: Annotated[Profile, _field('"local", "ci" or "release"')] = "local"
    budget: Annotated[Budget, _field("a table, [budget]")] = Budget()
    claims: Annotated[tuple[Claim, ...], _field("tables, [[claim]]", alias="claim")] = ()
    waivers: Annotated[tuple[Waiver, ...], _field("tables, [[waive]]", alias="waive")] = ()

    @property
    def root(self) -> Path:
        """The folder of the file: relative paths start here."""
        return self.file.parent

    @property
    def declares_test_reads(self) -> bool:
        """Whether the file says how often the test rows may be looked at."""
        return "test_reads" in self.budget.model_fields_set

    @property
    def declares_trials_ratio(self) -> bool:
        """Whether the file says how much more the candidate may be tuned."""
        return "trials_ratio" in self.budget.model_fields_set

    def claim(self, name: str) -> Claim:
        """The claim of this name."""
        names = [claim.name for claim in self.claims]
        if name not in names:
            raise ConfigurationError(
                f"{self.file} has no claim {name!r}; it has: {', '.join(names) or 'none'}."
                f"{did_you_mean(name, names)}"
            )
        return self.claims[names.index(name)]

    def resolved_tracking_uri(self) -> str | None:
        """The tracking URI; a relative SQLite file is counted from the folder of this file."""
        prefix, uri = "sqlite:///", self.tracking_uri
        if uri is None or not uri.startswith(prefix):
            return uri
        return f"{prefix}{(self.root / uri.removeprefix(prefix)).resolve()}"

    @model_validator(mode="after")
    def _names_are_used_once(self) -> Self:
        names = [claim.name for claim in self.claims]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two claims are named {twice[0]!r}. Give each its own name.")
        return self

    @model_validator(mode="after")
    def _waivers_name_claims(self) -> Self:
        names = [claim.name for claim in self.claims]
        for waiver in self.waivers:
            kind, _, name = waiver.scope.partition(":")
            if kind == "claim" and name not in names:
                raise ValueError(
                    f"[[waive]] of {waiver.rule}: scope = {waiver.scope!r} names no claim; "
                    f"the claims are: {', '.join(names) or 'none'}."
                )
        return self


def find_policy(start: Path) -> Policy | None:
    """The policy of the nearest folder that has one, from `start` upwards.

    `repro.toml` wins over `[tool.repro]` in the pyproject.toml beside it.
    """
    file = _find_file(start)
    return read_policy(file) if file else None


def find_settings(start: Path) -> Policy | None:
    """The same without claims, waivers and budgets: a mistake in them stops no training."""
    file = _find_file(start)
    if file is None:
        return None
    data = {key: value for key, value in _tables(file).items() if (key,) not in MODELS}
    return policy_of(data, file)


def _find_file(start: Path) -> Path | None:
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "repro.toml").is_file():
            return folder / "repro.toml"
        project = folder / "pyproject.toml"
        if project.is_file() and "repro" in _read_toml(project).get("tool", {}):
            return project
    return None


def read_policy(file: Path) -> Policy:
    """The policy that a file holds: all of `repro.toml`, or `[tool.repro]` of a pyproject.toml.

    Raises
    ------
    ConfigurationError
        The file cannot be read or says something unknown; the message names every problem.
    """
    return policy_of(_tables(file), file)


def _tables(file: Path) -> dict[str, Any]:
    data = _read_toml(file)
    if file.name == "pyproject.toml":
        data = data.get("tool", {}).get("repro", {})
    return data


def policy_of(data: Mapping[str, Any], file: Path) -> Policy:
    """The policy that these tables say; `file` is named where they cannot be used.

    Raises
    ------
    ConfigurationError
        The tables say something unknown; the message names every problem.
    """
    problems = [_unknown_key(key, Policy) for key in data if key == "file"]
    try:
        policy = Policy.model_validate({**data, "file": file})
    except ValidationError as error:
        problems += [_problem(found, data) for found in error.errors() if not _follows(found)]
    if problems:
        raise ConfigurationError("\n".join(f"{file}: {problem}" for problem in problems))
    return policy


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that names the closest known word; empty if none is close.

    >>> did_you_mean("basline", ["baseline", "candidate"])
    " Did you mean 'baseline'?"
    """
    matches = get_close_matches(word, list(known), n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}.") from error


MODELS: Mapping[tuple[str, ...], type[Section]] = {
    (): Policy,
    ("budget",): Budget,
    ("claim",): Claim,
    ("claim", "guards"): Guard,
    ("waive",): Waiver,
}


def _problem(error: ErrorDetails, data: Mapping[str, Any]) -> str:
    """One sentence for one pydantic error: table, key, offending value, what would do."""
    names = tuple(part for part in error["loc"] if isinstance(part, str))
    said = error["ctx"]["error"] if error["type"] == "value_error" else None  # our validators
    where = _table(error["loc"], data)
    if said and names in MODELS:
        return f"{where}{said}"
    key, model = names[-1], MODELS[names[:-1]]
    if error["type"] == "extra_forbidden":
        return f"{where}{_unknown_key(key, model)}"
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    wanted = said or f"expected {fields[key].description}."
    if error["type"] == "missing":
        return f"{where}{key} is missing; {wanted}"
    return f"{where}{key} = {_written(error['input'])}; {wanted}"


def _follows(error: ErrorDetails) -> bool:
    """Whether a list is too short only because what it held was refused."""
    return error["type"] == "too_short" and bool(error["input"])


def _written(value: object) -> str:
    """The value as TOML writes it, near enough to be recognised."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def _unknown_key(key: str, model: type[Section]) -> str:
    fields = model.model_fields.items()
    known = [field.alias or name for name, field in fields if name != "file"]
    return f"unknown key {key!r}.{did_you_mean(key, known)} Known keys: {', '.join(known)}."


def _table(loc: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    """The table that an error is in, as the file writes it, by name where it has one."""
    match loc:
        case ("claim", int(at), "guards", int(guard), *_):
            return f"{_claim(data['claim'][at], at)}, guard number {guard + 1}: "
        case ("claim", int(at), *_):
            return f"{_claim(data['claim'][at], at)}: "
        case ("waive", int(at), *_):
            return f"[[waive]] number {at + 1}: "
        case ("budget", _, *_):
            return "[budget]: "
    return ""


def _claim(data: object, at: int) -> str:
    name = data.get("name") if isinstance(data, dict) else None
    return f"[[claim]] {name!r}" if isinstance(name, str) else f"[[claim]] number {at + 1}"


EXAMPLE = Claim(
    name="adamw-beats-sgd",
    baseline="tags.arm = 'sgd'",
    candidate="tags.arm = 'adamw'",
    metric="test/accuracy",
    direction="higher",
    treatment=("optimizer.*",),
)
EXAMPLE_POLICY = Policy(file=Path("repro.toml"))
