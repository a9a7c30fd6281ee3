"""The record brings back the bytes that ran, whatever state the tree was in, or says why not."""

from pathlib import Path

import pytest
from repository import exit_code, git_folder, restored, state_of, work_tree
from worktree_variants import VARIANTS, Variant

pytestmark = pytest.mark.slow  # dozens of git processes each


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_what_ran_comes_back_exactly_or_is_marked_and_looking_leaves_git_alone(
    repository: Path, tmp_path: Path, variant: Variant
) -> None:
    root = variant.make(repository) or repository
    before = git_folder(root)
    state = state_of(root)
    assert git_folder(root) == before
    again = tmp_path / "again"
    if variant.reason is None:
        assert (state.fact.not_restorable, restored(state, again).differs) == (None, ())
        assert work_tree(again) == work_tree(root)
    else:
        assert variant.reason in (state.fact.not_restorable or "")
        assert not state.fact.restore_verified
        assert exit_code(state, again) == variant.exit_code
