"""Looks at the loss that was handed over."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from repro.facts.fact import Absent
from repro.facts.loss import Loss, Setting, Term, Weights
from repro.observe import ingredient
from repro.observe.architecture import is_initialized, unwrapped
from repro.observe.technique import Ending, Technique, untrained

MAX_TERMS = 64
NOT_GIVEN = "the loss was not handed over: run.watch(model, optimizer, loss=loss_fn)"


@dataclass(frozen=True)
class _Look:
    """What was found in one loss."""

    whole: Term
    terms: tuple[Term, ...]
    n_trainable: int


class LossObserver(Technique):
    """Reads a loss at the first step after it was handed over: it is complete then."""

    kind = Loss

    def __init__(self) -> None:
        self._models: list[Any] = []
        self._given: Any = None  # and not looked at yet
        self._looks: list[_Look] = []
        self._has_stepped = self._is_replaced = False

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Remember the loss."""
        if all(model is not known for known in self._models):
            self._models.append(model)
        if callable(loss) or isinstance(loss, Mapping | list | tuple):
            self._look_at_given()  # two models, each with its own
            self._given = loss

    def sampled_step(self, optimizer: Any, step: int) -> None:
        """The first step after it was handed over, among others."""
        self._look_at_given()
        self._has_stepped = True

    def at_end(self, ending: Ending) -> Loss | Absent:
        """The loss; of several, each as a term."""
        self._look_at_given()
        if not self._looks:
            is_trained = ending.n_steps > 0
            return Absent(reason=NOT_GIVEN, kind="not_recorded") if is_trained else untrained()
        if len(self._looks) == 1:
            return _fact(self._looks[0])
        terms = _apart(term for look in self._looks for term in (look.whole, *look.terms))
        return Loss(
            name="+".join(look.whole.name for look in self._looks),
            terms=tuple(terms),
            n_trainable=sum(look.n_trainable for look in self._looks),
            is_replaced=self._is_replaced,
        )

    def _look_at_given(self) -> None:
        loss, self._given = self._given, None
        if loss is not None:
            look = _look(loss, known={id(part) for one in self._models for part in _modules(one)})
            if look not in self._looks:
                self._looks.append(look)
                self._is_replaced = self._has_stepped


def _fact(look: _Look) -> Loss:
    """The fact; a setting that is called as one of its fields gets another name."""
    taken = Loss.model_fields.keys()
    settings = tuple(
        Setting(name=f"own.{one.name}" if one.name in taken else one.name, value=one.value)
        for one in look.whole.settings
    )
    return Loss(
        name=look.whole.name,
        source_digest=look.whole.source_digest,
        definition_digest=look.whole.definition_digest,
        settings=settings,
        weights=look.whole.weights,
        terms=look.terms,
        n_trainable=look.n_trainable,
    )


def _look(loss: Any, known: set[int]) -> _Look:
    parts = dict(islice(_parts(loss, known), MAX_TERMS))
    learned = {
        id(parameter): parameter.numel()
        for part in filter(ingredient.is_module, (loss, *parts.values()))
        for parameter in part.parameters(recurse=False)
        if parameter.requires_grad and is_initialized(parameter)
    }
    terms = tuple(_term(path, part) for path, part in parts.items())
    return _Look(_whole(loss), terms, sum(learned.values()))


def _whole(loss: Any) -> Term:
    """The outermost loss, under its own name; several have no settings together."""
    if isinstance(loss, Mapping | list | tuple):
        name = "+".join(ingredient.look(part).name for _, part in _children(loss))
        return Term(path=name, name=name)
    return _term(ingredient.look(loss).name, loss)


def _parts(loss: Any, known: set[int], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every loss inside of a loss by its path; what belongs to a watched model is no loss."""
    for name, part in _children(loss):
        if id(unwrapped(part)) not in known:
            yield f"{prefix}{name}", part
            yield from _parts(part, known, f"{prefix}{name}.")


def _children(loss: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(loss, Mapping):
        return [(str(name), part) for name, part in loss.items()]
    if isinstance(loss, list | tuple):
        return _numbered((ingredient.look(part).name, part) for part in loss)
    return ingredient.look(loss).modules.items()


def _term(path: str, loss: Any) -> Term:
    found = ingredient.look(loss)
    return Term(
        path=path,
        name=found.name,
        source_digest=found.source_digest,
        definition_digest=found.definition_digest,
        settings=tuple(Setting(name=name, value=one) for name, one in found.settings.items()),
        weights=tuple(
            Weights(name=name, n=len(one), digest=ingredient.array_digest(one))
            for name, one in found.arrays.items()
        ),
    )


def _numbered(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The same, the second `BCELoss` as `BCELoss-2`."""
    seen: Counter[str] = Counter()
    for name, part in named:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}", part


def _apart(terms: Iterable[Term]) -> Iterator[Term]:
    """The same terms, no two of them under one path."""
    for path, term in _numbered((term.path, term) for term in terms):
        yield term.model_copy(update={"path": path})


def _modules(model: Any) -> Iterable[Any]:
    model = unwrapped(model)
    return model.modules() if ingredient.is_module(model) else (model,)
