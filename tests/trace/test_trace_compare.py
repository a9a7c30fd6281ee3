"""What two traces can tell that are not of the same steps, or not of the same shape."""

import pytest

from repro.errors import TracesIncomparable
from repro.trace import Difference, Trace, first_difference
from repro.trace.compare import Spread, losses, spread
from repro.trace.format import Event, Look


def step(number, loss="1.0", optimizer=0, **weights):
    looks = [Look("loss", {"loss": loss})]
    looks += [Look(component, items) for component, items in weights.items()]
    return Event("step", number, optimizer, tuple(looks))


def trace(*events):
    return Trace("full", events)


def test_steps_that_only_one_traced_are_left_out_and_lie_between():
    a = trace(step(40), step(41), step(44, "2.0"))
    b = trace(step(40), step(42), step(44, "3.0"))
    assert first_difference(a, b) == Difference(44, "loss", "loss", "2.0", "3.0", since=40)


def test_without_a_step_in_common_nothing_can_be_told():
    with pytest.raises(TracesIncomparable) as refused:
        first_difference(trace(step(1), step(3)), trace(step(2)))
    assert str(refused.value) == (
        "the traces have no step in common: one has steps 1 to 3, the other steps 2 to 2. "
        "Trace both runs, at the same steps (REPRO_TRACE_STEPS)."
    )


def test_weights_that_only_one_looked_at_are_no_difference():
    a, b = trace(step(0, updated={"w": "1"}), step(1)), trace(step(0), step(1))
    assert first_difference(a, b) is None


def test_a_tensor_that_is_missing_is_a_difference():
    a, b = trace(step(0, updated={"w": "1", "v": "2"})), trace(step(0, updated={"w": "1"}))
    assert first_difference(a, b) == Difference(0, "updated", "v", "2", None)


def test_another_number_of_losses_is_a_difference():
    two = Event("step", 0, 0, (Look("loss", {"loss": "1.0"}),) * 2)
    assert first_difference(trace(step(0)), trace(two)) == Difference(0, "loss", None, None, "loss")


def test_a_shorter_training_is_a_difference_where_both_came_to_their_end():
    a, b = trace(step(0), Event("final", 5)), trace(step(0), Event("final", 3))
    assert first_difference(a, b) == Difference(3, "length", None, "5 steps", "3 steps", since=0)
    assert first_difference(a, trace(step(0))) is None


def test_scores_are_compared_by_the_steps_before_them():
    def scored(value, at):
        return Event("score", at, 0, (Look("score", {"accuracy": value}),))

    a = trace(step(0), scored("0.5", 1), step(1), scored("0.6", 2))
    b = trace(step(0), scored("0.5", 1), step(1), scored("0.7", 2))
    found = first_difference(a, b)
    assert (found.kind, found.step, found.tensor, found.a, found.b) == (
        *("score", 2, "accuracy"),
        *("0.6", "0.7"),
    )
    assert found.since == 1


def test_optimizers_are_compared_each_with_its_own_step():
    a = trace(step(0), step(1, optimizer=1), step(1))
    b = trace(step(0), step(1, "9.0", optimizer=1), step(1))
    found = first_difference(a, b)
    assert (found.step, found.optimizer) == (1, 1)


def test_the_spread_counts_what_differs_at_each_step():
    a = trace(step(0, updated={"w": "1", "v": "2"}), step(1, "2.0"))
    b = trace(step(0, updated={"w": "1", "v": "9"}), step(1, "2.5"))
    assert spread(a, b) == [
        *(Spread(0, "loss", 0, 1), Spread(0, "updated", 1, 2)),
        Spread(1, "loss", 1, 1),
    ]
    assert losses(b) == {0: 1.0, 1: 2.5}
