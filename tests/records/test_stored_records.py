"""Records of every version of every fact, as they were once written: they load for ever.

A file here is never edited. When a fact's VERSION is raised, the record with the new examples is
added beside the old ones, and the old ones show that `upgrade` understands them.
"""

import json
from pathlib import Path

import pytest

from repro.audit.example import example_record
from repro.facts import fact_types
from repro.facts.fact import Fact
from repro.record import dump, load

STORED = sorted(Path(__file__).parent.glob("v*.json"), key=lambda file: int(file.stem[1:]))
NEWEST = STORED[-1]


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.stem)
def test_a_stored_record_is_understood_entirely(file):
    record = load(file.read_text(encoding="utf-8"))
    assert record.facts
    assert all(isinstance(fact, Fact) for fact in record.facts.values())


def test_the_newest_stored_record_holds_the_examples_of_today():
    assert load(NEWEST.read_text(encoding="utf-8")) == example_record()


def test_what_is_written_today_is_what_was_written_then():
    stored = NEWEST.read_text(encoding="utf-8")
    assert json.loads(dump(example_record())) == json.loads(stored)


def test_of_every_fact_its_version_of_today_is_stored():
    stored = {
        (key, entry["version"])
        for file in STORED
        for key, entry in json.loads(file.read_text(encoding="utf-8"))["facts"].items()
    }
    assert {(key, kind.VERSION) for key, kind in fact_types().items()} <= stored
