"""Every state of the code that is captured and restored in the tests, and what is expected."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from related_repositories import (
    clean_submodule,
    clone,
    clone_with_local_commits,
    dirty_submodule,
    linked_work_tree,
    local_commit_inside_a_submodule,
    shallow_clone,
    shallow_clone_that_knows_no_remote,
    submodule_never_checked_out,
    submodule_of_a_submodule,
    submodule_that_git_cannot_read,
    untracked_file_inside_a_submodule,
    untracked_repository_inside,
)
from worktrees import (
    a_file_became_a_folder,
    a_folder_became_a_file,
    assumed_unchanged,
    assumed_unchanged_and_deleted,
    binary,
    clean,
    crlf_and_latin_1,
    crlf_by_attribute,
    crlf_by_configuration,
    deleted,
    deleted_in_the_index_only,
    detached_head,
    edited,
    empty_repository,
    exec_bit,
    hostile_configuration,
    ignored,
    in_conflict,
    intended_to_be_added,
    mixed_line_ends,
    mixed_line_ends_in_a_clean_file,
    new_file_added,
    no_final_newline,
    nothing_committed,
    nothing_committed_or_staged,
    other_line_ends_than_asked_for_in_a_clean_file,
    renamed,
    renamed_and_edited,
    renamed_in_the_work_tree_only,
    secret_in_the_history,
    secret_in_the_patch,
    sparse_checkout,
    staged,
    staged_and_edited_again,
    staged_then_undone,
    strange_names,
    symlink,
    through_a_filter,
    too_large,
    untracked_module,
    utf_16_by_attribute,
)

Make = Callable[[Path], Path | None]


@dataclass(frozen=True)
class Variant:
    """One state; `make` gives the work tree to look at if it is not the repository itself."""

    make: Make
    reason: str | None = None  # why it cannot be restored exactly; None: it can
    exit_code: int = 1  # of `repro restore`, if there is a reason

    @property
    def name(self) -> str:
        return self.make.__name__.replace("_", " ")


VARIANTS = (
    *map(Variant, (clean, edited, staged, staged_and_edited_again, staged_then_undone)),
    *map(Variant, (untracked_module, new_file_added, deleted, deleted_in_the_index_only)),
    *map(Variant, (renamed, renamed_and_edited, renamed_in_the_work_tree_only, binary)),
    *map(Variant, (no_final_newline, exec_bit, symlink, strange_names, crlf_and_latin_1)),
    *map(Variant, (crlf_by_attribute, crlf_by_configuration, utf_16_by_attribute)),
    *map(Variant, (a_file_became_a_folder, a_folder_became_a_file, intended_to_be_added)),
    *map(Variant, (in_conflict, empty_repository, nothing_committed, nothing_committed_or_staged)),
    *map(Variant, (hostile_configuration, detached_head, ignored, assumed_unchanged)),
    *map(Variant, (assumed_unchanged_and_deleted, clone, clone_with_local_commits)),
    *map(Variant, (shallow_clone, shallow_clone_that_knows_no_remote, linked_work_tree)),
    *map(Variant, (clean_submodule, dirty_submodule, untracked_file_inside_a_submodule)),
    *map(Variant, (local_commit_inside_a_submodule, submodule_of_a_submodule)),
    *map(Variant, (submodule_never_checked_out, untracked_repository_inside)),
    Variant(mixed_line_ends, "a checkout writes other bytes or modes: train.py"),
    Variant(mixed_line_ends_in_a_clean_file, "a checkout writes other bytes or modes: train.py"),
    Variant(
        other_line_ends_than_asked_for_in_a_clean_file,
        "a checkout writes other bytes or modes: pkg/model.py, train.py",
    ),
    Variant(through_a_filter, "a filter (rot) changes notes.txt"),
    Variant(submodule_that_git_cannot_read, "the repository lib cannot be read: "),
    Variant(sparse_checkout, "a sparse checkout leaves out "),
    Variant(too_large, "1 untracked file is over 10 MB: data.bin"),
    Variant(secret_in_the_patch, "a secret was masked in the patch"),
    Variant(secret_in_the_history, "is on no remote and its history holds a secret", 3),
)
