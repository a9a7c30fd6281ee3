"""What a notebook page says of the trace, of checkpoints, and of the ranks of one training."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from repro.facts.checkpoints import Checkpoints, Read
from repro.facts.ranks import Ranks
from repro.facts.trace import Trace
from repro.report.fact_entries import Row, counted


def _trace(trace: Trace) -> Iterator[Row]:
    looks = f"{trace.n_traced:,} of {counted(trace.n_steps, 'step')}"
    end = "the final weights" if trace.is_complete else "NOT the final weights"
    yield ["trace", f"{trace.level}: {looks}, {counted(trace.n_scores, 'score')}, {end}"]


def _checkpoints(checkpoints: Checkpoints) -> Iterator[Row]:
    if checkpoints.written:
        last, n_written = checkpoints.written[-1], counted(checkpoints.n_written, "checkpoint")
        yield ["checkpoints", f"{n_written} written, the last one at step {last.step:,}"]
    for read in checkpoints.read:
        yield ["went on from", f"{read.file}, step {read.step:,} of run {read.run_id[:8]}"]
        yield from (["", doubt] for doubt in _doubts(read))


def _doubts(read: Read) -> Iterator[str]:
    if read.is_recorded is False:
        yield "NOT the file that this run wrote"
    if read.not_gone_on:
        yield f"nobody went on with the pass of {', '.join(read.not_gone_on)}"
    if read.switches:
        yield f"set to another value since: {', '.join(read.switches)}"


def _ranks(ranks: Ranks) -> Iterator[Row]:
    agreed = f"{ranks.n_agreed:,} settings alike on entering"
    compared = f"parameters compared at {ranks.n_compared} of {counted(ranks.n_looks, 'look')}"
    yield ["ranks", f"{ranks.world} processes: {agreed}, {compared}"]
    for drift in ranks.drift:
        others = f", and {drift.n_tensors - 1} more" if drift.n_tensors > 1 else ""
        where = f"from step {drift.step} on: {drift.tensor}{others}"
        yield ["DRIFTED", f"rank {drift.rank} from rank 0, {where}"]
    for twin in ranks.twins:
        yield ["DRAWS ALIKE", f"rank {twin.rank} the numbers of rank 0, from step {twin.step} on"]
    for ending in ranks.endings:
        if ending.status != "FINISHED":
            why = f": {ending.error}" if ending.error else ""
            yield [f"rank {ending.rank}", f"{ending.status}{why}"]
    if ranks.silent:
        yield ["not heard of", f"ranks {', '.join(map(str, ranks.silent))}"]


PROVED: Mapping[str, Callable[[Any], Iterator[Row]]] = {
    "checkpoints": _checkpoints,
    "ranks": _ranks,
    "trace": _trace,
}
