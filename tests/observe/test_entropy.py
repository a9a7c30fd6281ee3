"""The sentinel: what it finds, what it leaves alone, and that nothing stays behind."""

import copy
import multiprocessing
import pickle
import random
import secrets
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from torch.utils.data import DataLoader, Dataset

import repro
from repro.determinism import Controlled
from repro.errors import UnseededGenerator, UsageError
from repro.facts.entropy import Entropy
from repro.observe import entropy
from repro.observe.entropy import Sentinel, checked_mode
from repro.observe.entropy_patch import PLACES

SEED = 7


@pytest.fixture(autouse=True)
def _seeded_by_hand():
    """What other tests have drawn from torch is not seen here."""
    with Controlled(0):
        yield


@pytest.fixture(autouse=True)
def _hashes_are_fixed(monkeypatch):
    """The folder that paths are told relative to is that of these tests, which hold sets."""
    monkeypatch.setattr(entropy, "hash_seed", lambda: 0)


@contextmanager
def sentinel(mode="record", is_here=lambda: True):
    """A run's sentinel around a seeded block, as `tracked_run` has it."""
    made = Sentinel(SEED, mode, is_here)
    made.enter()
    try:
        with Controlled(SEED):
            yield made
    finally:
        made.exit()


def told(made):
    return [(one.kind, one.what) for one in made.at_end(Path(__file__).parent).found]


def in_place():
    """What stands in every patched place."""
    named = {"random": random, "numpy.random": np.random, "torch": torch, "threading": threading}
    found = []
    for module, path, _ in PLACES:
        owner = named.get(module)
        for name in path.split(".") if owner else ():
            owner = vars(owner)[name]
        found.append(owner)
    return found


def draw_from_numpy(n_times):
    time.sleep(0.02)
    return np.random.rand(n_times)


def draw_from_own(n_times):
    return np.random.default_rng(n_times).random(n_times)


class Images(Dataset):
    def __init__(self, rng=None):
        self.rng = rng
        self.order = np.random.default_rng(0).permutation(8)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self._noise() + index

    def _noise(self):
        return 0.0 if self.rng is None else self.rng.random()


def test_generators_without_a_seed_are_found_however_they_were_imported():
    with sentinel() as made:
        default_rng()
        np.random.RandomState()
        np.random.PCG64()
        Random()
        np.random.seed()
        nothing = None
        np.random.RandomState(seed=nothing)
    assert told(made) == [
        ("unseeded", "default_rng()"),
        ("unseeded", "np.random.RandomState()"),
        ("unseeded", "np.random.PCG64()"),
        ("unseeded", "Random()"),
        ("unseeded", "np.random.seed()"),
        ("unseeded", "np.random.RandomState(seed=nothing)"),
    ]


def test_a_finding_names_file_and_line_and_counts():
    with sentinel() as made:
        for _ in range(3):
            default_rng()
    (found,) = made.at_end(Path(__file__).parents[1]).found
    line = test_a_finding_names_file_and_line_and_counts.__code__.co_firstlineno + 3
    assert (found.where, found.n_times) == (f"observe/test_entropy.py:{line}", 3)


def test_a_seed_from_the_clock_is_no_seed():
    with sentinel() as made:
        np.random.seed(int(time.time()))
        random.seed(time.time_ns())
    assert [kind for kind, _ in told(made)] == ["unseeded", "unseeded"]


def test_generators_with_a_seed_copies_and_names_of_files_are_no_findings():
    with sentinel() as made:
        generators = default_rng(1), np.random.RandomState(1), Random(1)
        for one in generators:
            copy.deepcopy(one)
            pickle.loads(pickle.dumps(one))
        with sentinel("raise"):
            pickle.loads(pickle.dumps(Random(1)))
        later = Random()
        later.seed(3)
        tempfile.mktemp(), uuid.uuid4(), secrets.token_hex()
        torch.Generator().manual_seed(2)
        np.random.seed(SEED)
        torch.manual_seed(SEED)
    assert told(made) == []


def test_another_seed_is_found_unless_it_is_taken_back():
    with sentinel() as made:
        np.random.seed(42)
        torch.manual_seed(5)
        state = np.random.get_state()
        np.random.seed(43)
        np.random.set_state(state)
        with torch.random.fork_rng():
            torch.manual_seed(6)
        found = told(made)
    assert found == [("reseeded", "numpy.random.seed(42)"), ("reseeded", "torch.manual_seed(5)")]


def test_a_derived_seed_repeats_and_follows_the_seed_of_the_run():
    def drawn(seed):
        made = Sentinel(seed, "derive", lambda: True)
        made.enter()
        try:
            return [default_rng().random(), default_rng().random(), Random().random()]
        finally:
            made.exit()

    assert drawn(1) == drawn(1)
    assert not {*drawn(1)} & {*drawn(2)}
    assert len({*drawn(1)}) == 3


def test_raise_names_the_line_and_a_mode_that_is_none_is_refused(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)
    with sentinel("raise"), pytest.raises(UnseededGenerator) as caught:
        default_rng()
    line = test_raise_names_the_line_and_a_mode_that_is_none_is_refused.__code__.co_firstlineno + 3
    assert str(caught.value) == (
        f"test_entropy.py:{line}: default_rng() has no seed, so that no run repeats it. "
        f"Pass one, or draw from run.rng('name')."
    )
    with pytest.raises(UsageError) as caught:
        checked_mode("strict")
    assert str(caught.value) == ("entropy='strict' is no mode. Pass one of: record, derive, raise.")


def test_random_numbers_are_the_same_with_and_without_it():
    def trained():
        model = torch.nn.Linear(3, 2)
        for _ in range(3):
            model(torch.rand(4, 3)).sum().backward()
        return [model.weight.tolist(), np.random.rand(), random.random(), default_rng(3).random()]

    with Controlled(SEED):
        alone = trained()
    with sentinel():
        assert trained() == alone


def test_everything_is_given_back_by_the_last_block_whatever_happens():
    before = in_place()
    with sentinel():
        assert in_place() != before
        with pytest.raises(UnseededGenerator), sentinel("raise"):
            default_rng()
        assert in_place() != before
    assert in_place() == before


def test_what_belongs_to_another_run_is_not_told():
    with sentinel() as outer:
        with sentinel() as inner:
            default_rng()
        with sentinel(is_here=lambda: False) as elsewhere:
            Random()
    assert (told(inner), told(elsewhere)) == ([("unseeded", "default_rng()")], [])
    assert told(outer) == [("unseeded", "Random()")]


def test_threads_that_draw_from_one_generator_are_found():
    with sentinel() as made:
        for work in (draw_from_numpy, draw_from_own):
            threads = [threading.Thread(target=work, args=(3,)) for _ in range(2)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(draw_from_own, [1, 2]))
            list(pool.map(draw_from_numpy, [1]))
    assert told(made) == [("threads", "numpy.random"), ("threads", "numpy.random")]


@pytest.mark.slow
def test_a_child_process_that_draws_without_a_seed_is_found():
    forked = multiprocessing.get_context("fork")
    with sentinel() as made:
        for work in (draw_from_own, draw_from_numpy, draw_from_numpy):
            child = forked.Process(target=work, args=(1,))
            child.start()
            child.join()
    (found,) = made.at_end(Path.cwd()).found
    assert (found.kind, found.what) == ("child", "numpy.random")
    assert found.n_times == 1  # the second: the first goes on from here


@pytest.mark.slow
def test_a_generator_that_every_worker_gets_a_copy_of_is_found():
    datasets = [Images(), Images(np.random.default_rng(0))]
    with sentinel() as made:
        for dataset in datasets:
            for n_workers in (0, 2):
                for _ in DataLoader(dataset, batch_size=8, num_workers=n_workers):
                    pass
    (found,) = made.at_end(Path.cwd()).found
    assert (found.kind, found.what, found.n_times) == ("copied", "Images.rng, 2 workers", 1)


def test_a_model_that_is_older_than_the_seed_and_trained_is_found():
    torch.random.default_generator.seed()
    older, idle = torch.nn.Linear(2, 2), torch.nn.Bilinear(2, 2, 2)
    with sentinel() as made:
        newer = torch.nn.Linear(2, 2)
        with torch.no_grad():
            older.weight.add_(1.0)
            newer.weight.add_(1.0)
        found = told(made)
    assert found == [("drawn_before", "torch"), ("made_before", "Linear")]
    del idle


def test_what_was_seeded_by_hand_before_the_block_is_not_called_late():
    torch.manual_seed(3)
    torch.rand(2)
    with sentinel() as made:
        assert told(made) == []


def test_the_list_is_bounded():
    made = Sentinel(SEED, "record", lambda: True)
    for number in range(60):
        made._note("unseeded", None, f"generator {number}")
    found = made.at_end(Path.cwd())
    assert (len(found.found), found.n_left_out) == (50, 10)


@pytest.mark.slow
def test_ordinary_training_has_no_findings():
    with sentinel() as made:
        rows, labels = np.random.rand(80, 4), np.arange(80) % 2
        rows, _, labels, _ = train_test_split(rows, labels)
        RandomForestClassifier(4, n_jobs=2).fit(rows, labels)
        cross_val_score(SGDClassifier(), rows, labels, cv=2)
        model = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Dropout(0.1))
        optimizer = torch.optim.AdamW(model.parameters())
        for batch in DataLoader(Images(), 4, shuffle=True, num_workers=2):
            model(batch.float()[:, None]).sum().backward()
            optimizer.step()
        copy.deepcopy(model)
        torch.utils.data.random_split(Images(), [4, 4])
    assert told(made) == []


@pytest.mark.slow
def test_a_run_records_it_and_makes_generators_repeat(project):
    def drawn():
        with repro.tracked_run("unseeded", seed=1, entropy="derive", quiet=True) as run:
            return run.run_id, default_rng().random()

    (run_id, first), (_, second) = drawn(), drawn()
    assert first == second
    entropy = project.record(run_id).find(Entropy)
    assert entropy.mode == "derive"
    assert [(one.kind, one.what) for one in entropy.found] == [("unseeded", "default_rng()")]
