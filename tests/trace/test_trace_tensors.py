"""A digest of a tensor is of its bits, and of nothing else; whatever cannot be read says so."""

import numpy as np
import pytest
import torch

from repro.trace import device
from repro.trace.device import device_digest
from repro.trace.tensors import fingerprint, look_at, value_text


def digest(tensor):
    return fingerprint(tensor)[0]


def test_one_bit_dtype_and_shape_count_and_strides_do_not():
    base = torch.arange(12.0).reshape(3, 4)
    changed = base.clone()
    changed.view(-1)[7:8].view(torch.int32).bitwise_xor_(1)
    others = (changed, base.double(), base.reshape(4, 3), -base, base.flip(0))
    assert len({digest(base), *map(digest, others)}) == 6
    assert digest(base.T.contiguous().T) == digest(base)
    assert digest(torch.nn.Parameter(base)) == digest(base)
    assert digest(torch.tensor([0.0])) != digest(torch.tensor([-0.0]))
    assert digest(torch.tensor(1.5)) != digest(torch.tensor([1.5]))


KINDS = {
    "bfloat16": lambda: torch.ones(3, dtype=torch.bfloat16),
    "conjugated": lambda: torch.ones(3, dtype=torch.cfloat).conj(),
    "empty": lambda: torch.empty(0, 3),
    "coordinates": lambda: torch.eye(3).to_sparse(),
    "rows": lambda: torch.eye(3).to_sparse_csr(),
    "columns": lambda: torch.eye(3).to_sparse_csc(),
    "blocks": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged),
    "float8": lambda: torch.ones(3).to(torch.float8_e4m3fn),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tensor_has_a_digest(kind):
    assert digest(KINDS[kind]()).startswith("xxh3:")
    assert digest(KINDS[kind]()) == digest(KINDS[kind]())


def test_what_has_no_values_says_so():
    look = look_at(
        "state",
        {
            "meta": torch.empty(3, device="meta"),
            "lazy": torch.nn.parameter.UninitializedParameter(),
            "none": None,
            "number": 0.1,
        },
    )
    assert look.items == {
        "meta": "unreadable: Tensor of torch.float32",
        "lazy": "not initialized",
        "none": "None",
        "number": "0.1",
    }


def test_looking_changes_neither_the_tensor_nor_its_version():
    weight = torch.nn.Parameter(torch.ones(4, 4))
    version = weight._version
    digest(weight.T)
    assert weight._version == version
    weight.square().sum().backward()  # its saved tensors are as they were


def test_a_digest_on_a_device_sees_one_bit_and_the_order(monkeypatch):
    monkeypatch.setattr(device, "WORDS", 8)  # several pieces
    device.forget()
    base = torch.randn(29, generator=torch.Generator().manual_seed(0))
    found = {device_digest(base)}
    for at in range(29):
        changed = base.clone()
        changed[at : at + 1].view(torch.int32).bitwise_xor_(1)
        found.add(device_digest(changed))
    found.update(device_digest(base.roll(by)) for by in (1, 8, 16))
    found.add(device_digest(base.to(torch.bfloat16)))  # 58 bytes: no whole number of words
    assert len(found) == 34
    assert device_digest(base.clone()) == device_digest(base)
    device.forget()


def test_other_values_are_told_by_all_that_they_are_made_of():
    class Thing:
        def __init__(self, inner):
            self.inner = inner

    rows = np.arange(6.0).reshape(2, 3)
    values = [
        rows,
        rows.T,
        rows.astype("f4"),
        [1, 2],
        (1, 2),
        {"a": 1},
        {"a": 2},
        "1",
        b"1",
        1,
        1.0,
    ]
    values += [Thing(rows), Thing(rows + 1), np.array(["a", 1], dtype=object), rows[0, 1]]
    assert len(set(map(value_text, values))) == len(values)
    assert value_text(Thing([rows.copy()])) == value_text(Thing([rows]))
