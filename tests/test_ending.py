"""What the end of a block means, and signals; test_run_endings.py ends runs."""

import asyncio
import contextlib
import os
import signal
import threading

import pytest
from signal_handlers import HUP, TERM, handler

from repro.ending import TRACEBACK_CHARACTERS, Signals, ending_of

pytestmark = pytest.mark.usefixtures("handlers_given_back")


@contextlib.contextmanager
def watched():
    signals = Signals()
    signals.watch()
    signals.release()
    try:
        yield signals
    finally:
        signals.give_back()


# --- what an exception means ------------------------------------------------------------------


class Mute(ValueError):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "status", "text", "reason"),
    [
        (None, "FINISHED", None, None),
        (SystemExit(), "FINISHED", None, None),
        (SystemExit(0), "FINISHED", None, None),
        (SystemExit(0.0), "FAILED", "SystemExit: 0.0", None),  # Python exits with 1
        (SystemExit(3), "FAILED", "SystemExit: 3", None),
        (SystemExit("no data"), "FAILED", "SystemExit: no data", None),
        (ValueError("no data"), "FAILED", "ValueError: no data", None),
        (KeyboardInterrupt(), "KILLED", "KeyboardInterrupt", "SIGINT"),
        (
            asyncio.CancelledError(),
            "KILLED",
            "CancelledError",
            "its asyncio task was cancelled",
        ),
        (
            GeneratorExit(),
            "KILLED",
            "GeneratorExit",
            "the generator around the block was closed before its end",
        ),
        (Mute(), "FAILED", "Mute: RuntimeError: no text", None),
    ],
)
def test_the_exception_that_left_the_block_tells_how_it_ended(error, status, text, reason):
    ending = ending_of(error)
    assert (ending.status, ending.error, ending.reason) == (status, text, reason)


def test_a_failed_run_keeps_the_last_whole_lines_of_the_traceback_without_secrets(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "hunter2-and-more")

    def deep(n):
        if n == 0:
            raise ValueError("cannot open hunter2-and-more")
        (deep if n % 2 else (lambda m: deep(m)))(n - 1)

    with pytest.raises(ValueError, match="cannot open") as caught:
        deep(90)
    text = ending_of(caught.value).traceback
    assert 3_000 < len(text) <= TRACEBACK_CHARACTERS
    assert text.startswith("  ")
    assert "ValueError: cannot open" in text.splitlines()[-1]
    assert "hunter2" not in text


def test_what_breaks_in_while_the_error_is_written_down_does_not_hide_it(monkeypatch):
    def broken(error):
        raise RuntimeError("DataLoader worker (pid 7) is killed")

    monkeypatch.setattr("traceback.TracebackException.from_exception", broken)
    ending = ending_of(ValueError("first"))
    assert (ending.status, ending.error) == ("FAILED", "ValueError: first")
    assert ending.traceback == "RuntimeError: DataLoader worker (pid 7) is killed"


# --- signals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [TERM, HUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_raises_in_the_main_thread_so_that_finally_blocks_run(number):
    ran = []

    def train():
        try:
            signal.raise_signal(number)
        finally:
            ran.append("finally")

    with watched() as signals:
        with pytest.raises(SystemExit) as caught:
            train()
        signal.raise_signal(number)  # within a second: a launcher's, to the process and its group
    ending = signals.ending(caught.value)
    assert ran == ["finally"]
    assert caught.value.code == 128 + number
    assert (ending.status, ending.reason) == ("KILLED", signal.Signals(number).name)


def test_a_signal_that_nothing_followed_is_told_by_its_name_and_the_place_in_the_program():
    with watched() as signals, pytest.raises(SystemExit) as caught:
        signal.raise_signal(TERM)
    ending = signals.ending(caught.value)
    assert (ending.reason, ending.error) == ("SIGTERM", None)
    assert "ending.py" not in ending.traceback.replace(__file__, "")
    assert ending.traceback.splitlines()[-1] == "    signal.raise_signal(TERM)"


def test_another_exit_code_after_a_signal_stays_the_error():
    with watched() as signals, pytest.raises(SystemExit):
        signal.raise_signal(TERM)
    ending = signals.ending(SystemExit(3))
    assert (ending.reason, ending.error) == ("SIGTERM", "SystemExit: 3")


def test_a_second_signal_that_is_no_repeat_ends_the_process_at_once(monkeypatch):
    child = os.fork()
    if child == 0:
        with watched():
            with contextlib.suppress(SystemExit):
                signal.raise_signal(TERM)
            signal.raise_signal(TERM)
            monkeypatch.setattr("repro.ending.REPEAT_SECONDS", 0.0)
            signal.raise_signal(TERM)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -TERM


def test_any_exception_after_a_signal_was_caused_by_it():
    with handler(TERM, lambda *_: None), watched() as signals:
        signal.raise_signal(TERM)
    ending = signals.ending(RuntimeError("a worker is gone"))
    assert (ending.status, ending.reason) == ("KILLED", "SIGTERM")
    assert ending.error == "RuntimeError: a worker is gone"
    assert "RuntimeError: a worker is gone" in ending.traceback
    assert signals.ending(SystemExit(0)).status == "KILLED"


def test_a_handler_that_was_there_is_called_and_takes_the_next_signal_alone():
    calls = []
    with handler(TERM, lambda number, frame: calls.append((number, frame is not None))):
        with watched() as signals:
            signal.raise_signal(TERM)
            signal.raise_signal(TERM)
        signal.raise_signal(TERM)
    assert calls == [(TERM, True)] * 3
    ending = signals.ending(None)
    assert (ending.status, ending.reason) == ("FINISHED", None)
    assert ending.notes == ("SIGTERM came while it ran; the block handled it, and ended by itself",)


def test_an_ignored_signal_stays_ignored():
    with handler(HUP, signal.SIG_IGN):
        with watched() as signals:
            assert signal.getsignal(HUP) == signal.SIG_IGN
            signal.raise_signal(HUP)
        assert signals.ending(None).notes == ()
    assert signals.unwatched is None


def test_a_handler_that_was_set_inside_the_block_stays():
    def theirs(*_):
        pass

    with watched():
        signal.signal(TERM, theirs)
    assert signal.getsignal(TERM) is theirs
    signal.signal(TERM, signal.SIG_DFL)


def test_a_handler_set_inside_the_block_may_call_ours():
    with watched() as signals:
        ours = signal.getsignal(TERM)
        signal.signal(TERM, lambda number, frame: ours(number, frame))
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(TERM)
        signal.signal(TERM, signal.SIG_DFL)
    assert signals.ending(caught.value).reason == "SIGTERM"


def test_of_nested_blocks_each_learns_of_the_signal_and_the_handlers_come_back_in_order():
    calls = []
    with handler(TERM, calls.append):  # would fail if it were called: it takes one argument
        theirs = signal.getsignal(TERM)
        with watched():
            outer = signal.getsignal(TERM)
            with watched():
                assert signal.getsignal(TERM) is not outer
            assert signal.getsignal(TERM) is outer
        assert signal.getsignal(TERM) is theirs
    with watched() as first:
        with watched() as second:
            with pytest.raises(SystemExit) as caught:
                signal.raise_signal(TERM)
            assert second.ending(caught.value).reason == "SIGTERM"
        assert first.ending(caught.value).reason == "SIGTERM"


def test_blocks_that_end_in_the_order_they_began_give_back_what_was_there():
    first, second = Signals(), Signals()
    first.watch()
    second.watch()
    first.give_back()
    second.give_back()
    assert signal.getsignal(TERM) == signal.SIG_DFL


def test_while_a_run_is_opened_or_ended_a_signal_waits():
    with watched() as signals:
        signals.hold()
        signal.raise_signal(TERM)
        assert signals.ending(None).status == "FINISHED"
        assert signals.ending(None).notes == ()
        with pytest.raises(SystemExit) as caught:
            signals.release()
    assert signals.ending(caught.value).reason == "SIGTERM"


def test_a_signal_that_came_while_the_run_was_ended_acts_after_the_handlers_were_given_back():
    signals = Signals()
    signals.watch()
    signal.raise_signal(TERM)
    with pytest.raises(SystemExit):
        signals.give_back()
    assert signal.getsignal(TERM) == signal.SIG_DFL


def test_outside_the_main_thread_it_says_what_cannot_be_watched():
    found = []

    def look():
        with watched() as signals:
            found.append((signals.unwatched, signal.getsignal(TERM)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [
        (
            "SIGTERM and SIGHUP cannot be watched here, only in the main thread and above "
            "handlers of Python's: `repro recover` closes a run that they end",
            signal.SIG_DFL,
        )
    ]


def test_a_signal_to_a_forked_child_is_its_own():
    with watched() as signals:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(SystemExit):
                signal.raise_signal(TERM)
            os._exit(7)  # reached only if the signal did not kill
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -TERM
        assert signals.came == []
        assert signals.ending(None).status == "FINISHED"


def test_a_forked_child_may_watch_for_itself():
    with watched():
        child = os.fork()
        if child == 0:
            code = 1
            with watched() as signals:
                try:
                    signal.raise_signal(TERM)
                except SystemExit as error:
                    code = 7 if signals.ending(error).reason == "SIGTERM" else 2
            os._exit(code + (signal.getsignal(TERM) != signal.SIG_DFL))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_after_the_block_a_handler_that_someone_kept_does_what_would_be_done_without_it():
    child = os.fork()
    if child == 0:
        with watched():
            kept = signal.getsignal(TERM)
        signal.signal(TERM, kept)
        with contextlib.suppress(SystemExit):
            signal.raise_signal(TERM)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -TERM
