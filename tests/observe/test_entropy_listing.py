"""Which listings of folders are told: those whose order goes on, and no others."""

import pytest

from repro.observe.entropy import Sentinel

KEPT = (
    ("a list", "[name for name in os.listdir(folder)]"),
    ("an array", "np.array([len(name) for name in glob.glob(folder + '/*')])"),
)
LOOPS = {
    "a loop": "for name in os.listdir(folder):\n    found.append(name)",
    "pathlib": "for path in pathlib.Path(folder).iterdir():\n    found.append(path)",
    "a pattern": "for path in pathlib.Path(folder).glob('*'):\n    found.append(path)",
    "a walk": "for root, _, names in os.walk(folder):\n    found.extend(names)",
    "a variable": "names = os.listdir(folder)\nfound = [name.upper() for name in names]",
    "a function": "for name in listed(folder):\n    found.append(name)",
    **{what: f"found = {text}\nfor one in found:\n    kept.append(one)" for what, text in KEPT},
}
FINE = {
    "sorted": "for name in sorted(os.listdir(folder)):\n    found.append(name)",
    "sorted later": "names = os.listdir(folder)\nnames.sort()\nfound = [n for n in names]",
    "counted": "n_files = len(os.listdir(folder))",
    "counted in a variable": "names = os.listdir(folder)\nn = len([n for n in names if n])",
    "looked up": "is_there = 'a' in os.listdir(folder)",
    "a set": "names = {name for name in os.listdir(folder)}",
    "the newest": "newest = max(glob.glob(folder + '/*'), key=os.path.getmtime)",
    "not kept": "for name in os.listdir(folder):\n    print(name)",
    "asked by the standard library": "shutil.copytree(folder, folder + '-copy')",
    "collected, and sorted by who asked": "found = sorted(collected(folder))",
    "sorted by who asked": "found = sorted(listed(folder))",
}
HEAD = """
import glob, os, pathlib, shutil
import numpy as np

def listed(folder):
    return [name for name in os.listdir(folder)]

def collected(folder):
    names = []
    for name in os.listdir(folder):
        names.append(name)
    return names

def work(folder):
    found, kept = [], []
"""


def heard(text, folder):
    """What a script is told about that runs in a function, in a file of its own."""
    script = folder / "script.py"
    script.write_text(HEAD + "".join(f"    {line}\n" for line in text.splitlines()))
    (folder / "data").mkdir()
    (folder / "data" / "a").write_text("")
    scope = {}
    exec(compile(script.read_text(), str(script), "exec"), scope)
    made = Sentinel(0, "record", lambda: True)
    made.enter()
    try:
        scope["work"](str(folder / "data"))
    finally:
        made.exit()
    return [one.where for one in made.at_end(folder).of("listing")]


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_a_listing_whose_order_goes_on_is_told(text, tmp_path):
    first = HEAD.count("\n") + 1
    assert heard(text, tmp_path) == [f"script.py:{first}"]


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_a_listing_whose_order_is_lost_or_not_known_is_not_told(text, tmp_path):
    assert heard(text, tmp_path) == []
