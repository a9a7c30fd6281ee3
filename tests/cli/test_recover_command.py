"""`repro recover` and `repro status` as a person meets them."""

import re

import pytest
from browser import _free_port
from click.testing import CliRunner
from orphans import killed_run

import repro
from repro.cli.main import main
from repro.store.location import scratch

pytestmark = pytest.mark.slow


def command(*words):
    result = CliRunner().invoke(main, list(map(str, words)))
    return result.exit_code, result.stdout, result.stderr


def log_steps(run):
    for step in range(10):
        run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)


def test_status_lists_what_is_left_and_what_goes_on(project):
    run_id = killed_run(log_steps, "orphan")
    with repro.tracked_run("whole", seed=0, quiet=True):
        pass
    with repro.tracked_run("alive", seed=0, quiet=True) as alive:
        code, out, err = command("status")
    assert (code, err) == (1, "")
    head, first, second, _, last = out.splitlines()
    assert re.split(r"  +", head) == [
        "run",
        "name",
        "state",
        "unshipped",
        "last sign (UTC)",
        "store",
        "left to do",
    ]
    assert re.split(r"  +", first)[:4] == [run_id[:8], "orphan", "orphaned", "10"]
    assert first.endswith(f"{project.uri}  10 values, the record, the end")
    assert re.split(r"  +", second)[:4] == [alive.run_id[:8], "alive", "live", "0"]
    assert last == "1 of 3: `repro recover` does what is left"


def test_status_exits_0_when_nothing_is_left_and_lists_all_if_asked(project):
    assert command("status") == (0, "nothing is left to do (0 journals)\n", "")
    with repro.tracked_run("whole", seed=0, quiet=True):
        pass
    assert command("status") == (0, "nothing is left to do (1 journal)\n", "")
    code, out, _ = command("status", "--all")
    assert code == 0
    assert re.split(r"  +", out.splitlines()[1])[1:4] == ["whole", "FINISHED", "0"]


def test_status_of_a_folder(project, tmp_path):
    run_id = killed_run(log_steps, "orphan")
    folder = project.root / "mlruns" / "journal"
    assert command("status", folder)[0] == command("status", folder / run_id)[0] == 1
    (tmp_path / "empty").mkdir()
    assert command("status", tmp_path / "empty")[:2] == (0, "nothing is left to do (0 journals)\n")
    code, _, err = command("status", tmp_path / "none")
    assert (code, err) == (
        2,
        f"error: there is no folder {tmp_path}/none. Name that of a run, or one of several.\n",
    )


def test_a_garbled_journal_is_listed_and_recovered(project):
    run_id = killed_run(log_steps)
    folder = project.root / "mlruns" / "journal"
    (folder / run_id / "events.jsonl").write_bytes(b"\x00\xff not a line\n[]\n")
    (folder / run_id / "shipped").write_bytes(b"{")
    code, out, _ = command("status")
    assert code == 1
    assert f"{run_id[:8]}  {run_id[:8]}  orphaned  10" in out
    assert "unknown: no event says it" in out
    (folder / "foreign").mkdir()
    (folder / "foreign" / "events.jsonl").write_bytes(b"")
    code, out, _ = command("recover")
    assert code == 1
    assert "10 values sent" in out
    assert "foreign (foreign): NOT RECOVERED: " in out


def test_recover_says_what_it_did_and_then_that_nothing_is_left(project):
    run_id = killed_run(log_steps, "orphan")
    code, out, err = command("recover")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        rf"orphan \({run_id[:8]}\): 10 values sent; record stored, sealed [0-9a-f]{{8}}; "
        rf"ended as KILLED\n",
        out,
    )
    assert command("recover") == (0, "nothing is left to recover\n", "")
    assert command("status")[0] == 0
    assert "KILLED" in command("show", "orphan")[1]


def test_recover_exits_1_when_something_is_left_and_2_for_an_unknown_run(project):
    killed_run(log_steps, "orphan")
    (project.root / "mlruns" / "mlflow.db").unlink()
    code, out, _ = command("recover")
    assert code == 1
    assert "NOT RECOVERED: there is no store at" in out
    assert command("recover", "nobody")[0] == 2


def test_the_folder_of_a_project_or_of_its_store_does_for_that_of_its_journals(
    project, tmp_path, monkeypatch
):
    run_id = killed_run(log_steps, "orphan")
    monkeypatch.chdir(tmp_path)
    assert run_id[:8] in command("status", project.root)[1]
    assert run_id[:8] in command("status", project.root / "mlruns")[1]
    code, out, _ = command("recover", project.root)
    assert code == 0
    assert out.startswith(f"orphan ({run_id[:8]}): 10 values sent")


def test_what_waits_for_a_server_is_counted_after_the_list(project, monkeypatch):
    url = f"http://127.0.0.1:{_free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    for _ in range(2):
        with repro.tracked_run("offline", seed=0, quiet=True):
            pass
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    line = f"2 runs wait for {url}: `repro recover` copies them there when it answers"
    for name in ("status", "recover"):
        code, out, _ = command(name)
        assert (code, out.splitlines()[-1]) == (1, line)


def test_recovering_one_run_tells_of_the_others(project):
    def nested(run):
        for name in ("one", "two"):
            repro.tracked_run(name, seed=0, quiet=True).__enter__()
        log_steps(run)

    killed_run(nested, "parent")
    code, out, _ = command("recover", "parent")
    assert (code, out.splitlines()[1:]) == (
        0,
        ["2 other runs have something left: `repro recover`"],
    )
    assert len(command("recover")[1].splitlines()) == 2


def test_a_run_of_a_project_that_could_not_be_written_is_found(project, tmp_path, monkeypatch):
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    wanted = project.root / "mlruns"
    wanted.rename(project.root / "away")
    wanted.write_text("no folder")
    run_id = killed_run(log_steps, "orphan")
    assert (scratch() / "mlruns" / "journal" / run_id).is_dir()
    wanted.unlink()
    code, out, _ = command("status")
    assert (code, run_id[:8] in out) == (1, True)
    code, out, _ = command("recover", "orphan")
    assert code == 0, out
    assert f"copied to {project.uri} as " in out  # a store that was not there
