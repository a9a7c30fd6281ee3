"""What was not read, or not seen, never counts as equal."""

from threading import Lock
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from traced_training import model_of_two_layers, recorder, yes

from repro import diff_project
from repro.cli import diff as diff_command
from repro.digest import digest_bytes
from repro.errors import RecordCorrupt, UsageError
from repro.observe.training import Training
from repro.report.trace_text import trace_text
from repro.trace import read
from repro.trace.backward import leave, listen
from repro.trace.compare import joint
from repro.trace.format import Event, Look, Trace, Writer
from repro.trace.pair import Traced, TracePair
from repro.trace.plot import require_drawable
from repro.trace.tensors import fingerprint, value_text

STEP = Event("step", 0, looks=(Look("loss", {"loss": "1.0"}),))


class Node:
    def __init__(self, value, following=None):
        self.value, self.following = value, following


def chain_of(first, length):
    node = Node(first)
    for value in range(length):
        node = Node(value, node)
    return node


def pair_of(*texts):
    ends = [Event("final", 1, looks=(Look("final", {"w": text}),)) for text in texts]
    return TracePair(*(Traced("run", "0" * 32, Trace("full", (STEP, end))) for end in ends))


def seen_at_end(train):
    made = recorder()
    training = Training(yes, [made])
    training.hook_optimizers()
    try:
        kept = train(training)
    finally:
        training.unhook()
    del training  # knows its optimizers
    made.unwatched()
    del kept
    return read(made.file.content())


def one_step(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(2, 8)).mean().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("inside", [Lock(), [Lock()], {"a": {1: Lock()}}, Node(Lock())])
def test_a_value_with_a_part_that_cannot_be_read_says_so_and_tells_the_rest(inside):
    texts = [value_text([inside, rest]) for rest in (1, 1, 2)]
    assert texts[0].startswith("unreadable: lock (with the rest xxh3:")
    assert texts[0] == texts[1] != texts[2]


def test_what_lies_deeper_than_is_read_is_unreadable():
    assert value_text(chain_of(1.0, 300)).startswith("unreadable: ")
    assert value_text(chain_of(1.0, 20)).startswith("xxh3:")
    assert value_text(chain_of(1.0, 20)) != value_text(chain_of(2.0, 20))


def test_an_object_that_holds_itself_is_read():
    texts = []
    for value in (1, 1, 2):
        node = Node(value)
        node.following = [node, Node(value, node)]
        texts.append(value_text(node))
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("xxh3:")


def test_functions_are_told_by_what_they_hold():
    def made(held):
        return lambda x, y=held: x + held + y

    assert value_text(made(1.0)) == value_text(made(1.0)) != value_text(made(2.0))
    assert value_text(made(1.0)).startswith("xxh3:")
    assert value_text(made(Lock())).startswith("unreadable: lock")
    assert value_text(chain_of) != value_text(pair_of)
    assert value_text(SimpleNamespace()).startswith("xxh3:")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_scale_of_a_quantized_tensor_counts():
    one, other = (
        torch.quantize_per_tensor(torch.full((3,), scale), scale, 0, torch.qint8)
        for scale in (0.1, 0.2)
    )
    assert torch.equal(one.int_repr(), other.int_repr())
    assert fingerprint(one)[0] != fingerprint(other)[0]


def test_the_digest_of_many_names_what_of_them_was_not_read():
    text = joint({"a": "unreadable: Wrapped", "b": "xxh3:1"})
    assert text.startswith("unreadable: a (with the rest xxh3:")


@pytest.mark.filterwarnings("ignore")
def test_packed_weights_are_in_the_end():
    module = nn.Module()
    module.packed = torch.ops.quantized.linear_prepack(
        torch.quantize_per_tensor(torch.ones(1, 4), 0.1, 0, torch.qint8), None
    )
    module.plain = torch.ones(2)
    end = seen_at_end(lambda training: training.watch(module, None, None)).end
    assert {name: text[:5] for name, text in end.looks[0].items.items()} == {
        "packed": "xxh3:",
        "plain": "xxh3:",
    }


def test_weights_that_are_gone_before_the_end_are_unread():
    gone = "parameters of optimizer 0 (gone before the end)"
    assert seen_at_end(lambda _: one_step(model_of_two_layers()) and None).unread == (gone,)
    assert seen_at_end(lambda _: one_step(model_of_two_layers())).unread == ()


def test_weights_outlive_their_optimizer():
    model = model_of_two_layers()
    trace = seen_at_end(lambda _: one_step(model) and None)
    assert trace.unread == ()
    assert len(trace.end.looks[0].items) == len(list(model.parameters()))


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_torch_draws_a_graph_of_is_not_looked_at():
    model = model_of_two_layers()

    def train(training):
        training.watch(model, None, None)
        torch.jit.trace(model, torch.ones(1, 8))

    assert seen_at_end(train).end is not None


def test_a_witness_below_a_function_of_someone_else_is_told_no_longer(monkeypatch):
    told = []
    witness = SimpleNamespace(before_backward=told.append, after_backward=lambda: None)
    listen(witness)
    ours = torch.autograd.backward
    monkeypatch.setattr(torch.autograd, "backward", lambda *a, **k: ours(*a, **k))
    leave(witness)
    torch.ones(1, requires_grad=True).sum().backward()
    assert told == []
    monkeypatch.setattr(torch.autograd, "backward", ours.original)


@pytest.mark.parametrize(
    ("pair", "code", "message"),
    [
        (pair_of("1", "1"), 0, "and none in the weights at the end"),
        (pair_of("1", "2"), 1, "first difference"),
        (
            pair_of("unreadable: Wrapped", "unreadable: Wrapped"),
            3,
            "whether they are equal cannot be told: the content of w cannot be read",
        ),
        (
            TracePair(pair_of("1", "1").a, Traced("cut", "1" * 32, Trace("full", (STEP,)))),
            3,
            "cannot be told: the trace of cut 11111111 has no end, and no final weights",
        ),
    ],
)
def test_only_what_was_seen_to_its_end_is_equal(monkeypatch, pair, code, message):
    monkeypatch.setattr(diff_project, "trace_project", lambda *_, **__: pair)
    monkeypatch.setattr(diff_command, "_draw", lambda *_: None)
    result = CliRunner().invoke(diff_command.diff, ["a", "b", "--trace"])
    assert result.exit_code == code
    assert message in trace_text(pair).plain


def test_a_patch_and_a_trace_are_not_shown_at_once():
    result = CliRunner().invoke(diff_command.diff, ["a", "b", "--trace", "--patch"])
    assert str(result.exception) == ("--patch and --trace show different things. Pass one of them.")


@pytest.mark.slow
def test_a_plot_that_cannot_be_drawn_is_refused_at_once(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match=r"no format that can be drawn; .* one of: .*pdf, .*png"):
        require_drawable(tmp_path / "x.xyz")
    with pytest.raises(UsageError, match=r"there is no folder .*nowhere\. Make it first\."):
        require_drawable(tmp_path / "nowhere" / "x.png")
    (tmp_path / "x.png").mkdir()
    with pytest.raises(UsageError, match=r"cannot be written"):
        require_drawable(tmp_path / "x.png")
    require_drawable(tmp_path / "y.PNG")


def written(*bodies, head=b'{"format":"repro.trace/1","level":"full"}\n'):
    writer = Writer("full")
    return head + b"".join(writer._chained(body) for body in bodies)


WHOLE = {"event": "step", "step": 0, "optimizer": 0, "looks": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (written(head=b"[1]\n"), "line 1 of the trace is a list, and not an object of JSON"),
        (written(head=b"\xff\xfe\x00\n"), "line 1 of the trace cannot be read"),
        (
            written(head=b'{"format":"repro.trace/1"}\n'),
            "line 1 of the trace has the level None; it must be one of: light, full.",
        ),
        *(
            (written(body), f"line 2 of the trace is no line of a trace ({said}). Run it again.")
            for body, said in [
                ({k: v for k, v in WHOLE.items() if k != "step"}, "no 'step' in it"),
                ({**WHOLE, "step": "7"}, "the step '7'"),
                ({**WHOLE, "event": "end"}, "an event 'end'"),
                ({"names": [1]}, "1 where a text belongs"),
                ({**WHOLE, "looks": [["loss", 0, ["1"]]]}, "list index out of range"),
            ]
        ),
    ],
)
def test_a_file_that_is_no_trace_is_refused_by_its_line(content, message):
    with pytest.raises(RecordCorrupt) as refused:
        read(content)
    assert str(refused.value) == message


def test_a_trace_that_its_record_contradicts_is_refused():
    content = written(WHOLE)
    history = SimpleNamespace(
        record=lambda _: record,
        find_artifact=lambda *_: content,
    )
    fact = SimpleNamespace(path="repro/trace.jsonl", digest=digest_bytes(content))
    record = SimpleNamespace(name="run", find=lambda kind: fact if kind.key() == "trace" else None)
    assert diff_project._traced(history, "0" * 32).trace.steps == (0,)
    content = written(WHOLE, WHOLE)
    with pytest.raises(RecordCorrupt, match=r"^repro/trace.jsonl of run 00000000 has the digest"):
        diff_project._traced(history, "0" * 32)
