"""Which sets are told: those of texts, whose order goes on."""

import sys
from types import ModuleType

import pytest

from repro.observe import entropy
from repro.observe.entropy import Sentinel
from repro.observe.entropy_sets import kept_orders

KEPT = {
    "a list": 'classes = list({"cat", "dog"})',
    "an array": "found = np.array([len(name) for name in {str(row) for row in rows}])",
    "numbers": "index = {name: i for i, name in enumerate(set(text.split()))}",
    "numbers of a variable": (
        'names = {f"c{i}" for i in rows}\nx = {n: i for i, n in enumerate(names)}'
    ),
    "a loop": "for name in {row.lower() for row in rows}:\n    found.append(name)",
    "a variable": "names = set(text.split())\nfound = list(names)",
}
FINE = {
    "sorted": "classes = sorted({row.lower() for row in rows})",
    "sorted later": "classes = list(set(text.split()))\nclasses.sort()",
    "numbers, whose hashes are fixed": "found = list({1, 2, 3})",
    "what nobody knows": "found = list(set(rows))",
    "counted": 'n = len({"cat", "dog"})',
    "looked up": 'is_known = text in {"cat", "dog"}',
    "a dict": 'found = list({"cat": 1, "dog": 2})',
    "printed": "for name in set(text.split()):\n    print(name)",
}


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What is told of a function in an imported file."""

    def look(text):
        script = tmp_path / "script.py"
        script.write_text(
            "def work(rows, text, found):\n"
            + "".join(f"    {line}\n" for line in text.splitlines())
        )
        module = ModuleType("script")
        module.__file__ = str(script)
        monkeypatch.setitem(sys.modules, "script", module)
        return [place.shown(tmp_path) for place in kept_orders(tmp_path)]

    return look


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_set_of_texts_whose_order_goes_on_is_told(text, told):
    assert told(text) == ["script.py:2"]


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_a_set_whose_order_is_fixed_or_lost_or_not_known_is_not_told(text, told):
    assert told(text) == []


@pytest.mark.parametrize(("fixed", "n_found"), [(None, 1), (0, 0)])
def test_where_the_hashes_are_fixed_the_order_is_too(told, tmp_path, monkeypatch, fixed, n_found):
    told(KEPT["a list"])
    monkeypatch.setattr(entropy, "hash_seed", lambda: fixed)
    found = Sentinel(0, "record", lambda: True).at_end(tmp_path).of("set_order")
    mine = [one for one in found if one.where == "script.py:2"]
    assert [one.what for one in mine] == ['{"cat", "dog"}'] * n_found
