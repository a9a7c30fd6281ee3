"""The file of a trace: what is written is read, what is torn left out, what is changed refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import RecordCorrupt
from repro.store.spool import keep, kept
from repro.trace import file as trace_file
from repro.trace.file import TraceFile
from repro.trace.format import Event, Look, Trace, Writer, joined, read

LOOK = Look("gradients", {"a": "xxh3:1", "b": "xxh3:2"}, {"a": "float32:00"})
STEPS = [Event("step", step, 0, (LOOK, LOOK)) for step in range(3)]

texts = st.text(max_size=6)
looks = st.builds(Look, texts, st.dictionaries(texts, texts, min_size=1, max_size=3))
events = st.builds(
    Event,
    st.sampled_from(["step", "score", "final"]),
    st.integers(0, 9),
    st.integers(0, 2),
    st.lists(looks, max_size=4).map(tuple),
)


def written(some, level="full"):
    writer = Writer(level)
    return writer.head + b"".join(writer.lines(event) for event in some)


@settings(max_examples=25, deadline=None)
@given(st.lists(events, max_size=5))
def test_what_is_written_is_read(some):
    assert read(written(some)).events == tuple(some)


@pytest.mark.parametrize("n_bytes", [1, 20, 60])
def test_a_torn_last_line_is_left_out(n_bytes):
    assert read(written(STEPS)[:-n_bytes]).events == tuple(STEPS[:2])


def test_a_line_that_was_changed_is_refused():
    content = written(STEPS)
    with pytest.raises(RecordCorrupt, match=r"^line 4 of the trace was changed, or one before it"):
        read(content.replace(b'"step":1', b'"step":7'))
    lines = content.splitlines(keepends=True)
    with pytest.raises(RecordCorrupt, match=r"^line 3 of the trace was changed"):
        read(b"".join([*lines[:2], *lines[3:]]))
    with pytest.raises(RecordCorrupt, match=r"^line 3 of the trace cannot be read$"):
        read(b"".join([*lines[:2], b"{\n", *lines[3:]]))


@pytest.mark.parametrize("content", [b"", b'{"format":"repro.trace/9"}\n'])
def test_another_format_is_refused(content):
    with pytest.raises(RecordCorrupt, match=r"this version reads 'repro.trace/1'"):
        read(content)


def test_the_chain_is_of_what_was_seen_and_not_of_the_level():
    assert read(written(STEPS)).chain == read(written(STEPS, level="light")).chain
    assert read(written(STEPS)).chain != read(written(STEPS[:2])).chain


def test_the_segments_of_a_resumed_run_are_one_trace():
    before = Trace("full", (*STEPS, Event("final", 3)))
    after = Trace("full", (Event("step", 2), Event("step", 3), Event("final", 4)))
    assert [event.step for event in joined([before, after]).events] == [0, 1, 2, 3, 4]


def test_a_file_is_appended_to_and_written_again_where_someone_has_touched_it(tmp_path):
    file = TraceFile("full", segment=2)
    path = tmp_path / "repro" / "trace-2.jsonl"
    file.flush(tmp_path)
    assert not path.exists()
    for event in STEPS:
        file.add(event)
        file.flush(tmp_path)
        assert path.read_bytes() == file.content()
        if event.step == 0:
            path.unlink()
        if event.step == 1:
            path.write_bytes(path.read_bytes()[:-9])


def test_a_trace_that_still_grows_waits_beside_the_evidence_of_a_run_that_may_be_killed(tmp_path):
    file = TraceFile("full")
    file.add(STEPS[0])
    file.flush(keep(tmp_path, {"repro/code.patch": b"+"}))
    assert file.evidence() == {}
    keep(tmp_path, {})
    assert kept(tmp_path) == {"repro/trace.jsonl": file.content()}


def test_a_file_that_grows_too_large_slows_down_and_then_ends(monkeypatch):
    for name, n_bytes in {"BYTES": 2_000, "PIECE": 1_000, "MAX_BYTES": 4_000}.items():
        monkeypatch.setattr(trace_file, name, n_bytes)
    file, asked = TraceFile("full"), []
    while not file.is_full:
        file.add(STEPS[0])
        asked.append(file.is_due_to_slow_down())
    assert asked.count(True) == 3
