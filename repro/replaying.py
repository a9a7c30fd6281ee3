"""What `repro replay` tells the process that it starts."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from repro.determinism.seeds import MAX_SEED
from repro.errors import UsageError
from repro.history import REPLAY_OF
from repro.store.location import Location

VARIABLE = "REPRO_REPLAY_OF"
ORDERS = "REPRO_REPLAY_ORDERS"
SUFFIX = " replay"
RUN_ID = re.compile(r"[0-9a-f]{32}")
SHOWN = 60  # characters of a wrong value


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

    Raises
    ------
    UsageError
        The variables were not set by `repro replay`.

    >>> orders() is None
    True
    """
    run_id, told = os.environ.get(VARIABLE), os.environ.get(ORDERS)
    if not run_id and not told:
        return None
    if not RUN_ID.fullmatch(run_id or ""):
        raise _foreign(VARIABLE, run_id, "the id of a run")
    try:
        data = json.loads(told or "")
        seeds = {int(number): _seed(seed) for number, seed in data["seeds"].items()}
        uri, root = _text(data["tracking_uri"]), _text(data["root"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _foreign(ORDERS, told, "orders") from error
    return Orders(run_id or "", uri, root, seeds)


def _seed(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SEED:
        raise ValueError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _foreign(variable: str, value: str | None, what: str) -> UsageError:
    told = "is not set" if value is None else f"{value[:SHOWN]!r} is not {what}"
    return UsageError(
        f"{variable}: {told}. Only `repro replay` sets {VARIABLE} and {ORDERS}: unset both."
    )


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
