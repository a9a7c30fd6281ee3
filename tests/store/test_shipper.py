import os
import random
import signal
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest
from journal_values import in_files
from shipping import DEAD, Sink, digests, log, wait_until

from repro.errors import UsageError
from repro.store import alive, shipper
from repro.store.journal import points_files
from repro.store.journaled import n_unshipped
from repro.store.shipper import pause


def test_points_arrive_in_order_and_nothing_is_left(start_shipping):
    sink = Sink()
    shipping = start_shipping(sink)
    for step in range(10):
        shipping.log({"loss": float(step), "lr": 0.1}, step=step)
    assert shipping.drain(10) == 0
    losses = [(p.step, p.value) for p in sink.points if p.key == "loss"]
    assert losses == [(step, float(step)) for step in range(10)]
    assert len(sink.points) == 20
    assert (shipping.n_lost, shipping.n_refused, shipping.last_error) == (0, 0, None)


def test_points_are_sent_while_the_training_goes_on(start_shipping):
    sink = Sink()
    log(start_shipping(sink), 0)
    wait_until(lambda: sink.points)


def test_many_points_go_out_in_batches_that_mlflow_takes(start_shipping):
    sink = Sink()
    sink.open.clear()
    shipping = start_shipping(sink)
    log(shipping, *range(2_500))
    sink.open.set()
    assert shipping.drain(10) == 0
    assert max(sink.calls) <= 1_000
    assert sink.steps == list(range(2_500))


def test_values_of_several_threads_and_of_a_forked_child_arrive_once(start_shipping):
    sink = Sink()
    shipping = start_shipping(sink)
    log(shipping, 0)
    threads = [
        threading.Thread(target=log, args=(shipping, *range(300)), kwargs={"name": f"m{number}"})
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        log(shipping, *range(100), name="child")
        os._exit(0)
    for thread in threads:
        thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert shipping.drain(10) == 0
    counted = Counter((point.key, point.step) for point in sink.points)
    names = {"loss": 1, "m0": 300, "m1": 300, "m2": 300, "m3": 300, "child": 100}
    assert counted == {(name, step): 1 for name, n in names.items() for step in range(n)}
    assert shipping.series() == digests(sink.points)


def test_a_child_ends_no_run_of_its_parent(start_shipping, journal):
    shipping = start_shipping(Sink())
    child = os.fork()
    if child == 0:
        shipping.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert alive.last_sign(journal.folder).process == os.getpid()


def test_what_is_called_each_time_is_called_and_not_after_the_end(start_shipping):
    calls = []
    shipping = start_shipping(Sink(), each_time=lambda: calls.append(1))
    wait_until(lambda: len(calls) > 2)
    shipping.drain(10)
    n_calls = len(calls)
    time.sleep(0.05)
    assert len(calls) == n_calls


# --- a store that fails ---


def test_a_store_that_refuses_for_a_while_gets_everything_later(start_shipping):
    sink = Sink(refusals=3)
    shipping = start_shipping(sink)
    log(shipping, 0)
    wait_until(lambda: sink.points)
    log(shipping, 1)
    assert shipping.drain(10) == 0
    assert sink.steps == [0, 1]
    assert shipping.last_error is None


def test_values_that_were_tried_often_are_digested_once(start_shipping, monkeypatch):
    monkeypatch.setattr("repro.store.series_digest.REMEMBERED", 0)
    sink = Sink(refusals=4)
    shipping = start_shipping(sink)
    for step in range(300):
        log(shipping, step)
        time.sleep(0.0005)
    assert shipping.drain(10) == 0
    assert sink.steps == list(range(300))
    assert shipping.series() == digests(sink.points)


def test_a_dead_store_is_told_by_its_first_line_without_secrets(start_shipping):
    def send(points):
        raise ConnectionError("https://me:hunter2@host is down\nand a second line")

    shipping = start_shipping(send=send)
    log(shipping, 0)
    wait_until(lambda: shipping.last_error)
    assert shipping.last_error.startswith("ConnectionError: ")
    assert "hunter2" not in shipping.last_error
    assert "second" not in shipping.last_error


def test_a_store_that_is_not_there_is_not_asked_to_take_anything(start_shipping):
    sink = Sink(is_there=False)
    shipping = start_shipping(sink)
    log(shipping, 0)
    wait_until(lambda: shipping.last_error)
    assert shipping.last_error == "ConnectionError: it does not answer"
    assert (shipping.drain(0.05), sink.calls) == (1, [])


def test_a_dead_store_costs_the_time_given_and_no_point(start_shipping, journal):
    shipping = start_shipping(Sink(refusals=DEAD))
    for step in range(5):
        shipping.log({"loss": 1.0, "lr": 0.1}, step=step)
    begin = time.monotonic()
    assert shipping.drain(0.05) == 10
    assert time.monotonic() - begin < 2
    assert len(in_files(journal.folder)) == n_unshipped(journal.folder) == 10
    assert shipping.series() == digests(in_files(journal.folder))


def test_a_store_that_hangs_keeps_nothing_from_the_disk_and_no_sign_of_life(
    start_shipping, journal, monkeypatch
):
    monkeypatch.setattr(alive, "BEAT_SECONDS", 0.0)
    sink = Sink()
    sink.open.clear()
    shipping = start_shipping(sink)
    log(shipping, 0)
    wait_until(lambda: shipping._n_read == 1)  # it hangs in the first batch
    log(shipping, 1, 2)
    wait_until(lambda: len(in_files(journal.folder)) == 3)
    before = alive.last_sign(journal.folder).at
    wait_until(lambda: alive.last_sign(journal.folder).at > before)
    begin = time.monotonic()
    assert shipping.drain(0.05) == 3
    assert time.monotonic() - begin < 2
    assert shipping.series() == digests(in_files(journal.folder))
    sink.open.set()
    shipping._sender.join(10)
    assert shipping.series() == digests(in_files(journal.folder))
    assert sink.steps == [0]  # nothing more after the end


def test_a_store_that_refuses_at_the_end_is_tried_again_while_there_is_time(
    start_shipping, monkeypatch
):
    monkeypatch.setattr(shipper, "pause", lambda n: 1_000.0 * bool(n))
    sink = Sink(refusals=3)
    shipping = start_shipping(sink)
    log(shipping, 0)
    wait_until(lambda: shipping.last_error)
    assert len(sink.calls) == 1
    assert (shipping.drain(10), len(sink.calls), sink.steps) == (0, 4, [0])


def test_a_store_that_hung_in_the_first_of_many_batches_has_none_counted_twice(
    start_shipping, journal, monkeypatch
):
    monkeypatch.setattr("repro.store.series_digest.REMEMBERED", 0)
    for step in range(2_500):
        journal.log({"loss": step / 2}, step=step, time_ms=step)
    journal.flush()
    sink = Sink()
    sink.open.clear()
    shipping = start_shipping(sink)
    wait_until(lambda: shipping._n_read == 1_000)
    assert shipping.drain(0.05) == 2_500
    sink.open.set()
    shipping._sender.join(10)
    assert sink.steps == list(range(1_000))
    assert shipping._n_read == 2_500
    assert shipping.series() == digests(in_files(journal.folder))


def test_a_slow_store_keeps_the_time_limit_between_batches(start_shipping):
    sink = Sink()

    def send(points):
        time.sleep(0.05)
        return sink.send(points)

    shipping = start_shipping(send=send)
    log(shipping, *range(9_000))
    begin = time.monotonic()
    left = shipping.drain(0.12)
    assert time.monotonic() - begin < 5
    shipping._sender.join(10)
    assert 9_000 <= len(sink.points) + left <= 10_000  # what was under way has arrived
    assert "there was no time to send the rest" in shipping.last_error


def test_a_store_that_is_behind_is_not_silent_and_one_that_refuses_or_hangs_is(
    start_shipping, monkeypatch
):
    def slow(points):
        time.sleep(0.05)
        return 0

    behind = start_shipping(send=slow)
    for step in range(20_000):
        behind.log({"loss": 1.0}, step=step)
    assert behind.drain(0.2) == behind.n_left > 0
    assert not behind.is_silent

    dead = start_shipping(Sink(refusals=DEAD))
    log(dead, 0)
    dead.drain(0.05)
    assert dead.is_silent

    monkeypatch.setattr(shipper, "ANSWER_SECONDS", 0.1)
    sink = Sink()
    sink.open.clear()
    hangs = start_shipping(sink)
    log(hangs, 0)
    hangs.drain(0.2)
    assert hangs.is_silent
    sink.open.set()


def test_a_store_that_answers_again_is_not_silent(start_shipping):
    shipping = start_shipping(Sink(refusals=1))
    log(shipping, 0)
    assert shipping.drain(5) == 0
    assert (shipping.is_silent, shipping.last_error) == (False, None)


def test_signs_of_life_go_on_until_the_run_is_closed(start_shipping, journal, monkeypatch):
    monkeypatch.setattr(alive, "BEAT_SECONDS", 0.0)
    shipping = start_shipping(Sink())
    shipping.drain(10)
    before = alive.last_sign(journal.folder).at
    wait_until(lambda: alive.last_sign(journal.folder).at > before)
    shipping.close()
    assert not alive.is_live(journal.folder)
    assert not shipping._writer.is_alive()


def test_after_draining_the_dead_store_is_left_alone(start_shipping):
    sink = Sink(refusals=DEAD)
    shipping = start_shipping(sink)
    log(shipping, 0)
    shipping.drain(0.02)
    shipping._sender.join(10)
    assert not shipping._sender.is_alive()
    n_calls = len(sink.calls)
    time.sleep(0.05)
    assert len(sink.calls) == n_calls


def test_the_pause_grows_and_is_bounded_however_long_a_store_is_away():
    pauses = [pause(n) for n in range(2_000)]
    assert pauses[:4] == pytest.approx([0.0, 0.8, 1.6, 3.2])
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60.0


def test_each_failure_in_a_row_makes_the_pause_longer_and_a_success_ends_it(
    start_shipping, monkeypatch
):
    counted = []
    monkeypatch.setattr(shipper, "pause", lambda n: counted.append(n) or 0.0)
    sink = Sink(refusals=3)
    shipping = start_shipping(sink)
    log(shipping, 0)
    wait_until(lambda: sink.points and counted[-1] == 0)
    first = counted.index(1)  # before, there was nothing to send
    assert counted[first : first + 4] == [1, 2, 3, 0]


def test_two_tries_are_apart_by_chance_that_is_not_the_trainings(start_shipping, monkeypatch):
    class Shortest(random.Random):
        def uniform(self, low, high):
            drawn.append((low, high))
            return low

    monkeypatch.setattr(random, "Random", Shortest)
    monkeypatch.setattr(shipper, "pause", lambda n: 0.06 * bool(n))
    times, drawn = [], []

    def send(points):
        times.append(time.monotonic())
        raise ConnectionError

    random.seed(0)
    state = random.getstate()
    shipping = start_shipping(send=send)
    log(shipping, 0)
    wait_until(lambda: len(times) > 6)
    assert random.getstate() == state
    gaps = [after - before for before, after in pairwise(times)]
    assert set(drawn) == {(0.5, 1.0)}
    assert 0.03 <= min(gaps) < 0.06


def test_a_value_after_the_end_is_refused_not_lost_in_silence(start_shipping):
    shipping = start_shipping(Sink())
    shipping.drain(10)
    with pytest.raises(UsageError) as caught:
        shipping.log({"loss": 1.0, "lr": 0.1}, step=0)
    assert str(caught.value) == (
        "the run has ended, loss, lr came too late. Log inside the `with` block."
    )


def test_points_that_the_store_never_takes_are_counted_apart(start_shipping, journal):
    shipping = start_shipping(send=lambda points: len(points) - 1)
    shipping.log({"bad//name": 1.0, "good": 1.0}, step=0)
    assert (shipping.drain(10), shipping.n_refused) == (0, 1)
    assert n_unshipped(journal.folder) == 0


def test_no_values_are_no_step(start_shipping, journal):
    shipping = start_shipping(Sink())
    shipping.log({}, step=0)
    assert shipping.drain(10) == 0
    assert points_files(journal.folder) == []
