"""What is sealed at the end of a run, and what a difference from it means."""

import math
from dataclasses import replace

from shipping import digests

from repro.facts.contents import Contents, SeriesContent
from repro.facts.fact import Absent
from repro.facts.integrity import Integrity
from repro.facts.outcome import EXAMPLE as OUTCOME
from repro.facts.outcome import Outcome
from repro.facts.params import Param, Params
from repro.facts.scores import Series
from repro.record import RunRecord
from repro.store.contents import READ_POINTS, series_at_end, series_read, with_held
from repro.store.held import Held
from repro.store.integrity import CLOCK_SECONDS, Now, integrity
from repro.store.point import Point

END = OUTCOME.ended_at.timestamp() * 1000


def record(*facts, **outcome):
    held = {fact.key(): fact for fact in (OUTCOME.but(**outcome), *facts)}
    return RunRecord("0" * 32, "run", held)


def points(name, *values, time_ms=1_000):
    return [Point(name, value, time_ms + step, step) for step, value in enumerate(values)]


def now(series=(), params=None, tags=None, values=None, files=None):
    held = Held(params or {}, {one.name: one for one in series}, tags or {})
    return Now(held, (files or {}).get, None if values is None else values.__getitem__)


def last(values):
    return Series(name=values[-1].key, last=values[-1].value, last_step=values[-1].step)


def sent(values):
    """The content of a series that was sent, and not read back."""
    return series_read(values[0].key, values).model_copy(update={"is_read_back": False})


def test_of_a_record_that_an_older_version_sealed_nothing_can_have_been_altered():
    found = integrity(record(), now())
    assert found.kind == "not_applicable"


def test_why_nothing_was_sealed_is_why_nothing_can_be_told():
    failed = Absent(reason="OSError: no", kind="failed")
    sealed = RunRecord("0" * 32, "run", {"contents": failed})
    assert integrity(sealed, now()) == failed


def test_values_may_be_nan_or_infinite():
    values = points("loss", math.nan, math.inf, -math.inf, -0.0, math.nan)
    kept = Contents(series=(series_read("loss", values, last(values)),))
    given = now([last(values)], values={"loss": values})
    assert integrity(record(kept), given) == Integrity()


def test_few_values_are_shown_as_such_and_by_their_digests_where_they_are_equal():
    values = points("score", 0.76)
    kept = record(Contents(series=(series_read("score", values, last(values)),)))
    added = points("score", 0.76, 0.99)
    (found,) = integrity(kept, now([last(added)], values={"score": added})).altered
    assert (found.was, found.now) == ("1 value: 0.76", "2 values: 0.76, 0.99")
    moved = points("score", 0.76, time_ms=2_000)
    (found,) = integrity(kept, now([last(moved)], values={"score": moved})).altered
    assert found.was.startswith("1 value (")
    assert found.was != found.now


def test_the_status_of_an_attached_run_is_its_owners_to_set():
    failed = replace(now(), status="FAILED")
    assert integrity(record(Contents(), is_attached=True), failed) == Integrity()
    assert [one.what for one in integrity(record(Contents()), failed).altered] == ["status"]


def test_what_did_not_arrive_before_the_end_may_arrive_later():
    values = points("loss", 1.0, 2.0, 3.0)
    kept = Contents(is_read_back=False, series=(sent(values),))
    for arrived in ([], values[:1]):
        series = [last(arrived)] if arrived else []
        found = integrity(record(kept), now(series, values={"loss": arrived}))
        assert (found.altered, len(found.undecided)) == ((), 1)
    assert integrity(record(kept), now([last(values)], values={"loss": values})) == Integrity()


def test_what_mlflow_held_when_it_was_silent_is_not_known():
    kept = Contents(is_read_back=False)
    series = points("theirs", 1.0)
    given = now([last(series)], {"depth": "3"}, {"repro.x": "y"}, {"theirs": series})
    found = integrity(record(kept), given)
    assert (found.altered, found.undecided) == ((), ())
    assert found.unsealed == (
        "param depth, metric theirs, tag repro.x: MLflow was silent at the end: "
        "what others had logged by then is not known",
    )


def test_more_values_than_were_sent_may_be_another_loggers_if_they_came_in_time():
    values = points("loss", 1.0, 2.0, time_ms=int(END) - 1_000)
    kept = Contents(series=(sent(values),))
    earlier = [*values, Point("loss", 3.0, int(END), 2)]
    found = integrity(record(kept), now([last(earlier)], values={"loss": earlier}))
    assert (found.altered, len(found.undecided)) == ((), 1)
    later = [*values, Point("loss", 3.0, int(END + CLOCK_SECONDS * 1000) + 1, 2)]
    found = integrity(record(kept), now([last(later)], values={"loss": later}))
    assert [one.what for one in found.altered] == ["metric loss"]


def test_the_owner_of_an_attached_run_may_log_more_but_change_nothing():
    values = points("loss", 1.0, 2.0, time_ms=int(END) - 1_000)
    kept = Contents(series=(series_read("loss", values, last(values)),))
    more = [*values, Point("loss", 3.0, int(END) + 9_000, 2)]
    other = points("final", 1.0, time_ms=int(END) + 9_000)
    given = now([last(more), last(other)], {"late": "1"}, values={"loss": more, "final": other})
    found = integrity(record(kept, is_attached=True), given)
    assert (found.altered, found.undecided) == ((), ())
    cheap = integrity(record(kept, is_attached=True), now([last(more)]))
    assert (cheap.altered, cheap.undecided) == ((), ())
    changed = [more[0]._replace(value=9.0), *more[1:]]
    given = now([last(changed)], values={"loss": changed})
    found = integrity(record(kept, is_attached=True), given)
    assert [one.what for one in found.altered] == ["metric loss"]


def test_mlflows_measurements_of_the_machine_go_on_until_the_end():
    held = Held({}, {"system/cpu": Series(name="system/cpu", last=1.0, last_step=1)}, {})
    (kept,) = series_at_end({}, held, lambda name, at_most: points(name, 1.0))
    assert (kept.digest, kept.n_points) == (None, None)
    more = [Series(name=f"system/{name}", last=2.0, last_step=9) for name in ("cpu", "gpu")]
    found = integrity(record(Contents(series=(kept,))), now(more, values={}))
    assert found.altered == ()


def test_what_we_sent_is_sealed_whatever_its_name():
    values = points("system/accuracy", 0.5)
    held = Held({}, {"system/accuracy": last(values)}, {})
    (kept,) = series_at_end(digests(values), held, lambda *_: values)
    changed = [values[0]._replace(value=0.99)]
    given = now([last(changed)], values={"system/accuracy": changed})
    found = integrity(record(Contents(series=(kept,))), given)
    assert [one.what for one in found.altered] == ["metric system/accuracy"]


def test_a_name_of_ours_that_mlflow_measures_too_is_not_sealed():
    values = points("system/cpu", 1.0, 2.0)
    held = Held({}, {"system/cpu": last(values)}, {})
    (kept,) = series_at_end(digests(values[:1]), held, lambda *_: values)
    more = points("system/cpu", 1.0, 2.0, 3.0)
    given = now([last(more)], values={"system/cpu": more})
    assert integrity(record(Contents(series=(kept,))), given).altered == ()


def test_a_masked_param_is_not_compared_and_a_refused_one_as_mlflow_held_it():
    declared = (Param(name="password", value="<redacted>"), Param(name="lr", value=0.2))
    params = {"password": "hunter2", "lr": "0.1"}
    run = with_held(record(Params(declared=declared), Contents()), Held(params, {}, {}))
    found = integrity(run, now(params=params, tags={}))
    assert [one.what for one in found.altered if one.what.startswith("param")] == []
    assert found.unsealed == ("param password: it was masked in the record",)
    found = integrity(run, now(params={**params, "lr": "0.2"}))
    assert [one.what for one in found.altered if one.what.startswith("param")] == ["param lr"]


def test_long_values_are_told_apart_by_their_digests():
    run = with_held(
        record(Params(declared=(Param(name="text", value="x" * 500),)), Contents()),
        Held({"text": "x" * 500}, {}, {}),
    )
    found = integrity(run, now(params={"text": "x" * 499 + "y"}))
    (told,) = [one for one in found.altered if one.what == "param text"]
    assert told.was != told.now
    assert len(told.was) < 60


# --- what is read back at the end -------------------------------------------------------------


def test_a_series_that_two_loggers_wrote_is_sealed_as_mlflow_holds_it():
    ours = points("loss", 1.0, 2.0)
    theirs = points("loss", 1.0, 2.0, time_ms=5_000)
    held = Held({}, {"loss": last(theirs)}, {})
    (kept,) = series_at_end({"loss": (2, "x")}, held, lambda name, at_most: [*ours, *theirs])
    assert (kept.n_points, kept.is_read_back) == (4, True)
    assert kept.digest == series_read("loss", [*theirs, *ours]).digest


def test_a_series_that_lost_values_before_it_was_sealed_keeps_the_seal_of_those_sent():
    ours = points("loss", 1.0, 2.0)
    held = Held({}, {"loss": last(ours)}, {})
    digest = series_read("loss", ours).digest
    for found in (ours[:1], [ours[0], ours[1]._replace(value=9.0)]):
        (kept,) = series_at_end({"loss": (2, digest)}, held, lambda name, at_most, f=found: f)
        assert (kept.n_points, kept.digest) == (2, digest)


def test_short_series_are_read_back_and_a_long_one_is_not():
    asked = []

    def read(name, at_most):
        asked.append(name)
        return None if name == "long" else points(name, 1.0)

    names = ("long", "a", "b")
    held = Held(
        {},
        {n: Series(name=n, last=1.0, last_step=10**6 if n == "long" else 0) for n in names},
        {},
    )
    kept = {one.name: one for one in series_at_end({}, held, read)}
    assert asked == ["a", "b", "long"]
    assert (kept["long"].digest, kept["long"].n_points, kept["long"].last) == (None, None, 1.0)
    assert kept["a"].is_read_back


def test_reading_back_is_bounded_however_many_series_there_are():
    names = [f"m{i}" for i in range(5_000)]
    held = Held({}, {n: Series(name=n, last=1.0, last_step=0) for n in names}, {})
    asked = []
    list(series_at_end({}, held, lambda name, at_most: asked.append(name) or points(name, 1.0)))
    assert 0 < len(asked) <= READ_POINTS / 100


def test_series_that_were_sent_need_no_reading_to_be_sealed():
    (kept,) = series_at_end({"loss": (3, "blake3-sum:aa")}, None, None)
    assert kept == SeriesContent(name="loss", n_points=3, digest="blake3-sum:aa")


def test_the_outcome_need_not_be_known():
    values = points("loss", 1.0)
    sealed = RunRecord("0" * 32, "run", {"contents": Contents(series=(sent(values),))})
    assert sealed.find(Outcome) is None
    assert integrity(sealed, now([last(values)], values={"loss": values})) == Integrity()
