"""The example on real flights: what it refuses, what it proves, and what it records."""

import runpy
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "flight_delays"


@pytest.fixture
def in_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("flight_data", None)


@pytest.mark.slow
@pytest.mark.usefixtures("in_example")
def test_the_example_refuses_the_shuffled_split_and_tracks_the_proved_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = runpy.run_path(str(EXAMPLE / "train.py"))["main"]
    small = ["--rows", "3000", "--folds", "2", "--test", "12h", "--epochs", "1"]
    assert main([*small, "--plot", "folds.png"]) == 0
    printed = capsys.readouterr().out
    refused, proved = printed.split("GroupTimeSeriesSplit(2,")
    assert "split VIOLATED: 4 folds of 3000 rows, policy walk_forward" in refused
    assert all(f"  {name}  violated in 4 of 4 folds" in refused for name in ("T1", "P1", "G1"))
    assert "split PROVED: 2 folds of 3000 rows, policy walk_forward" in proved
    assert [line[:7] for line in proved.splitlines() if "AUC" in line] == ["fold 0:", "fold 1:"]
    assert proved.splitlines()[-1].endswith("2 folds x 1 seed, split PROVED as walk_forward")
    runs = mlflow.search_runs(experiment_names=["flight-delays"])
    folds = runs[runs["tags.mlflow.parentRunId"].notna()]
    assert sorted(folds["tags.mlflow.runName"]) == [
        "flights fold 0 seed 0",
        "flights fold 1 seed 0",
    ]
    assert folds["metrics.test/roc_auc"].between(0.2, 0.9).all()
    (whole,) = set(folds["tags.mlflow.parentRunId"])
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(whole, "split")}
    assert {"split/proof.txt", "split/proof.json", "split/plan.png"} <= files
    assert Path("folds.png").stat().st_size > 1_000


@pytest.mark.slow
@pytest.mark.usefixtures("in_example")
def test_features_come_from_before_the_departure_and_labels_from_the_landing() -> None:
    from flight_data import load_flights

    flights = load_flights()
    assert len(flights) == 327_346
    assert flights["departs"].is_monotonic_increasing
    hours = (flights["lands"] - flights["departs"]) / pd.Timedelta(hours=1)
    assert hours.between(0.25, 33).all()  # 33: to Honolulu, 21 hours late
    first = flights.query("tailnum == 'N14228'").iloc[0]
    assert str(first["departs"]) == "2013-01-01 10:15:00+00:00"
    assert str(first["lands"]) == "2013-01-01 14:30:00+00:00"  # 8:30 in Houston
    assert first["is_late"] == 0
