import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from repro.errors import UsageError
from repro.launch import CPU, THREADS, environment, fixed, launch, parse_seed, parse_seeds

PYTHON = sys.executable
# Appends its seed to a file, then leaves as it is told to.
CHILD = "import os, sys; print(os.environ['REPRO_SEED'], file=open(sys.argv[1], 'a')); "
LAUNCH = "import sys; from repro.launch import launch; sys.exit(launch(sys.argv[1:], range(3)))"


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", (3,)),
        ("0..2", (0, 1, 2)),
        ("5..5", (5,)),
        ("7,1..2, 4", (7, 1, 2, 4)),
        (" 1 , 2 ", (1, 2)),
    ],
)
def test_seeds_are_read_in_their_order(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "1,", ",", "1..", "..3", "3..1", "-1", "1-3", "1.5", "0...3", "1 2"]
)
def test_what_names_no_seeds_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse_seeds(text)
    assert str(caught.value) == (f"--seeds {text!r} names no seeds. Write 0..4, 3, or 1,5,7..9.")


@pytest.mark.parametrize("text", ["1,1", "0..3,2"])
def test_a_seed_named_twice_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse_seeds(text)
    assert str(caught.value) == f"--seeds {text!r} names a seed twice. Name each seed once."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"0,{2**64}", f"--seeds '0,{2**64}': {2**64} is too large. A seed is at most 2**64 - 1."),
        ("0..999999999", "--seeds '0..999999999' asks for more than 10000 runs. Name fewer."),
    ],
)
def test_seeds_that_no_generator_takes_or_nobody_can_run_are_refused(text, message):
    with pytest.raises(UsageError) as caught:
        parse_seeds(text)
    assert str(caught.value) == message


def test_what_was_asked_for_stands_over_the_environment():
    asked = fixed(threads="2", hash_seed="7", cpu="avx2")
    assert asked == {
        **dict.fromkeys(THREADS, "2"),
        **dict(zip(CPU, ("avx2", "AVX2", "AVX2", "Haswell"), strict=True)),
        "PYTHONHASHSEED": "7",
    }
    told = environment({"OMP_NUM_THREADS": "8", "PYTHONHASHSEED": "3", "A": "1"}, 0, asked)
    assert told == {**asked, "A": "1", "REPRO_SEED": "0"}
    assert environment({}, None, fixed(hash_seed="random")) == {"PYTHONHASHSEED": "random"}
    assert fixed() == {}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: parse_seed("-1"), f"--seed '-1': write a whole number from 0 to {2**64 - 1}."),
        (lambda: fixed(threads="0"), "--threads '0': write a whole number from 1 to 4096."),
        (
            lambda: fixed(threads="\u0663"),
            "--threads '\u0663': write a whole number from 1 to 4096.",
        ),
        (
            lambda: fixed(hash_seed=str(2**32)),
            f"--hash-seed '{2**32}': write a whole number from 0 to {2**32 - 1}, or random.",
        ),
        (
            lambda: fixed(cpu="AVX2"),
            "--cpu 'AVX2': write default, avx2, avx512; or leave it out for the best.",
        ),
    ],
)
def test_a_value_that_would_be_ignored_later_is_refused_with_those_that_would_do(ask, message):
    with pytest.raises(UsageError) as caught:
        ask()
    assert str(caught.value) == message


@pytest.mark.slow
def test_what_was_asked_for_is_in_effect_in_the_child(capfd):
    program = (
        "import sys, torch; from threadpoolctl import threadpool_info as pools; "
        "print(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability(), "
        "{pool['num_threads'] for pool in pools()}, sys.flags.hash_randomization)"
    )
    asked = fixed(threads="1", hash_seed="0", cpu="default")
    assert launch([PYTHON, "-c", program], (None,), asked) == 0
    assert capfd.readouterr().out == "1 DEFAULT {1} 0\n"


def test_the_environment_fixes_the_order_of_sets_unless_the_user_did():
    assert environment({"A": "1"}, 7) == {"A": "1", "PYTHONHASHSEED": "0", "REPRO_SEED": "7"}
    assert environment({"PYTHONHASHSEED": "3"}, None) == {"PYTHONHASHSEED": "3"}
    assert environment({"REPRO_SEED": "1"}, None)["REPRO_SEED"] == "1"


def test_the_environment_of_the_caller_is_not_changed():
    base = {"A": "1"}
    environment(base, 7)
    assert base == {"A": "1"}


def test_the_command_runs_once_for_each_seed_one_after_the_other(tmp_path, capfd):
    seen = tmp_path / "seen"
    assert launch([PYTHON, "-c", CHILD, str(seen)], (4, 2)) == 0
    assert seen.read_text() == "4\n2\n"
    assert [line.partition(":")[0] for line in capfd.readouterr().err.splitlines()] == [
        "repro  seed 4",
        "repro  seed 2",
    ]


def test_without_seeds_the_command_runs_once_as_it_is(capfd, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    program = "import os; print(os.environ.get('REPRO_SEED'), os.environ['PYTHONHASHSEED'])"
    assert launch([PYTHON, "-c", program], (None,)) == 0
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("None 0\n", "")


def test_a_seed_that_fails_does_not_keep_the_others_from_running(tmp_path):
    seen = tmp_path / "seen"
    program = CHILD + "sys.exit({'0': 0, '1': 7, '2': 9}[os.environ['REPRO_SEED']])"
    assert launch([PYTHON, "-c", program, str(seen)], range(3)) == 7
    assert seen.read_text() == "0\n1\n2\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("os.kill(os.getpid(), 9)", 137),
        ("os.kill(os.getpid(), 15)", 143),
        ("sys.exit(130)", 130),
        ("sys.exit(143)", 143),
    ],
)
def test_a_child_that_is_killed_stops_the_series(tmp_path, ending, code):
    seen = tmp_path / "seen"
    assert launch([PYTHON, "-c", CHILD + ending, str(seen)], range(3)) == code
    assert seen.read_text() == "0\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("ending", ["killed", "graceful", "failed"])
def test_a_signal_reaches_the_child_and_stops_the_series(tmp_path, number, ending):
    seen, ready = tmp_path / "seen", tmp_path / "ready"
    trap = {
        "killed": "",
        "graceful": f"signal.signal({int(number)}, lambda *_: sys.exit(0)); ",
        "failed": f"signal.signal({int(number)}, lambda *_: sys.exit(5)); ",
    }[ending]
    program = CHILD + f"import signal, time; {trap}open(sys.argv[2], 'w'); time.sleep(20)"
    command = [PYTHON, "-c", LAUNCH, PYTHON, "-c", program, str(seen), str(ready)]
    started = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for(ready)
    if number == signal.SIGINT:  # as a terminal does it: to the whole group
        os.killpg(started.pid, number)
    else:
        started.send_signal(number)
    assert started.wait(10) == 128 + number
    assert seen.read_text() == "0\n"


@pytest.mark.slow
def test_what_the_child_reads_and_writes_goes_through_to_the_byte():
    content = bytes(range(256)) * 1000
    copy = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.stderr.write('\\r1%')"
    one = "import sys; from repro.launch import launch; sys.exit(launch(sys.argv[1:], (None,)))"
    done = subprocess.run(
        [PYTHON, "-c", one, PYTHON, "-c", copy], input=content, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, content, b"\r1%")


@pytest.mark.slow
def test_a_signal_that_was_ignored_stays_ignored_as_under_nohup(tmp_path):
    seen, ready = tmp_path / "seen", tmp_path / "ready"
    program = CHILD + "import time; open(sys.argv[2], 'w'); time.sleep(0.5)"
    command = [PYTHON, "-c", LAUNCH, PYTHON, "-c", program, str(seen), str(ready)]
    started = subprocess.Popen(["nohup", *command], stderr=subprocess.DEVNULL, cwd=tmp_path)
    wait_for(ready)
    started.send_signal(signal.SIGHUP)
    assert started.wait(20) == 0
    assert seen.read_text() == "0\n1\n2\n"


def wait_for(path):
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


def test_the_handlers_of_the_caller_are_given_back():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    for command in ([PYTHON, "-c", ""], ["no-such-program"]):
        with suppress(UsageError):
            launch(command, (None,))
        assert [signal.getsignal(number) for number in numbers] == before
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.slow
def test_a_signal_that_does_not_wake_the_waiting_thread_is_passed_on_all_the_same(tmp_path):
    # As one that comes right before the wait, which no test can time: another thread is woken.
    ready = tmp_path / "ready"
    program = f"import time; open({str(ready)!r}, 'w'); time.sleep(20)"

    def wake_this_thread():
        wait_for(ready)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    threading.Thread(target=wake_this_thread).start()
    begin = time.monotonic()
    assert launch([PYTHON, "-c", program], (None,)) == 128 + signal.SIGTERM
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    ("command", "reason"),
    [("no-such-program", "No such file or directory"), (os.devnull, "Permission denied")],
)
def test_a_command_that_cannot_be_started_is_refused_with_the_whole_story(command, reason):
    with pytest.raises(UsageError) as caught:
        launch([command, "x"], (None,))
    assert str(caught.value) == (
        f"{command!r} cannot be started: {reason}. "
        f"Write the command after --, as in: repro run -- python train.py"
    )
