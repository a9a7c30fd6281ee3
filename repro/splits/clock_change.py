"""Local times without a zone, in which the clock was set back: seen, as far as it can be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repro.errors import SplitError

_MINUTE = 60_000_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def refuse_clock_change(moments: NDArray[np.int64], name: str) -> None:
    """Refuse sorted naive times that go back one Sunday night by an hour, less the usual step.

    Naive times are taken as UTC, and nothing proves that they are. Rows in order of time, with
    steps of an hour or less, show where a local clock was set back; other rows do not.

    Parameters
    ----------
    moments : shape (n_rows,), nanoseconds, in the order of the rows
    """
    if len(moments) < 3:
        return
    reach = int(moments.max()) - int(moments.min())
    if reach >= 2**63:  # a step may be no int64, and so long times show no change of a clock
        return
    steps = np.diff(moments)
    back = np.flatnonzero(steps <= 0)
    # Ties are no steps: where there are any, hourly rows do not show the hour that comes twice.
    falls = back[steps[back] < 0]
    at = falls if len(falls) else back
    n_years = 2 + reach // (365 * _DAY)
    if not 0 < len(at) <= n_years:
        return
    usual = int(np.median(steps[steps > 0])) if len(back) < len(steps) else 0
    if 0 < usual <= _HOUR and _is_set_back(moments[at], steps[at], usual):
        before, after = (np.datetime64(int(moments[at[0] + i]), "ns") for i in (0, 1))
        raise SplitError(
            f"{name} has no time zone and goes back at night, from {before.astype('M8[s]')} in row "
            f"{at[0]} to {after.astype('M8[s]')} in the next, as a local clock that is set back. "
            f"Say where it stands: .tz_localize('Europe/Berlin', ambiguous='infer'); or, if it is "
            f"UTC, .tz_localize('UTC')."
        )


def _is_set_back(moments: NDArray[np.int64], steps: NDArray[np.int64], usual: int) -> bool:
    on_sunday = (moments // _DAY + 4) % 7 == 0  # 1970 began with a Thursday
    at_night = on_sunday & (moments % _DAY < 4 * _HOUR)
    by_an_hour = abs(steps - (usual - _HOUR)) <= min(usual, 15 * _MINUTE)
    return bool((at_night & by_an_hour).all())
