"""Every kind of tampering with a real store is found, and nothing else."""

import pytest
from mlflow import MlflowClient

from repro.facts.contents import Contents
from repro.facts.fact import Absent
from repro.facts.integrity import Integrity

pytestmark = pytest.mark.slow


def test_an_untouched_run_is_as_sealed(sealed):
    found = sealed.verify()
    assert (found.altered, found.undecided, found.unsealed) == ((), (), ())


# --- status -----------------------------------------------------------------------------------


def test_a_status_that_was_changed_is_found_by_verify_and_by_an_audit(sealed):
    sealed.client.set_terminated(sealed.run_id, "KILLED")
    assert sealed.altered() == [("status", "FINISHED", "KILLED")]
    assert [one.what for one in sealed.record.find(Integrity).altered] == ["status"]


def test_the_status_of_a_later_process_that_left_no_record_is_its_own(sealed):
    sealed.client.set_tag(sealed.run_id, "repro.segment", "2")
    sealed.client.set_terminated(sealed.run_id, "KILLED")
    assert "status" not in [what for what, _, _ in sealed.altered()]


# --- params -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "was"), [("lr", "0.1"), ("theirs", "adam")])
def test_a_param_that_was_changed_is_found_whoever_logged_it(sealed, name, was):
    sealed.sql("UPDATE params SET value = '0.01' WHERE key = ?", name)
    assert sealed.altered() == [(f"param {name}", was, "0.01")]


def test_a_param_that_was_deleted_is_found(sealed):
    sealed.sql("DELETE FROM params WHERE key = 'lr'")
    assert sealed.altered() == [("param lr", "0.1", "nothing")]


def test_a_param_that_was_added_is_found(sealed):
    sealed.client.log_param(sealed.run_id, "dropout", 0.5)
    assert sealed.altered() == [("param dropout", "nothing", "0.5")]


def test_a_secret_that_was_added_is_found_and_not_shown(sealed):
    sealed.client.log_param(sealed.run_id, "password", "hunter2-and-more")
    assert sealed.altered() == [("param password", "nothing", "<redacted>")]


# --- metrics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "time_ms"), [(20, None), (3, None), (3, 1), (3, 2_000_000_000_000)]
)
def test_a_value_that_was_added_is_found_wherever_it_is_put(sealed, step, time_ms):
    sealed.client.log_metric(sealed.run_id, "loss", 0.001, timestamp=time_ms, step=step)
    ((what, was, now),) = sealed.altered()
    assert what == "metric loss"
    assert was.startswith("20 values (")
    assert now.startswith("21 values (")


@pytest.mark.parametrize(
    "change", ["value = 0.5", "step = 100", "timestamp = timestamp + 1", "is_nan = 1"]
)
def test_a_value_that_was_changed_in_the_database_is_found(sealed, change):
    sealed.sql(f"UPDATE metrics SET {change} WHERE key = 'loss' AND step = 7")
    ((what, was, now),) = sealed.altered()
    assert what == "metric loss"
    assert was != now
    assert now.startswith("20 values (")


def test_values_that_were_swapped_between_steps_are_found(sealed):
    sealed.sql("UPDATE metrics SET step = 1007 - step WHERE key = 'loss' AND step IN (3, 4)")
    sealed.sql("UPDATE metrics SET step = step - 1000 WHERE key = 'loss' AND step > 1000")
    assert [what for what, _, _ in sealed.altered()] == ["metric loss"]


def test_a_value_that_was_deleted_is_found(sealed):
    sealed.sql("DELETE FROM metrics WHERE key = 'loss' AND step = 0")
    ((what, _, now),) = sealed.altered()
    assert (what, now[:9]) == ("metric loss", "19 values")


def test_a_series_that_was_deleted_is_found(sealed):
    for table in ("metrics", "latest_metrics"):
        sealed.sql(f"DELETE FROM {table} WHERE key = 'test/error'")
    ((what, was, now),) = sealed.altered()
    assert (what, was[:8], now) == ("metric test/error", "1 value ", "nothing")


def test_a_series_that_was_added_is_found(sealed):
    sealed.client.log_metric(sealed.run_id, "test/accuracy", 1.0)
    assert sealed.altered() == [("metric test/accuracy", "nothing", "1.0 at step 0")]


def test_a_series_of_another_logger_is_sealed_too(sealed):
    sealed.sql("UPDATE metrics SET value = 0.1 WHERE key = 'their_loss'")
    assert [what for what, _, _ in sealed.altered()] == ["metric their_loss"]


def test_what_mlflow_shows_as_the_last_value_is_compared_with_what_it_was(sealed):
    sealed.sql("UPDATE latest_metrics SET value = 0.0 WHERE key = 'test/error'")
    assert sealed.altered() == [("metric test/error", "1.0 at step 0", "0.0 at step 0")]


# --- tags -------------------------------------------------------------------------------------


def test_a_tag_of_ours_that_was_changed_is_found(sealed):
    sealed.client.set_tag(sealed.run_id, "repro.seed", "4")
    assert sealed.altered() == [("tag repro.seed", "3", "4")]


def test_a_tag_of_ours_that_was_deleted_is_found(sealed):
    sealed.client.delete_tag(sealed.run_id, "repro.seed")
    assert sealed.altered() == [("tag repro.seed", "3", "nothing")]


def test_a_tag_of_ours_that_was_added_is_found(sealed):
    sealed.client.set_tag(sealed.run_id, "repro.protocol", "00000000")
    assert sealed.altered() == [("tag repro.protocol", "nothing", "00000000")]


def test_what_our_commands_write_later_is_no_alteration(sealed):
    for name in ("verified", "audit", "heartbeat", "instead_of", "copied_to", "copied_from"):
        sealed.client.set_tag(sealed.run_id, f"repro.{name}", "later")
    assert sealed.verify().exit_code == 0


def test_what_people_edit_in_the_ui_is_no_alteration(sealed):
    sealed.client.set_tag(sealed.run_id, "mlflow.note.content", "the good one")
    sealed.client.set_tag(sealed.run_id, "arm", "baseline")
    sealed.client.update_run(sealed.run_id, name="another name")
    assert sealed.verify().exit_code == 0
    assert sealed.record.find(Integrity) == Integrity(
        unsealed=sealed.record.find(Integrity).unsealed
    )


# --- artifacts --------------------------------------------------------------------------------


def evidence(sealed):
    return sealed.record.find(Contents).files[0].path


def test_an_artifact_of_ours_that_was_changed_is_found(sealed):
    path = evidence(sealed)
    (sealed.artifacts / path).write_bytes(b"other rows")
    ((what, was, now),) = sealed.altered()
    assert what == f"artifact {path}"
    assert was.startswith("blake3:")
    assert now.startswith("blake3:")


def test_an_artifact_of_ours_that_was_deleted_is_found(sealed):
    path = evidence(sealed)
    (sealed.artifacts / path).unlink()
    ((what, _, now),) = sealed.altered()
    assert (what, now) == (f"artifact {path}", "nothing")


def test_an_artifact_of_somebody_else_is_theirs(sealed, tmp_path):
    (tmp_path / "plot.png").write_bytes(b"a plot")
    sealed.client.log_artifact(sealed.run_id, str(tmp_path / "plot.png"))
    sealed.client.log_artifact(sealed.run_id, str(tmp_path / "plot.png"), "repro")
    assert sealed.verify().exit_code == 0


def test_an_artifact_that_cannot_be_fetched_was_perhaps_not_altered(sealed, monkeypatch):
    path = evidence(sealed)

    def refused(*_):
        raise OSError("no route to host")

    monkeypatch.setattr(MlflowClient, "list_artifacts", refused)
    (sealed.artifacts / path).unlink()
    found = sealed.verify()
    assert (found.altered, found.exit_code) == ((), 3)
    assert found.undecided[0].startswith(f"artifact {path}: {path} of run ")


# --- what an audit reads ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("UPDATE params SET value = '1' WHERE key = 'lr'", "param lr"),
        ("UPDATE latest_metrics SET value = 0 WHERE key = 'loss'", "metric loss"),
        ("DELETE FROM latest_metrics WHERE key = 'loss'", "metric loss"),
        ("UPDATE tags SET value = '4' WHERE key = 'repro.seed'", "tag repro.seed"),
    ],
)
def test_an_audit_reads_what_is_cheap_and_says_what_it_did_not(sealed, command, what):
    assert sealed.record.find(Integrity).altered == ()
    sealed.sql(command)
    found = sealed.record.find(Integrity)
    assert [one.what for one in found.altered] == [what]
    (unsealed,) = found.unsealed
    assert unsealed.endswith("the last value alone was compared; `repro verify` reads all of them")


def test_an_audit_reads_the_artifacts_of_ours(sealed):
    path = evidence(sealed)
    (sealed.artifacts / path).write_bytes(b"other rows")
    assert [one.what for one in sealed.record.find(Integrity).altered] == [f"artifact {path}"]


def test_whether_a_run_that_goes_on_again_is_altered_cannot_be_told(sealed):
    sealed.client.update_run(sealed.run_id, status="RUNNING")
    assert sealed.record.get(Integrity) == Absent(
        reason="MLflow says RUNNING: it was resumed, or its end was not written",
        kind="not_recorded",
    )
    assert sealed.verify().exit_code == 3
