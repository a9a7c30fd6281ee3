"""Rules about seeds that do not hold the training: when they fire, and when they must not."""

import pytest

from repro.audit.example import example_record
from repro.audit.rule import NotApplicable, Severity, Violation
from repro.audit.rules.determinism import (
    foreign_reseed,
    late_seeding,
    seed_ignored,
    unseeded_generator,
    worker_seed,
)
from repro.facts.determinism import EXAMPLE as SEEDED
from repro.facts.entropy import Entropy, Finding
from repro.facts.fact import Absent
from repro.facts.initialization import EXAMPLE as FIRST
from repro.facts.initialization import Scheme
from repro.facts.lineage import EXAMPLE as LINEAGE
from repro.facts.scores import EXAMPLE as SCORES
from repro.record import Arms

DRAWN = LINEAGE.but(loaded=())
NOT_HANDED_OVER = Absent(reason="not handed over", kind="not_recorded")


def entropy(*kinds, what="Net", where="train.py:3", mode="record"):
    found = (
        Finding(index=index, kind=kind, where=where, what=what)
        for index, kind in enumerate(kinds, 1)
    )
    return Entropy(mode=mode, found=tuple(found))


def messages(rule, *given):
    return [answer.message for answer in rule.check.check(*given) if isinstance(answer, Violation)]


def arms(*runs):
    return Arms(runs, (), ())


def run(seed, *facts):
    return example_record(SEEDED.but(seed=seed), DRAWN, *facts)


def test_a_model_of_unseeded_numbers_is_late_unless_its_weights_are_from_elsewhere():
    late = entropy("drawn_before", "made_before")
    trained = FIRST.but(schemes=(Scheme(name="Linear.weight", scheme="unknown"),))
    for first in (FIRST, NOT_HANDED_OVER):
        said = messages(late_seeding, late, first, DRAWN)
        assert said == ["Net was made before the seed was set"]
    for first, lineage in ((trained, DRAWN), (FIRST, LINEAGE), (FIRST, DRAWN.but(pretrained="a"))):
        assert messages(late_seeding, late, first, lineage) == []
    for half in ("drawn_before", "made_before"):
        assert messages(late_seeding, entropy(half), FIRST, DRAWN) == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("child", "a child process draws from Net, which nobody seeds there (train.py:3)"),
        ("copied", "every worker gets the same copy of Net (train.py:3)"),
        ("threads", "several threads draw from Net (train.py:3)"),
    ],
)
def test_each_way_of_sharing_a_generator_is_told(kind, message):
    assert messages(worker_seed, entropy(kind)) == [message]


def test_a_derived_seed_is_enough_where_one_could_be_given():
    made = {"what": "default_rng()", "mode": "derive"}
    assert messages(unseeded_generator, entropy("unseeded", **made)) == []
    assert messages(
        unseeded_generator, entropy("unseeded", **{**made, "what": "torch.seed()"})
    ) == ["train.py:3 makes torch.seed() without a seed"]


def test_a_seed_that_follows_the_runs_is_not_foreign():
    fixed, other = (entropy("reseeded", what=f"random.seed({n})") for n in (42, 43))
    assert messages(foreign_reseed, arms(run(0, fixed), run(1, fixed))) == [
        "train.py:3 calls random.seed(42) whatever the run's seed is"
    ]
    assert messages(foreign_reseed, arms(run(0, fixed), run(1, other))) == []
    (answer,) = foreign_reseed.check.check(arms(run(0, fixed), run(0, fixed)))
    assert answer == NotApplicable("all runs have one seed")


def test_seeds_are_ignored_only_where_weights_were_drawn_and_scores_are_equal():
    better = SCORES.but(scored=(SCORES.scored[0].model_copy(update={"value": 0.5}),))
    assert messages(seed_ignored, arms(run(0), run(1))) == [
        "seeds 0 and 1 gave the same weights and the same scores"
    ]
    for other in (run(0), run(1, better), run(1, FIRST.but(digest="blake3:cd"))):
        assert messages(seed_ignored, arms(run(0), other)) == []
    (answer,) = seed_ignored.check.check(arms(run(0), run(1, LINEAGE)))
    assert isinstance(answer, NotApplicable)
    assert seed_ignored.check.severity is Severity.ERROR
