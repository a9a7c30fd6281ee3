"""Keeps what `repro.overfit_probe` found."""

from typing import Any

from repro.facts.capacity import Capacity, Probe
from repro.facts.fact import Absent
from repro.observe.technique import Ending, Technique, untrained

NOT_PROBED = "it was not probed: repro.overfit_probe(model, batch, loss_fn)"


class CapacityObserver(Technique):
    """Told of every probe inside the run."""

    kind = Capacity

    def __init__(self) -> None:
        self._probes: list[Probe] = []

    def probed(self, model: Any, probe: Any) -> None:
        """Keep it under the model's class."""
        kind = type(model).__name__
        n_before = sum(one.model.partition("-")[0] == kind for one in self._probes)
        self._probes.append(
            Probe(
                model=f"{kind}-{n_before + 1}" if n_before else kind,
                reached=probe.reached,
                reason=probe.reason,
                first_loss=probe.first_loss,
                last_loss=probe.last_loss,
                share_left=probe.share_left,
                n_steps=probe.n_steps,
            )
        )

    def at_end(self, ending: Ending) -> Capacity | Absent:
        """Every probe."""
        if self._probes:
            return Capacity(probes=tuple(self._probes))
        return Absent(reason=NOT_PROBED, kind="not_recorded") if ending.n_steps else untrained()
