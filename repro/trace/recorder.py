"""Looks at a training while it goes on, and writes its trace."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from repro.digest import digest_bytes
from repro.facts.fact import Absent, Fact
from repro.facts.trace import Trace
from repro.observe.observer import observed
from repro.observe.technique import Ending, Technique
from repro.trace.backward import leave, listen
from repro.trace.compare import WEIGHED, joint
from repro.trace.device import forget
from repro.trace.file import TraceFile
from repro.trace.format import ALL, Event, Kind, Look
from repro.trace.objects import Objects
from repro.trace.pace import Tracing
from repro.trace.surroundings import surroundings
from repro.trace.tensors import look_at, pieces, value_text

MAX_LOOKS = 4096  # of one step: a training without an optimizer of torch's never makes one
TRAIN = "train"
OFF = 'it was turned off, by tracked_run(trace="off") or REPRO_TRACE=off'
NOTHING = "neither an optimizer of torch's stepped, nor was a model watched, nor anything scored"


class Untraced(Technique):
    """Level "off"."""

    kind = Trace
    file = None

    def at_end(self, ending: Ending) -> Fact | Absent:
        """Nothing was asked for."""
        return Absent(reason=OFF, kind="not_applicable")


class Recorder(Technique):
    """Writes an event for each step that is traced, for each score, and one at the end.

    What is seen between two steps belongs to the later one. Steps are counted by one optimizer; of
    several, each call of `step` is an event of its own.
    """

    kind = Trace

    def __init__(self, tracing: Tracing, is_current: Callable[[], bool], file: TraceFile) -> None:
        self.file = file
        self._tracing = tracing
        self._is_current = is_current
        self._pace, self._weights_pace = tracing.paces()
        self._objects = Objects()
        self._step = 0
        self._failure: Absent | None = None
        self._optimizer: Any = None  # that is about to step
        self._spent = 0.0
        self._since: tuple[float, float, int] | None = None  # time, spent, step: first step's end
        self._n = dict.fromkeys(("step", "weighed", "score", "final"), 0)
        self._components: set[str] = set()
        self._is_listening = self._is_broken = self._is_stepping = self._has_ended = False
        self._begin()

    def hooked(self) -> None:
        """Torch is loaded: backward passes can be seen."""
        self._is_listening = True
        listen(self)

    def watched(self, model: Any, optimizer: Any, scheduler: Any, loss: Any) -> None:
        """Names come from the model."""
        self._objects.watch(model)

    def batch(self, batch: Any, role: str) -> None:
        """Content of what is learned from."""
        if self._is_traced and role == TRAIN and not _is_captured():
            with self._looking():
                self._surroundings()
                self._add(look_at("batch", dict(pieces(batch, role))))

    def forward(self, model: Any, inputs: Sequence[Any]) -> None:
        """The weights are about to be used, on what the batch has become."""
        is_used = self._is_traced and sys.modules["torch"].is_grad_enabled()
        if is_used and not _is_captured():
            with self._looking():
                self._surroundings(_modes(model))
                self._weights_before()
                self._add(look_at("batch", dict(pieces(tuple(inputs), "inputs"))))

    def before_backward(self, tensors: Any) -> None:
        """Every loss; the generators have moved since the forward pass."""
        if self._is_traced and self._is_current() and not _is_captured():
            self._failure = self._failure or observed(self._see_loss, tensors)

    def after_backward(self) -> None:
        """Inside a step only a closure goes backward: its gradients are seen here."""
        is_seen = self._is_stepping and self._is_traced and self._is_current()
        if is_seen and not _is_captured():
            self._failure = self._failure or observed(self._see_closure)

    def before_step(self, optimizer: Any, step: int) -> None:
        """Everything that the optimizer uses."""
        if self._is_traced and not _is_captured():
            with self._looking():
                self._optimizer = optimizer
                self._objects.enter(optimizer)
                self._surroundings()
                self._weights_before()
                self._see_gradients()
                self._add(Look("settings", self._objects.settings(optimizer)))
                self._weigh("state", self._objects.state, optimizer)
        self._is_stepping = True

    def after_step(self, optimizer: Any, step: int) -> None:
        """What became of the weights; the next step begins."""
        self._is_stepping = False
        if self._is_traced and not _is_captured():
            with self._looking():
                if self._weighs:
                    self._weights("updated", self._objects.parameters(optimizer))
                number = self._objects.enter(optimizer)
                self._write("step", self._looks, number)
            self._pay()
        self._step = self._objects.next_step(optimizer, self._step)
        if self._since is None:
            self._since = perf_counter(), self._spent, self._step
        self._begin()
        self._end_on_purpose()

    def scored(self, name: str, value: float, y_true: Any, y_pred: Any) -> None:
        """A score, and what it was taken from."""
        with self._looking():
            taken = {f"{name} y_true": y_true, f"{name} y_pred": y_pred, name: value}
            items = {what: value_text(content) for what, content in taken.items()}
            self._write("score", [Look("score", items)])

    def unwatched(self) -> None:
        """The end: every weight, and what a scikit-learn estimator has learned."""
        self._is_traced = False
        if self._is_listening:
            leave(self)
        try:
            if not self._is_broken and not self._has_ended:
                self._see_end()
        finally:
            self.file.is_complete = True
            forget()

    def _see_end(self) -> None:
        with self._looking():
            others = {**self._objects.fitted(), **self._objects.gone()}
            looks = [look_at("final", self._objects.at_end()), Look("final", others)]
            if any(look.items for look in looks):
                self._write("final", [look for look in looks if look.items])

    def at_end(self, ending: Ending) -> Fact | Absent:
        """What the trace holds."""
        if self._failure is not None:
            return self._failure
        content = self.file.content()
        if not any(self._n.values()):
            return Absent(reason=NOTHING, kind="not_recorded")
        return Trace.model_validate(
            {
                "level": self._tracing.level,
                "n_steps": self._step,
                "n_traced": self._n["step"],
                "n_weighed": self._n["weighed"],
                "n_scores": self._n["score"],
                "stride": self._pace.stride,
                "components": tuple(sorted(self._components)),
                "is_complete": self._n["final"] > 0,
                "seconds": round(self._spent, 6),
                "path": self.file.path,
                "digest": digest_bytes(content),
                "chain": self.file.chain,
            }
        )

    def continue_at(self, step: int) -> None:
        """The run was resumed: its next step is this one."""
        self._step = step
        self._begin()

    def _begin(self) -> None:
        """What belongs to the next step is seen from now on."""
        self._is_traced = self._pace.wants(self._step) and not self.file.is_full
        self._weighs = self._is_traced and self._weights_pace.wants(self._step)
        self._looks: list[Look] = []
        self._has_weights = False
        self._optimizer = None
        self._cost = {"looks": 0.0, "weights": 0.0}

    @contextmanager
    def _looking(self) -> Iterator[None]:
        begin = perf_counter()
        try:
            with _uncompiled():
                yield
        except BaseException:
            self._is_broken = True  # without its end a trace does not claim to be whole
            raise
        seconds = perf_counter() - begin
        self._cost["looks"] += seconds
        self._spent += seconds

    def _surroundings(self, modes: Mapping[str, str] | None = None) -> None:
        for look in surroundings(modes or {}):
            self._add(look)

    def _see_loss(self, tensors: Any) -> None:
        with self._looking():
            self._surroundings()
            self._weights_before()
            several = tensors if isinstance(tensors, tuple | list) else (tensors,)
            names = ["loss"] if len(several) == 1 else [f"loss[{i}]" for i in range(len(several))]
            self._add(Look("loss", dict(zip(names, map(_number, several), strict=True))))

    def _see_closure(self) -> None:
        with self._looking():
            self._see_gradients()

    def _see_gradients(self) -> None:
        if self._optimizer is not None:
            self._weigh("gradients", self._objects.gradients, self._optimizer)

    def _weights_before(self) -> None:
        if self._weighs and self._tracing.level == "full" and not self._has_weights:
            tensors = self._objects.everything()
            self._has_weights = bool(tensors)
            self._weights("parameters", tensors)

    def _weigh(self, component: str, of: Callable[[Any], Mapping[str, Any]], what: Any) -> None:
        if self._weighs and self._tracing.level == "full":
            self._weights(component, of(what))

    def _weights(self, component: str, tensors: Mapping[str, Any]) -> None:
        begin = perf_counter()
        look = look_at(component, tensors)
        is_whole = self._tracing.level == "full"
        self._add(look if is_whole else Look(component, {ALL: joint(look.items)}))
        seconds = perf_counter() - begin
        self._cost["weights"] += seconds
        self._cost["looks"] -= seconds

    def _add(self, look: Look) -> None:
        if look.items and len(self._looks) < MAX_LOOKS:
            self._looks.append(look)

    def _write(self, kind: Kind, looks: Sequence[Look], optimizer: int = 0) -> None:
        self.file.add(Event(kind, self._step, optimizer, tuple(looks)))
        self._n[kind] += 1
        seen = {look.component for look in looks}
        self._n["weighed"] += kind == "step" and not seen.isdisjoint(WEIGHED)
        self._components |= seen

    def _pay(self) -> None:
        """Of the first step nothing is learned: it is like no other."""
        if self._since is None:
            return
        began, spent, step = self._since
        seconds = perf_counter() - began - (self._spent - spent)
        step_seconds = max(0.0, seconds) / (self._step + 1 - step)
        self._pace.paid(self._cost["looks"], step_seconds)
        if self._weighs:
            self._weights_pace.paid(self._cost["weights"], step_seconds)
        if self.file.is_due_to_slow_down():
            self._pace.slow_down()
            self._weights_pace.slow_down()

    def _end_on_purpose(self) -> None:
        until = self._tracing.until
        if until is not None and self._step > until:
            self._has_ended = True
            raise SystemExit(0)


@contextmanager
def _uncompiled() -> Iterator[None]:
    """In a step that is compiled as a whole, torch's compiler must not compile us, too."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    from torch._C._dynamo.eval_frame import set_eval_frame

    before = set_eval_frame(None)
    try:
        yield
    finally:
        set_eval_frame(before)


def _modes(model: Any) -> dict[str, str]:
    modes = [module.training for module in model.modules()]
    return {"model.training": f"{sum(modes)} of {len(modes)} modules"}


def _number(tensor: Any) -> str:
    """A loss, to the bit: the shortest text of a float is the float."""
    is_number = tensor.numel() == 1 and not tensor.is_complex()
    return repr(tensor.detach().item()) if is_number else value_text(tensor)


def _is_captured() -> bool:
    """Whether a graph is being captured, by CUDA or by torch: nothing may be read then."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    is_drawn = torch._C._get_tracing_state() is not None or torch.compiler.is_compiling()
    cuda = torch.cuda
    return bool(is_drawn or (cuda.is_initialized() and cuda.is_current_stream_capturing()))


def recorder_for(
    tracing: Tracing, is_current: Callable[[], bool], segment: int
) -> Recorder | Untraced:
    """What traces a run, or this segment of a resumed one."""
    if tracing.level == "off":
        return Untraced()
    return Recorder(tracing, is_current, TraceFile(tracing.level, segment))
