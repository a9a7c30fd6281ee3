"""Every condition of a leak-free split against brute force over all pairs of rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.splits import Proved, Violated, check_split

ANY_ROWS = st.lists(
    st.tuples(
        st.integers(0, 40),  # t0
        st.integers(0, 5),  # label length
        st.integers(0, 4),  # look-back
        st.sampled_from("abcdefghijkl"),
        st.sampled_from(["train", "test", "train", "both", "unused"]),
    ),
    min_size=2,
    max_size=60,
)


def oracle_counts(t0, t1, f0, group, train, test, embargo):
    """How many train rows (groups for G1) violate each condition, pair by pair."""
    ticks = sorted(set(t0))
    has_test = [tick for tick in ticks if any(t0[j] == tick for j in test)]
    blocks: list[list[int]] = []
    for tick in has_test:
        if blocks and ticks.index(blocks[-1][-1]) + 1 == ticks.index(tick):
            blocks[-1].append(tick)
        else:
            blocks.append([tick])
    ends = [max(t1[j] for j in test if t0[j] in block) for block in blocks]
    return {
        "B0": len(set(train) & set(test)),
        "T1": sum(t0[i] >= min(t0[j] for j in test) for i in train),
        "P1": sum(any(t0[i] <= t1[j] and t0[j] <= t1[i] for j in test) for i in train),
        "F1": sum(
            any(any(f0[i] <= x <= t0[i] for x in range(t0[j] + 1, t1[j] + 1)) for j in test)
            for i in train
        ),
        "E1": sum(
            any(t0[i] in [tick for tick in ticks if tick > end][:embargo] for end in ends)
            for i in train
        ),
        "G1": len({group[i] for i in train} & {group[j] for j in test}),
    }


def tidied(row):
    """The row on the side of day 20 to which it belongs, in a group of that side: no leak."""
    t0, length, look, group, _ = row
    side = "train" if t0 < 18 else "test" if t0 >= 21 else "unused"
    return t0, length, look, f"{group} in {side}", side


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANY_ROWS, st.integers(1, 3), st.booleans())
def test_counts_are_those_of_the_definitions(rows, embargo, is_tidy):
    rows = [tidied(row) for row in rows] if is_tidy else rows
    t0, length, look, group, role = (list(column) for column in zip(*rows, strict=True))
    t1 = [start + spread for start, spread in zip(t0, length, strict=True)]
    f0 = [start - back for start, back in zip(t0, look, strict=True)]
    train = [i for i, side in enumerate(role) if side in ("train", "both")]
    test = [i for i, side in enumerate(role) if side in ("test", "both")]
    proof = check_split(
        [(train, test)],
        times=t0,
        end_times=t1,
        feature_start=f0,
        groups=group,
        policy="walk_forward",
        embargo=embargo,
        n_witnesses=1,
    )
    found = proof.table[0]
    if not train or not test:
        assert isinstance(found["V1"], Violated)
        return
    expected = oracle_counts(t0, t1, f0, group, train, test, embargo)
    for name, count in expected.items():
        assert getattr(found[name], "count", 0) == count, name
        assert isinstance(found[name], Violated if count else Proved)
    assert proof.verdict == ("violated" if any(expected.values()) else "proved")


@settings(max_examples=12, deadline=None, derandomize=True)
@given(ANY_ROWS.filter(lambda rows: len({row[4] for row in rows}) > 3), st.randoms())
def test_the_order_of_the_rows_changes_nothing_but_their_positions(rows, random):
    def answers(rows):
        frame = pd.DataFrame(rows, columns=["t", "length", "look", "g", "side"])
        train = np.flatnonzero(frame["side"].isin(["train", "both"]))
        test = np.flatnonzero(frame["side"].isin(["test", "both"]))
        proof = check_split(
            [(train, test)], frame, times="t", end_times=frame["t"] + frame["length"], groups="g"
        )
        table = proof.table[0].items()
        return {name: (type(result), getattr(result, "count", 0)) for name, result in table}

    shuffled = random.sample(rows, len(rows))
    assert answers(shuffled) == answers(rows)
