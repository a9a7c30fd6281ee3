import pytest

from repro.errors import UnknownRun
from repro.store.naming import meant

NAMES = {"b2b06d1b90": "first", "cafe000001": "b2", "cafe000002": "again", "d00d": "again"}


@pytest.mark.parametrize(
    ("target", "ids"),
    [
        ("b2b06d1b90", ["b2b06d1b90"]),
        ("b2b0", ["b2b06d1b90"]),
        ("b2", ["cafe000001"]),
        ("b2b", []),
        ("again", ["cafe000002", "d00d"]),
        ("agai", []),
        ("d00d", ["d00d"]),
    ],
)
def test_a_run_goes_by_its_id_four_characters_of_it_or_its_name(target, ids):
    assert meant(target, NAMES) == ids


def test_an_id_that_begins_with_its_own_name_is_one_run():
    assert meant("cafe0000", {"cafe000001": "cafe0000"}) == ["cafe000001"]


def test_a_name_that_begins_the_id_of_another_run_is_refused_with_both():
    with pytest.raises(UnknownRun) as caught:
        meant("b2b0", {**NAMES, "eeee": "b2b0"})
    assert str(caught.value) == (
        "'b2b0' is the name of eeee b2b0 and begins the id of b2b06d1b90 first. "
        "Pass more of the id."
    )


def test_a_beginning_that_several_ids_share_is_refused_with_all():
    with pytest.raises(UnknownRun) as caught:
        meant("cafe", NAMES)
    assert str(caught.value) == (
        "'cafe' begins the id of cafe000001 b2, cafe000002 again. Pass more of the id."
    )
