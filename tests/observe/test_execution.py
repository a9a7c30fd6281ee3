"""How a process was started is known, wherever the script has gone since."""

import sys

from repro.observe import execution


def test_the_folder_of_the_command_is_not_where_the_script_went(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-u", "jobs/train.py", "--token=abc"])
    script = f"{tmp_path}/jobs/train.py"
    monkeypatch.setattr(sys.modules["__main__"], "__file__", script, raising=False)
    monkeypatch.chdir(tmp_path / "data")
    found = execution.at_start(2, None)
    assert found.folder == str(tmp_path)
    assert found.command == ("-u", "jobs/train.py", "--token=<redacted>")
    assert found.number == 2


def test_a_module_is_started_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "vision.train"])
    script = "/site/vision/train.py"
    monkeypatch.setattr(sys.modules["__main__"], "__file__", script, raising=False)
    monkeypatch.chdir(tmp_path)
    assert execution.at_start(1, None).folder == str(tmp_path)
