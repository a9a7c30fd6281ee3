"""How a block ended, as truthfully as it can be known."""

import signal
import sys
import traceback
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os import getpid, kill
from threading import current_thread, main_thread
from time import monotonic
from types import FrameType
from typing import Literal

from repro.facts.fact import Absent
from repro.observe.observer import observed
from repro.observe.redaction import masked_text

TRACEBACK_CHARACTERS = 4_000
WATCHED = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
REPEAT_SECONDS = 1.0  # a launcher signals the process and its group: that is one signal
INTERPRETER_ENDED = "the interpreter ended inside the block"
# Left early, and by nobody's mistake: from inside it cannot be seen whether that was wanted.
STOPPED = {
    KeyboardInterrupt: "SIGINT",
    CancelledError: "its asyncio task was cancelled",
    GeneratorExit: "the generator around the block was closed before its end",
}

Status = Literal["FINISHED", "FAILED", "KILLED"]
Handler = Callable[[int, FrameType | None], object] | int | None


@dataclass(frozen=True)
class Ending:
    """What ended a block, and when."""

    status: Status
    error: str | None = None
    traceback: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    unwatched: str | None = None  # which signals could not be watched
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def ending_of(error: BaseException | None) -> Ending:
    """The ending of a block that was left with this exception, or with none."""
    if error is None or (isinstance(error, SystemExit) and _is_success(error.code)):
        return Ending("FINISHED")
    text = _text(error)
    for kind, reason in STOPPED.items():
        if isinstance(error, kind):
            return Ending("KILLED", text, reason=reason)
    # To format it asks the exception, and a class of the user's may fail to answer.
    lines = observed(lambda: _traceback(error))
    whole = lines.reason if isinstance(lines, Absent) else lines
    return Ending("FAILED", text, _last_lines(masked_text(whole)))


@contextmanager
def children_held() -> Iterator[None]:
    """What is to be done about the end of a child waits until the block is over.

    torch's handler raises when a loader's worker has died: in the middle of our work, too.
    """
    number = getattr(signal, "SIGCHLD", None)  # Windows has none
    below = signal.getsignal(number) if number and current_thread() is main_thread() else None
    if number is None or not callable(below):
        yield
        return
    came: list[int] = []
    signal.signal(number, lambda *_: came.append(number))
    try:
        yield
    finally:
        signal.signal(number, below)
        if came:
            below(number, sys._getframe())


class Signals:
    """Notices what asks this process to end, from the start of a run to its end.

    A signal that would have ended the process at once raises SystemExit(128 + its number) in the
    main thread instead, so that `finally` blocks run and the run is ended; a handler that was there
    before is called. Only the first signal of a kind is taken, with its repeats of one second: the
    second one does what it would without us. Inside a long call that is not Python's the first one
    waits, as Ctrl-C does.
    """

    def __init__(self) -> None:
        self.came: list[str] = []  # names of those that came
        self.unwatched: str | None = None  # what could not be watched, and why
        self._process = getpid()
        self._watches: list[_Watch] = []
        self._held: list[_Watch] | None = None  # those that wait; None: none has to
        self._is_over = False
        self._acted_at: dict[str, float] = {}  # of signals that would have ended the process

    @property
    def is_open(self) -> bool:
        """Whether the run goes on, and is this process's: a forked child's signals are its own."""
        return not self._is_over and getpid() == self._process

    def watch(self) -> None:
        """Begin: take the place of each handler, unless the signal is ignored; hold all signals."""
        self.hold()
        refused = [name for name in WATCHED if hasattr(signal, name) and not self._take(name)]
        if refused:
            self.unwatched = (
                f"{' and '.join(refused)} cannot be watched here, only in the main thread and "
                f"above handlers of Python's: `repro recover` closes a run that they end"
            )

    def hold(self) -> None:
        """From now on signals wait; called in the main thread, on which they would break in."""
        if current_thread() is main_thread():
            self._held = self._held or []

    def release(self) -> None:
        """From now on they act, those that have waited at once."""
        waiting, self._held = self._held, None
        for watch in waiting or ():
            watch.act(sys._getframe())

    def give_back(self) -> None:
        """End: put the handlers back, except where someone has set another one since."""
        for watch in self._watches:
            watch.give_back()
        self._is_over = True
        self.release()

    def ending(self, error: BaseException | None) -> Ending:
        """How the block ended, which was left with this exception or with none."""
        ending = replace(ending_of(error), unwatched=self.unwatched)
        waiting = {watch.name for watch in self._held or ()}
        names = " and ".join(name for name in self.came if name not in waiting)
        if not names:
            return ending
        if error is None:
            note = f"{names} came while it ran; the block handled it, and ended by itself"
            return replace(ending, notes=(note,))
        killed = replace(ending, status="KILLED", error=_text(error), reason=names)
        return _without_exit(killed) if self._is_exit(error) else killed

    def ending_at_exit(self) -> Ending:
        """How a block ended that was never left."""
        reason = " and ".join(self.came) or INTERPRETER_ENDED
        return Ending("KILLED", reason=reason, unwatched=self.unwatched)

    def _is_exit(self, error: BaseException) -> bool:
        """Whether the exception says nothing but that a signal came."""
        codes = {128 + getattr(signal, name) for name in self.came}
        return isinstance(error, SystemExit) and error.code in codes

    def _take(self, name: str) -> bool:
        number = getattr(signal, name)
        below = _below(signal.getsignal(number))
        if below == signal.SIG_IGN:
            return True  # as under nohup: it will not end the process
        watch = _Watch(self, name, number, below)
        if below is None:
            return False  # not Python's: it could not be put back
        with suppress(ValueError):  # not in the main thread
            signal.signal(number, watch)
            self._watches.append(watch)
            return True
        return False

    def _noticed(self, watch: "_Watch") -> bool:
        """Remember it; whether it may act now."""
        if watch.name not in self.came:
            self.came.append(watch.name)
        if self._held is None:
            return True
        self._held.append(watch)
        return False


@dataclass(frozen=True, eq=False)
class _Watch:
    """The handler of one signal during one run."""

    signals: Signals
    name: str
    number: int
    below: Handler  # that was there before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        came_at = self.signals._acted_at.get(self.name)
        if not self.signals.is_open:
            self.give_back()
            self._pass_on(frame)
        elif callable(self.below):
            self.give_back()
            self._take(frame)
        elif came_at is None:
            self.signals._acted_at[self.name] = monotonic()
            self._take(frame)
        elif monotonic() - came_at >= REPEAT_SECONDS:
            self.give_back()
            self._pass_on(frame)

    def give_back(self) -> None:
        """Put back the handler below, if this one is in its place."""
        current: object = signal.getsignal(self.number)
        if current is self:
            with suppress(ValueError):  # not in the main thread: this one will pass signals on
                signal.signal(self.number, _below(self.below))

    def _take(self, frame: FrameType | None) -> None:
        if self.signals._noticed(self):
            self.act(frame)

    def act(self, frame: FrameType | None) -> None:
        """What the signal does to the main thread."""
        if callable(self.below):
            self.below(self.number, frame)
        else:
            raise SystemExit(128 + self.number)

    def _pass_on(self, frame: FrameType | None) -> None:
        """In a forked child, or after the run: do what would be done without us."""
        if callable(self.below):
            self.below(self.number, frame)
        else:
            signal.signal(self.number, self.below)
            kill(getpid(), self.number)


def _below(handler: Handler) -> Handler:
    """The handler, or what is below it where its run is over or another process's."""
    while isinstance(handler, _Watch) and not handler.signals.is_open:
        handler = handler.below
    return handler


def _is_success(code: object) -> bool:
    """Whether this is what Python exits with 0 for."""
    return code is None or (isinstance(code, int) and code == 0)


def _text(error: BaseException) -> str:
    """Class and message, without secrets; a class of the user's may fail to give its message."""
    message = observed(lambda: str(error))
    shown = message.reason if isinstance(message, Absent) else message
    return masked_text(f"{type(error).__name__}: {shown}".rstrip(": "))[:2000]


def _traceback(error: BaseException) -> str:
    """Without our handlers' frames, which only say that a signal came."""
    told = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in told.stack if frame.filename != __file__]
    told.stack = traceback.StackSummary.from_list(frames)
    return "".join(told.format())


def _without_exit(ending: Ending) -> Ending:
    """Where the program was; that it left with SystemExit, the reason tells."""
    where = (ending.traceback or "").removesuffix(f"{ending.error}\n")
    return replace(ending, error=None, traceback=where or None)


def _last_lines(text: str) -> str:
    """As many whole lines as may be kept; the last one says what went wrong."""
    if len(text) <= TRACEBACK_CHARACTERS:
        return text
    cut = text[-TRACEBACK_CHARACTERS:]
    return cut[cut.find("\n") + 1 :] if "\n" in cut[:-1] else cut
