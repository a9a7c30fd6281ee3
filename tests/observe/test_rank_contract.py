import sys

from repro.facts.fact import Absent
from repro.facts.params import Param
from repro.observe.rank_contract import contract, disagreement

UNKNOWN = Absent(reason="typed", kind="not_recorded")


def test_what_a_launcher_gives_each_rank_apart_is_no_part_of_the_contract(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--local-rank=1", "--lr", "0.1"])
    monkeypatch.setenv("GOMP_CPU_AFFINITY", "4-7")
    found = contract(UNKNOWN, [], "strict", (3, "argument"))
    assert found["arguments"] == "train.py --lr 0.1"
    assert "variable GOMP_CPU_AFFINITY" not in found
    assert found["seed"] == "3"
    assert contract(UNKNOWN, [], "strict", (3, "drawn"))["seed"] == "drawn"


def test_a_secret_does_not_travel():
    found = contract(UNKNOWN, [Param(name="api_key", value="hunter2")], "off", (0, "drawn"))
    assert "hunter2" not in str(found)


def test_a_file_that_only_some_ranks_have_imported_is_no_disagreement():
    assert disagreement({0: {"file a.py": "1"}, 1: {}, 2: {"file a.py": "1"}}) is None
    assert disagreement({0: {"file a.py": "1"}, 1: {}, 2: {"file a.py": "2"}}) == (
        "file a.py is 1 on rank 0, and 2 on rank 2"
    )


def test_only_the_first_of_many_are_named_and_the_rest_is_counted():
    sides = [{f"package p{n}": version for n in range(7)} for version in ("1.0", "2.0")]
    text = disagreement(dict(enumerate(sides)))
    assert text.startswith("package p0 is 1.0 on rank 0, and 2.0 on rank 1; package p1")
    assert text.endswith("; 2 more")
    assert disagreement({0: {"package q": "1"}, 1: {}}) == (
        "package q is 1 on rank 0, and missing on rank 1"
    )
