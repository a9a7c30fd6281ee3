"""What became another one between two segments, told where something was not recorded."""

import pytest

from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Module
from repro.segment_changes import is_code_changed

KILLED = CODE.but(modules=())
NEW_TREE = "0" * 40


@pytest.mark.parametrize(
    ("now", "is_changed"),
    [
        ({"n_untracked": 1, "is_dirty": True}, False),
        ({"n_modified": 1, "is_dirty": True}, True),
        ({"commit": "1" * 40}, True),
    ],
)
def test_without_imports_the_commit_and_tracked_files_tell_whether_code_changed(now, is_changed):
    assert is_code_changed(KILLED, CODE.but(tree=NEW_TREE, **now)) is is_changed


def test_edits_on_edits_are_told_unless_untracked_files_hide_them():
    edited = KILLED.but(n_modified=1)
    assert is_code_changed(edited, edited.but(tree=NEW_TREE)) is True
    assert is_code_changed(edited, edited.but(tree=NEW_TREE, n_untracked=1)) is None
    assert is_code_changed(edited, edited.but(n_untracked=1)) is False


def test_an_untracked_file_counts_once_it_is_imported():
    one, two = (Module(path=path, digest="blake3:aa") for path in ("train.py", "new.py"))
    killed = CODE.but(modules=(one,))
    assert is_code_changed(killed, killed.but(tree=NEW_TREE)) is False
    other = two.model_copy(update={"path": "train.py", "digest": "blake3:bb"})
    assert is_code_changed(killed, CODE.but(tree=NEW_TREE, modules=(other, two))) is True
