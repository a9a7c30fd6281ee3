"""Sees which rows scikit-learn's estimators are fitted on, while a run lasts.

From the beginning of the run, or from the import of scikit-learn, to its end the fitting methods of
every subclass of `BaseEstimator` are patched: they tell before they run and after. Arguments,
result and exceptions pass untouched. What joblib runs in other processes is not seen.

A run looks at the first fits (`MAX_FITS`, `MAX_STEPS`), and at all inside `run.watch_fits()`.
"""

import functools
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from types import FunctionType, MethodType
from typing import Any, Protocol

from repro.facts.fact import Absent
from repro.observe.observer import observed

METHODS = ("fit", "fit_transform", "fit_predict", "fit_resample", "partial_fit")
LABELS = ("y", "Y")
MAX_FITS = 100  # of a run that are looked at unasked: some 0.3 ms each
MAX_STEPS = 200  # fits inside of fits

_LOCK = threading.Lock()  # while blocks of several threads begin and end


@dataclass(eq=False)
class FitCall:
    """A call of a fitting method."""

    estimator: Any
    method: str
    rows: Any
    y: Any
    beside: tuple[Any, ...] = ()  # rows that it looks at while it learns: X_val, eval_set
    result: Any = None  # of a resampler
    path: str = ""
    outer: "FitCall | None" = None  # the fit inside which this one ran
    named: set[str] = field(default_factory=set)  # steps of it that were fitted already
    is_asked: bool = False  # it ran inside `run.watch_fits()`
    level: int = 0  # how many of joblib's workers it ran in, one inside another


class Listener(Protocol):
    """Whom the patched methods tell."""

    def admit(self) -> bool:
        """Let a fit that begins now be told, or not; costs a microsecond."""

    def begin(self, call: FitCall) -> FitCall | None:
        """A fit begins; what is returned is given to `end`."""

    def end(self, call: FitCall, *, is_fitted: bool) -> None:
        """It has ended."""


class Fits:
    """Tells a run what is fitted, and inside what."""

    def __init__(self, is_current: Callable[[], bool], tell: Callable[..., None]) -> None:
        self._is_current = is_current
        self._tell = tell
        self._process = os.getpid()
        self._thread = threading.local()
        self._lock = threading.RLock()  # one tells at a time
        self._outermost: list[FitCall] = []  # running now, in any thread
        self._n_asking = 0  # blocks that are open
        self._n_fits = self._n_steps = 0  # that were told unasked
        self._is_cut = False  # it was told that more came

    @contextmanager
    def asked(self) -> Iterator[None]:
        """A block in which every fit is told, however many they are."""
        self._n_asking += 1
        try:
            with listening(self):
                yield
        finally:
            self._n_asking -= 1

    def admit(self) -> bool:
        """Not while another run is open inside this one, nor when enough fits were told.

        It tells once that some are left out. Nor in a child: at its birth another thread may have
        held the lock.
        """
        if os.getpid() != self._process or not self._is_current():
            return False
        is_full = self._n_steps >= MAX_STEPS if self._outermost else self._n_fits >= MAX_FITS
        if self._n_asking or not is_full:
            return True
        if not (self._outermost or self._is_cut):
            self._is_cut = True
            self._tell("fits_left_out")
        return False

    def begin(self, call: FitCall) -> FitCall | None:
        """Find the call's place; None: it belongs to another run, or is one call with the outer."""
        stack = self._stack()
        if not self.admit() or any(call.estimator is one.estimator for one in stack):
            return None
        level = _level()
        outer = stack[-1] if stack else self._around_workers(level)
        is_asked = self._n_asking > 0
        # A copy: other runs may be told of it, too.
        call = replace(call, outer=outer, named=set(), is_asked=is_asked, level=level)
        observed(_name, call)
        if call.outer is None:
            self._outermost.append(call)
            self._n_fits += not is_asked
        else:
            self._n_steps += not is_asked
        stack.append(call)
        try:
            with self._lock:
                self._tell("fitting", call)
        except BaseException:  # an interrupt: it gets no further
            self._leave(call)
            raise
        return call

    def end(self, call: FitCall, *, is_fitted: bool) -> None:
        """Leave its place; one that has raised is not fitted."""
        self._leave(call)
        if is_fitted:
            with self._lock:
                self._tell("fitted", call)

    def _leave(self, call: FitCall) -> None:
        self._stack().remove(call)
        if call.outer is None:
            self._outermost.remove(call)

    def _stack(self) -> list[FitCall]:
        if not hasattr(self._thread, "stack"):
            self._thread.stack = []
        stack: list[FitCall] = self._thread.stack
        return stack

    def _around_workers(self, level: int) -> FitCall | None:
        """The fit whose joblib threads these are, if one alone is running outside of them."""
        around = [call for call in self._outermost if call.level < level]
        return around[0] if len(around) == 1 else None


def _level() -> int:
    parallel = sys.modules["joblib.parallel"]  # scikit-learn has loaded it
    backend, _ = parallel.get_active_backend()
    return int(getattr(backend, "nesting_level", None) or 0)


def _name(call: FitCall) -> None:
    """By the name that the outer estimator has for it; meta-estimators fit clones, in order."""
    kind = type(call.estimator)
    call.path = kind.__name__
    if call.outer is None:
        return
    held = call.outer.estimator.get_params(deep=True).items()
    inner = {name: one for name, one in held if hasattr(one, "get_params") and "__" not in name}
    alike = [name for name, one in inner.items() if type(one) is kind]
    same = [name for name, one in inner.items() if one is call.estimator]
    fresh = [name for name in alike if name not in call.outer.named]
    name = next(iter((*same, *fresh, *alike)), kind.__name__)
    call.outer.named.add(name)
    call.path = f"{call.outer.path}/{name}"


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """A block in which every fit of scikit-learn is told."""
    with _LOCK:
        patch = _Patch.in_place()
        patch.listeners = (*patch.listeners, listener)
    try:
        yield
    finally:
        with _LOCK:
            patch.leave(listener)


class _Patch:
    """Stands as `BaseEstimator.__init_subclass__`, so that classes that come later are seen, too.

    There is one in a process, however many blocks are open: it is found by its place.
    """

    def __init__(self, base: Any) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self._base = base
        self._replaced: list[_Telling] = []

    @classmethod
    def in_place(cls) -> "_Patch":
        """The one that is there already, or a new one."""
        from sklearn.base import BaseEstimator  # type: ignore[import-untyped]  # published without

        found = vars(BaseEstimator).get("__init_subclass__")
        if isinstance(found, cls):
            return found
        patch = cls(BaseEstimator)
        for kind in _subclasses(BaseEstimator):
            patch.replace(kind)
        BaseEstimator.__init_subclass__ = patch
        return patch

    def __get__(self, instance: Any, owner: type) -> Callable[..., None]:
        return partial(self._arrived, owner)

    def _arrived(self, kind: type, **kwargs: Any) -> None:
        base: Any = super(self._base, kind)
        base.__init_subclass__(**kwargs)
        self.replace(kind)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Patch, (self._base,)  # in another process nobody listens

    def replace(self, kind: type) -> None:
        """Let the fitting methods of a class, and of the mixins it is made of, tell."""
        for owner in kind.__mro__:
            for name in METHODS:
                found = vars(owner).get(name)
                if isinstance(found, _Telling) and not found.is_of(self):
                    found = found.original  # of an earlier run: somebody brought it back
                guarded = getattr(found, "fn", None)  # by scikit-learn's `available_if`
                if isinstance(found, FunctionType):
                    self._replace(owner, name, self.telling(name, found))
                elif isinstance(guarded, FunctionType):
                    self._replace(found, "fn", self.telling(name, guarded))

    def _replace(self, holder: Any, name: str, function: Callable[..., Any]) -> None:
        telling = _Telling(self, holder, name, function)
        if not isinstance(observed(telling.take_place), Absent):  # a class may refuse
            self._replaced.append(telling)

    def telling(self, name: str, method: Any) -> Callable[..., Any]:
        """The fitting method that its class calls so, telling."""

        @functools.wraps(method)
        def telling(estimator: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.admits():
                return method(estimator, *args, **kwargs)
            call = observed(lambda: _call(method, name, estimator, args, kwargs))
            if not isinstance(call, FitCall):
                return method(estimator, *args, **kwargs)
            with self.told(call) as told:
                result = method(estimator, *args, **kwargs)
                for one in told if call.method == "fit_resample" else ():
                    one.result = result
                return result

        return telling

    def leave(self, listener: Listener) -> None:
        """One block less; with the last one everything is as it was."""
        remaining = list(self.listeners)
        remaining.remove(listener)
        self.listeners = tuple(remaining)
        if not remaining:
            for telling in self._replaced:
                observed(telling.give_back)
            del self._base.__init_subclass__

    def admits(self) -> bool:
        """Whether anybody wants to hear of a fit that begins now."""
        return any(observed(one.admit) is True for one in self.listeners)

    @contextmanager
    def told(self, call: FitCall) -> Iterator[list[FitCall]]:
        """Tell every listener before and after; the calls as they know them."""
        begun = [(one, observed(one.begin, call)) for one in self.listeners]
        is_fitted = False
        try:
            yield [seen for _, seen in begun if isinstance(seen, FitCall)]
            is_fitted = True
        finally:
            for listener, seen in begun:
                if isinstance(seen, FitCall):
                    observed(listener.end, seen, is_fitted=is_fitted)


class _Telling:
    """Stands in the place of a fitting method: in its class, or in the descriptor that guards it.

    To whoever asks the class, it is a function like the one before; so MLflow's autologging, which
    patches the same methods, finds what it looks for. Pickled with its class, it is the original.
    """

    def __init__(
        self, patch: "_Patch", holder: Any, name: str, function: Callable[..., Any]
    ) -> None:
        functools.update_wrapper(self, function)
        self.original: Any = vars(function)["__wrapped__"]
        self._patch = patch
        self._holder = holder
        self._name = name
        self._function = function

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._function if instance is None else MethodType(self._function, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._function

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return itemgetter(0), ((self.original,),)

    def is_of(self, patch: "_Patch") -> bool:
        """Whether it tells by this patch."""
        return self._patch is patch

    def take_place(self) -> None:
        """Stand there from now on."""
        setattr(self._holder, self._name, self)

    def give_back(self) -> None:
        """Put the original back, also where somebody who patched the method keeps it."""
        for name, value in list(vars(self._holder).items()):
            if value is self:
                setattr(self._holder, name, self.original)


def _call(
    method: Any, name: str, estimator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> FitCall:
    """The rows are the first argument, whatever it is called: X, raw_documents, y to encode."""
    signature = inspect.signature(method)
    given = signature.bind_partial(estimator, *args, **kwargs).arguments
    _, first, *others = [*signature.parameters, ""]
    rows = given.get(first, given.get("kwargs", {}).get("X"))
    y = next((given[label] for label in LABELS if label in others and label in given), None)
    return FitCall(estimator, name, rows, y, tuple(_beside({**given, **given.get("kwargs", {})})))


def _beside(given: Mapping[str, Any]) -> Iterator[Any]:
    """Rows to stop by: of histogram boosting, and of the libraries that took its place."""
    if given.get("X_val") is not None:
        yield given["X_val"]
    pairs = given.get("eval_set")
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if isinstance(pair, tuple) and pair:
            yield pair[0]


def _subclasses(kind: type) -> set[type]:
    """Every class below this one that exists now."""
    found = set[type]()
    waiting: list[type[Any]] = [kind]
    while waiting:
        for one in waiting.pop().__subclasses__():
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found
