import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.store import alive
from repro.store.alive import Alive, Sign, is_live, last_sign

FULL_DISK = Path("/dev/full")
HOLD = (
    "import sys; from pathlib import Path; from repro.store.alive import Alive;"
    "held = Alive(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline();"
    "held.close()"
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def held(folder):
    opened = Alive(folder)
    yield opened
    opened.close()


@pytest.fixture
def other(folder):
    """Another process that is alive."""
    started = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert started.stdout.readline() == b"held\n"
    yield started
    started.kill()
    started.wait(10)
    started.stdin.close()
    started.stdout.close()


def asked_elsewhere(folder):
    """What another process says of it."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(40 + is_live(folder))
    return {40: False, 41: True}[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]


def leave_sign(folder, **changed):
    """As a killed process leaves it."""
    folder.mkdir(exist_ok=True)
    sign = {"process": 1, "host": socket.gethostname(), "boot": alive._boot(), "at": time.time()}
    (folder / "alive").write_text(json.dumps({**sign, **changed}))
    (folder / "held").touch()


def test_a_run_is_live_until_it_ends(folder):
    assert not is_live(folder)
    held = Alive(folder)
    assert is_live(folder)
    assert asked_elsewhere(folder)
    held.close()
    assert not is_live(folder)
    assert list(folder.iterdir()) == []
    held.close()


def test_the_sign_tells_process_host_and_time(folder, held):
    sign = last_sign(folder)
    assert (sign.process, sign.host) == (os.getpid(), socket.gethostname())
    assert abs(sign.at - time.time()) < 10
    assert (sign.is_from_here, sign.is_recent) == (True, True)


def test_asking_in_the_process_itself_does_not_give_the_lock_away(folder, held):
    for _ in range(3):
        assert is_live(folder)
        assert last_sign(folder).process == os.getpid()
    assert asked_elsewhere(folder)


def test_a_lock_that_was_given_away_is_taken_again_at_the_next_beat(folder, held):
    (folder / "held").read_bytes()  # as a backup of the folder does, in the same process
    assert not asked_elsewhere(folder)
    held.beat()
    assert asked_elsewhere(folder)


def test_a_folder_that_was_deleted_is_held_again_at_the_next_beat(folder, held):
    shutil.rmtree(folder)
    held.beat()
    assert asked_elsewhere(folder)
    assert last_sign(folder).process == os.getpid()


@pytest.mark.slow
def test_a_held_lock_proves_life_whatever_the_sign_says(folder, other):
    leave_sign(folder, process=other.pid, host="elsewhere", at=time.time() - 300)
    assert is_live(folder)


def test_the_exit_of_a_forked_child_does_not_release_the_lock(folder, held):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert asked_elsewhere(folder)


@pytest.mark.slow
def test_a_run_of_another_process_is_live_until_it_is_killed(folder, other):
    assert is_live(folder)
    assert is_live(folder)  # the first question did not take the lock
    other.send_signal(signal.SIGSTOP)
    assert is_live(folder)
    other.kill()
    other.wait(10)
    assert not is_live(folder)
    assert last_sign(folder).process == other.pid


@pytest.mark.slow
def test_a_killed_run_is_dead_though_its_forked_child_lives_on(folder):
    program = (
        "import os, sys, time; from pathlib import Path; from repro.store.alive import Alive;"
        "held = Alive(Path(sys.argv[1])); child = os.fork();"
        "child or time.sleep(30); child and print(child, flush=True);"
        "child and time.sleep(30)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    try:
        assert is_live(folder)
        parent.kill()
        parent.wait(10)
        os.kill(child, 0)
        assert not is_live(folder)
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()


@pytest.mark.slow
def test_a_run_that_ended_in_another_process_is_dead_at_once(folder, other):
    other.communicate(b"\n", timeout=10)
    assert not is_live(folder)


def test_a_killed_run_whose_process_number_is_ours_now_is_dead(folder):
    leave_sign(folder, process=os.getpid())
    assert not is_live(folder)


def test_a_killed_run_of_this_machine_is_dead_however_recent_its_sign(folder):
    leave_sign(folder)
    assert not is_live(folder)


@pytest.mark.parametrize(("seconds", "expected"), [(0, True), (100, True), (130, False)])
@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"boot": "another"}, {"boot": None}])
def test_a_run_of_another_machine_is_live_while_its_signs_are_recent(
    folder, seconds, expected, other
):
    leave_sign(folder, **other, at=time.time() - seconds)
    assert is_live(folder) is expected


@pytest.mark.parametrize("content", ["", "{}", "null", "[1]", '{"process": null}', "\x00" * 512])
def test_a_garbled_sign_says_nothing_and_the_lock_still_tells(folder, held, content):
    (folder / "alive").write_text(content)
    assert last_sign(folder) == Sign()
    assert is_live(folder)
    assert asked_elsewhere(folder)
    held.close()
    (folder / "alive").write_text(content)
    (folder / "held").touch()
    assert not is_live(folder)


@pytest.mark.skipif(not FULL_DISK.exists(), reason="no /dev/full on this system")
def test_a_full_disk_leaves_the_lock_to_tell(folder):
    folder.mkdir()
    (folder / "alive").symlink_to(FULL_DISK)
    held = Alive(folder)
    held.beat()
    (folder / "alive").unlink()  # reading it would never end
    assert is_live(folder)
    assert asked_elsewhere(folder)
    held.close()


def test_a_file_system_without_locks_leaves_the_heartbeat_to_tell(folder, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    held = Alive(folder)
    assert asked_elsewhere(folder)
    leave_sign(folder, at=time.time() - 130)
    assert not asked_elsewhere(folder)
    held.close()


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path):
    (tmp_path / "file").touch()
    held = Alive(tmp_path / "file" / "run")
    held.beat()
    held.close()


def test_a_sign_is_left_every_ten_seconds_and_not_oftener(folder, held, monkeypatch):
    first = last_sign(folder)
    held.beat()
    assert last_sign(folder) == first
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 11)
    held.beat()
    assert last_sign(folder).at > first.at


def test_a_shorter_sign_leaves_no_end_of_a_longer_one(folder, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 200)
    held = Alive(folder)
    monkeypatch.undo()
    held._next = 0.0
    held.beat()
    assert last_sign(folder).host == socket.gethostname()
    held.close()
