"""What `repro replay` tells the process that it starts."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from repro.store.load import REPLAY_OF
from repro.store.location import Location

VARIABLE = "REPRO_REPLAY_OF"
ORDERS = "REPRO_REPLAY_ORDERS"
SUFFIX = " replay"


@dataclass(frozen=True)
class Orders:
    """Where the runs of a replay go, and which seeds they take instead of drawing some."""

    run_id: str  # of the run that is repeated
    tracking_uri: str
    root: str  # of the project that the journals belong to
    seeds: Mapping[int, int]  # by the number of the run in its process

    def variables(self) -> dict[str, str]:
        """The environment that hands them over."""
        told = asdict(self)
        del told["run_id"]
        return {VARIABLE: self.run_id, ORDERS: json.dumps(told)}


def orders() -> Orders | None:
    """Those of this process; None: it repeats nothing.

    >>> orders() is None
    True
    """
    run_id, told = os.environ.get(VARIABLE), os.environ.get(ORDERS)
    if not run_id or not told:
        return None
    data = json.loads(told)
    seeds = {int(number): seed for number, seed in data.pop("seeds").items()}
    return Orders(run_id, **data, seeds=seeds)


def placed(location: Location, repeated: Orders | None) -> Location:
    """The store that the script asks for; in a replay that of the original."""
    if repeated is None:
        return location
    return replace(location, tracking_uri=repeated.tracking_uri, root=Path(repeated.root))


def replay_name(name: str, repeated: Orders | None) -> str:
    """The name of a run, or of the replay that it is."""
    return name if repeated is None else f"{name}{SUFFIX}"


def replay_tags(repeated: Orders | None) -> dict[str, str]:
    """What links a replay to its original."""
    return {} if repeated is None else {REPLAY_OF: repeated.run_id}
