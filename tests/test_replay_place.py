"""A replay runs in a tree of its own, with links to data, and asks about code of others."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest
from project import git

from repro.audit.example import example_record
from repro.errors import UsageError
from repro.facts.code import EXAMPLE as CODE
from repro.replay_place import Place, _linked, import_paths, why_to_ask

ME = "test@localhost"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "mine"
    (root / "data").mkdir(parents=True)
    (root / "data" / "x.csv").write_text("1\n")
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    git(root, "config", "user.email", ME)
    monkeypatch.chdir(root)
    return root


def asked(repository, *, user="ada", **code):
    return why_to_ask(example_record(CODE.but(**code)), repository, user)


def test_data_are_links_in_folders_of_the_trees_own(repository, tmp_path):
    (file,) = _linked(repository / "data", tmp_path / "tree")
    assert file == repository / "data" / "x.csv"
    assert (tmp_path / "tree/data/x.csv").read_text() == "1\n"
    (tmp_path / "tree/data/new.csv").write_text("2\n")
    assert os.listdir(repository / "data") == ["x.csv"]


def test_data_from_elsewhere_are_refused(repository, tmp_path):
    with pytest.raises(UsageError) as caught:
        list(_linked(tmp_path / "x.csv", tmp_path / "tree"))
    assert str(caught.value) == (
        f"--data {tmp_path / 'x.csv'}: no such file or folder in the repository {repository}. "
        f"Name what the script reads by a relative path and git does not hold."
    )


def test_a_file_that_the_script_wrote_through_its_link_is_named(repository, tmp_path):
    file = repository / "data" / "x.csv"
    found = file.stat()
    place = Place(tmp_path, tmp_path, {file: (found.st_size, found.st_mtime_ns)})
    assert place.changed() == []
    file.write_text("changed\n")
    assert place.changed() == [file]


@pytest.mark.slow
def test_code_of_someone_else_is_asked_about(repository, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert asked(repository) is None
    assert asked(repository, is_dirty=True, user="eve") == (
        "its uncommitted changes are of eve, you are ada"
    )
    assert asked(repository, commit=None) == (f"the author of the code is unknown, you are {ME}")
    git(repository, "config", "user.email", "ada@localhost")
    assert asked(repository) == f"the author of the code is {ME}, you are ada@localhost"


def test_a_package_installed_in_place_is_imported_as_it_was_restored(tmp_path, monkeypatch):
    library = sysconfig.get_path("stdlib")
    paths = ["/mine", library, "/mine/src", "/mine/.venv/lib/site-packages", "/elsewhere"]
    monkeypatch.setattr(sys, "path", paths)
    place = Place(Path("/tree"), tmp_path, {})
    assert (
        import_paths(place, [Path("/mine")], "/mine/lib:/theirs") == "/tree/lib:/theirs:/tree/src"
    )
