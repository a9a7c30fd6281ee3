import pytest
from fake_history import ADAMW, tracked

from repro.audit.configuration import differences, differing, ignored_paths, matches
from repro.audit.equality import same, same_at
from repro.claims import EXAMPLE as CLAIM
from repro.facts.architecture import EXAMPLE as ARCHITECTURE
from repro.facts.architecture import Hyperparameter
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.budget import EXAMPLE as BUDGET
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Module
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Package, Variable
from repro.facts.fact import Absent, Fact
from repro.facts.hardware import EXAMPLE as HARDWARE
from repro.facts.initialization import EXAMPLE as INITIALIZATION
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.facts.params import EXAMPLE as PARAMS
from repro.facts.params import Param
from repro.facts.regularization import EXAMPLE as REGULARIZATION
from repro.facts.regularization import Dropout
from repro.facts.split import EXAMPLE as SPLIT
from repro.record import Arms, RunRecord

DOES_NOT_APPLY = Absent(reason="nothing is trained", kind="not_applicable")
NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")


def run(*facts: Fact, seed: int = 0, **absent: Absent) -> RunRecord:
    return tracked(1, seed, 0.9, *facts, **absent)


def paths(*candidate: Fact) -> list[str]:
    return [found.path for found in differences(Arms.of(run(), run(*candidate)))]


def params(**values: object) -> Fact:
    return PARAMS.but(
        declared=tuple(Param(name=name, value=value) for name, value in values.items())
    )


def test_equal_runs_do_not_differ() -> None:
    assert paths() == []


def test_a_truth_value_is_no_number() -> None:
    assert differing(run(params(nesterov=True)), run(params(nesterov=1))) == {"params.nesterov"}
    assert differing(run(params(nesterov=1.0)), run(params(nesterov=1))) == frozenset()


def test_what_a_fact_ignores_is_no_difference() -> None:
    assert paths(CODE.but(branch="other", commit="0" * 40), BUDGET.but(wall_seconds=9.0)) == []


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (0.1, 0.1 + 1e-12, True),
        (0.1, 0.1001, False),
        (1, 1.0, True),
        (0.1, "0.1", True),
        ("1e-3", 0.001, True),
        ("0.10", "0.1", False),
        (True, 1, False),
        (True, "True", True),
        (None, 0, False),
        ("nan", "nan", True),
        ("inf", "infinity", False),
        (10**12, 10**12 + 1, False),  # two seeds, not one float
        (10**400, 1.0, False),
        (10**400, 10**400, True),
    ],
)
def test_values_are_equal_by_meaning_not_by_rounding_or_type(
    left: object, right: object, equal: bool
) -> None:
    assert same(left, right) is equal
    assert same(right, left) is equal


def test_a_parameter_that_repeats_an_observed_value_is_the_same_fact() -> None:
    (found,) = differences(
        Arms.of(
            run(params(lr=0.1)),
            run(params(lr=0.2), SGD.but(settings=(Setting(name="lr", value=0.2), SGD.settings[1]))),
        )
    )
    assert (found.path, found.echoes) == ("optimizer.lr", ("params.lr",))


def test_a_parameter_that_differs_from_the_observed_value_once_is_judged_by_itself() -> None:
    left, right = run(params(lr=0.1)), run(params(lr=0.3))
    assert [found.path for found in differences(Arms.of(left, right))] == ["params.lr"]


def deep(name: str, declared: object, observed: object) -> RunRecord:
    made = ARCHITECTURE.but(hyperparameters=(Hyperparameter(name="max_depth", value=observed),))
    return run(params(**{name: declared}), made)


@pytest.mark.parametrize(
    ("name", "values", "is_echo"),
    [
        ("depth", ((1, 1), (6, 6)), True),
        ("depth", ((2, 1), (6, 6)), False),  # another value: it is another thing
        ("depth", ((0, 0), (1, 1)), False),  # as many switches are
        ("width", ((1, 1), (6, 6)), False),
        ("depth_of", ((1, 1), (6, 6)), False),
    ],
)
def test_a_parameter_is_recognised_by_a_longer_name_and_the_same_values(
    name: str, values: tuple[tuple[int, int], tuple[int, int]], *, is_echo: bool
) -> None:
    found = differences(Arms.of(*(deep(name, *pair) for pair in values)))
    echoes = {one.path: one.echoes for one in found}["architecture.max_depth"]
    assert echoes == ((f"params.{name}",) if is_echo else ())


def test_an_estimator_without_a_seed_does_not_make_the_seeds_of_the_other_arm_a_difference() -> (
    None
):
    def seeded(seed: int, value: int | None) -> RunRecord:
        made = ARCHITECTURE.but(hyperparameters=(Hyperparameter(name="random_state", value=value),))
        return run(made, seed=seed)

    arms = Arms((seeded(0, None), seeded(1, None)), (seeded(0, 0), seeded(1, 1)), ((0, 0), (1, 1)))
    assert [one.path for one in differences(arms) if "random_state" in one.path] == []


def test_the_label_of_an_arm_is_no_difference() -> None:
    left, right = run(params(arm="sgd", lr=0.1)), run(params(arm="adamw", lr=0.3))
    assert [found.path for found in differences(Arms.of(left, right))] == ["params.lr"]


@pytest.mark.parametrize(
    ("name", "left", "right", "fact", "observed"),
    [
        ("train.batch_size", 128, 256, BATCHING.but(micro=256, effective=256), "batching.micro"),
        ("optimizer", "sgd", "adamw", SGD.but(name="AdamW"), "optimizer.name"),
        (
            "momentum",
            0.9,
            0.8,
            SGD.but(settings=(SGD.settings[0], Setting(name="momentum", value=0.8))),
            "optimizer.momentum",
        ),
    ],
)
def test_a_parameter_is_recognised_by_its_last_name(
    name: str, left: object, right: object, fact: Fact, observed: str
) -> None:
    arms = Arms.of(run(params(**{name: left})), run(params(**{name: right}), fact))
    found = {item.path: item.echoes for item in differences(arms)}
    assert found[observed] == (f"params.{name}",)
    assert f"params.{name}" not in found


def test_a_rate_that_all_modules_have_is_one_parameter() -> None:
    def dropping(rate: float) -> RunRecord:
        modules = tuple(Dropout(path=path, kind="Dropout", p=rate) for path in ("body", "head"))
        return run(params(dropout=rate), REGULARIZATION.but(dropout=modules))

    found = differences(Arms.of(dropping(0.1), dropping(0.5)))
    assert {one.path: one.echoes for one in found} == {
        f"regularization.dropout.{path}.p": ("params.dropout",) for path in ("body", "head")
    }
    claim = CLAIM.model_copy(update={"treatment": ("params.dropout",)})
    assert {one.declared_as(claim) for one in found} == {"treatment"}


def test_a_rate_that_one_module_does_not_have_is_a_parameter_by_itself() -> None:
    left, right = (run(params(dropout=rate), REGULARIZATION) for rate in (0.1, 0.5))
    assert [one.path for one in differences(Arms.of(left, right))] == ["params.dropout"]


def test_a_parameter_that_repeats_what_is_not_compared_is_compared_itself() -> None:
    left, right = run(params(epochs=5)), run(params(epochs=7), BUDGET.but(n_epochs=7.0))
    assert [found.path for found in differences(Arms.of(left, right))] == ["params.epochs"]


def test_the_seed_may_differ_inside_an_arm_whatever_it_is_called() -> None:
    def seeded(seed: int) -> RunRecord:
        forest = ARCHITECTURE.but(
            digest=f"blake3:{seed}",
            hyperparameters=(Hyperparameter(name="clf__random_state", value=seed),),
        )
        return run(params(seed=seed), forest, seed=seed)

    arms = Arms((seeded(0), seeded(1)), (seeded(0), seeded(1)), ((0, 0), (1, 1)))
    assert differences(arms) == ()


def test_the_digest_of_an_estimator_repeats_its_parameters_that_of_a_network_its_layers() -> None:
    deep = ARCHITECTURE.but(
        digest="blake3:1", hyperparameters=(Hyperparameter(name="depth", value=3),)
    )
    deeper = ARCHITECTURE.but(
        digest="blake3:2", hyperparameters=(Hyperparameter(name="depth", value=4),)
    )
    assert differing(run(deep), run(deeper)) == {"architecture.depth"}
    assert paths(ARCHITECTURE.but(digest="blake3:2")) == ["architecture.digest"]


def test_a_difference_inside_an_arm_names_the_arm() -> None:
    shuffled = BATCHING.but(shuffle=False)
    arms = Arms((run(seed=0), run(shuffled, seed=1)), (run(seed=0), run(seed=1)), ((0, 0), (1, 1)))
    (found,) = differences(arms)
    assert (found.path, found.is_between, found.inside) == (
        "batching.shuffle",
        True,
        ("baseline",),
    )


def test_without_pairs_the_seeds_of_the_arms_may_differ() -> None:
    arms = Arms((run(seed=0), run(seed=1)), (run(seed=2), run(seed=3)))
    assert differences(arms) == ()


def test_a_fact_of_one_side_only_differs_as_a_whole() -> None:
    assert differing(run(), run(optimizer=DOES_NOT_APPLY)) == {"optimizer"}


def test_a_fact_that_is_not_recorded_differs_from_nothing() -> None:
    assert differing(run(), run(*ADAMW[1:], optimizer=NOT_RECORDED)) == {"params.lr"}


def test_the_tree_is_no_difference_of_its_own_where_an_imported_file_differs() -> None:
    other = (Module(path="train.py", digest="blake3:ff"),)
    assert paths(CODE.but(tree="0" * 40, modules=other)) == ["code.modules.train.py"]
    assert paths(CODE.but(tree="0" * 40)) == ["code.tree"]


def test_an_empty_list_is_no_difference_of_its_own_beside_its_items() -> None:
    assert paths(
        ENVIRONMENT.but(variables=(*ENVIRONMENT.variables, Variable(name="A", value="1")))
    ) == ["environment.variables.A"]
    bare = ENVIRONMENT.but(variables=())
    assert differing(run(bare), run()) == {"environment.variables.OMP_NUM_THREADS"}


@pytest.mark.parametrize(
    ("path", "glob", "matched"),
    [
        ("optimizer.lr", "optimizer.*", True),
        ("optimizer", "optimizer.*", True),
        ("optimizer.lr", "optimizer", False),
        ("code.modules.train.py", "code:train.py", True),
        ("code.modules.src/model.py", "code:src/*", True),
        ("code.modules.train.py", "code:*", True),
        ("code.tree", "code:*", True),
        ("code.tree", "code:train.py", False),
        ("params.code:x", "code:*", False),
        ("params.layer[0]", "params.layer[0]", True),
    ],
)
def test_a_declaration_means_these_paths(path: str, glob: str, matched: bool) -> None:
    assert matches(path, [glob]) is matched


def test_nuisance_wins_over_treatment() -> None:
    claim = CLAIM.model_copy(update={"nuisance": ("optimizer.lr",)})
    arms = Arms.of(run(), run(*ADAMW))
    declared = {found.path: found.declared_as(claim) for found in differences(arms)}
    assert declared == {
        "optimizer.lr": "nuisance",
        "optimizer.momentum": "treatment",
        "optimizer.name": "treatment",
    }


def test_a_declared_parameter_declares_the_observed_value_that_it_repeats() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("params.lr",)})
    observed = SGD.but(settings=(Setting(name="lr", value=0.2), SGD.settings[1]))
    arms = Arms.of(run(params(lr=0.1)), run(params(lr=0.2), observed))
    assert [found.declared_as(claim) for found in differences(arms)] == ["treatment"]


def test_other_training_data_declare_what_follows_from_them() -> None:
    claim = CLAIM.model_copy(update={"treatment": ("data.train.*",)})
    arms = Arms.of(run(), run(BUDGET.but(n_samples=6000), HARDWARE.but(n_cores=4)))
    declared = {found.path: found.declared_as(claim) for found in differences(arms)}
    assert declared == {"budget.n_samples": "treatment", "hardware.n_cores": None}


def test_what_only_one_process_had_imported_is_no_difference_while_the_tree_is_one() -> None:
    extra = Module(path="plots.py", digest="blake3:bb")
    package = Package(name="tqdm", version="4.67")
    more_imported = CODE.but(modules=(*CODE.modules, extra))
    with_tqdm = ENVIRONMENT.but(imported=(*ENVIRONMENT.imported, package))
    assert paths(more_imported, with_tqdm) == []
    assert paths(more_imported.but(tree="0" * 40)) == ["code.modules.plots.py"]


def test_without_pairs_what_each_arm_holds_throughout_is_a_difference() -> None:
    short, long = BUDGET.but(n_samples=6735), BUDGET.but(n_samples=67350)
    arms = Arms((run(short, seed=0), run(short, seed=1)), (run(long, seed=2), run(long, seed=3)))
    assert [(found.path, found.is_between) for found in differences(arms)] == [
        ("budget.n_samples", True)
    ]
    arms = Arms((run(short, seed=0), run(long, seed=1)), (run(long, seed=2), run(long, seed=3)))
    assert differences(arms) == ()


def test_without_pairs_a_single_run_a_side_may_have_another_seed_and_fold() -> None:
    arms = Arms((run(seed=0),), (run(SPLIT.but(fold=3), seed=1),))
    assert differences(arms) == ()


def test_modules_of_another_model_follow_from_a_declared_architecture() -> None:
    other_model = ARCHITECTURE.but(digest="blake3:77")
    dropout = REGULARIZATION.but(
        dropout=(*REGULARIZATION.dropout, {"path": "new.drop", "kind": "Dropout", "p": 0.1})
    )
    runs = Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, other_model, dropout))
    claim = CLAIM.model_copy(update={"treatment": ("architecture.*",)})
    declared = {item.path: item.declared_as(claim) for item in differences(runs)}
    assert set(declared.values()) == {"treatment"}
    assert "regularization.dropout.new.drop.p" in declared


def test_a_rate_that_both_models_have_follows_from_no_architecture() -> None:
    first, *others = REGULARIZATION.dropout
    changed = REGULARIZATION.but(dropout=(first.model_copy(update={"p": first.p + 0.1}), *others))
    runs = Arms.of(
        tracked(1, 0, 0.9), tracked(2, 0, 0.9, ARCHITECTURE.but(digest="blake3:77"), changed)
    )
    claim = CLAIM.model_copy(update={"treatment": ("architecture.*",)})
    undeclared = [item.path for item in differences(runs) if item.declared_as(claim) is None]
    assert undeclared == [f"regularization.dropout.{first.path}.p"]


def test_a_scheme_that_one_run_could_not_tell_is_no_difference() -> None:
    first, *others = INITIALIZATION.schemes
    untold = INITIALIZATION.but(schemes=(first.model_copy(update={"scheme": "unknown"}), *others))
    runs = Arms.of(tracked(1, 0, 0.9), tracked(2, 0, 0.9, untold))
    assert differences(runs) == ()


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("/home/ada/data/train.csv", "/data/train.csv", True),
        ("~/data/train.csv", "C:\\data\\train.csv", True),
        ("./train.csv", "../train.csv", True),
        ("/data/train.csv", "/data/test.csv", False),
        ("facebook/opt", "acme/opt", False),  # two models of a hub
        ("/data/train.csv", "train.csv", False),
        ("/", "//", False),
        ("{'b', 'a'}", "{'a', 'b'}", True),
        ("frozenset({1, 2})", "frozenset({2, 1})", True),
        ("{'a'}", "{'a', 'b'}", False),
        ("{'a': 1}", "{'a':  1}", False),
        ("{a, b}", "{b, a}", False),
        ("['a', 'b']", "['b', 'a']", False),
    ],
)
def test_parameters_that_are_places_or_sets_are_compared_as_such(
    left: str, right: str, equal: bool
) -> None:
    assert same_at("params.x", left, right) is equal
    assert same_at("params.x", right, left) is equal
    assert not same_at("optimizer.x", left, right)


def test_a_number_is_one_value_within_the_tolerance_of_its_fact() -> None:
    assert paths(BUDGET.but(n_samples=6735 + 67)) == []
    assert paths(BUDGET.but(n_samples=6735 + 69)) == ["budget.n_samples"]
    assert not same_at("optimizer.lr", 0.1, 0.1005)


def test_parameters_that_say_where_a_run_was_are_not_compared() -> None:
    def at(host: str) -> RunRecord:
        return run(params(**{"host": host, "log.output_dir": f"runs/{host}", "depth": 2}))

    assert differing(at("a"), at("b")) == set()
    assert differing(at("a"), run(params(depth=3))) == {"params.depth"}


def test_everything_that_is_not_compared_is_listed_with_its_reason() -> None:
    listed = dict(ignored_paths())
    assert listed["budget.wall_seconds"].startswith("never compared. Counted while training")
    assert listed["params.output_dir"].endswith(": a place or a name")
    assert {"architecture.digest", "code.tree", "data.pool_digest"} <= listed.keys()
    assert all(listed.values())
