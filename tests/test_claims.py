from datetime import date
from pathlib import Path

import pytest

from repro.claims import Claim, Guard, Waiver, did_you_mean, find_policy, find_settings, read_policy
from repro.errors import ConfigurationError
from repro.facts import fact_types

CLAIM = """
[[claim]]
name = "adamw"
baseline = "tags.arm = 'sgd'"
candidate = ["1f2e", "3d4c"]
metric = "test/accuracy"
direction = "higher"
treatment = ["optimizer.*", "code:train.py"]
"""
WAIVER = """
[[waive]]
rule = "dirty-no-diff"
scope = "run:1f2e"
reason = "docs only"
owner = "@vision"
expires = 2027-01-31
"""
WHOLE = f"""
tracking_uri = "sqlite:///mlruns/mlflow.db"
experiment = "digits"
ignore = ["DET007"]
{CLAIM}
goal = "no-regression"
margin = 1
min_effect = 0.005
replicates = 3
nuisance = ["optimizer.lr"]
guards = [{{ metric = "test/loss", direction = "lower", margin = 0.02 }}]
{WAIVER}
[budget]
test_reads = 7
"""


def write(folder: Path, text: str, name: str = "repro.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def message(folder: Path, text: str) -> str:
    """What is said about this repro.toml, its path left out."""
    file = write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        read_policy(file)
    return str(caught.value).replace(str(file), "repro.toml")


def test_every_key_of_the_file_reaches_the_policy(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, WHOLE))
    assert policy.experiment == "digits"
    assert policy.ignore == ("DET007",)
    assert policy.budget.test_reads == 7
    assert policy.root == tmp_path
    assert policy.claims == (
        Claim(
            name="adamw",
            goal="no-regression",
            baseline="tags.arm = 'sgd'",
            candidate=("1f2e", "3d4c"),
            metric="test/accuracy",
            direction="higher",
            treatment=("optimizer.*", "code:train.py"),
            nuisance=("optimizer.lr",),
            min_effect=0.005,
            replicates=3,
            margin=1.0,
            guards=(Guard(metric="test/loss", direction="lower", margin=0.02),),
        ),
    )
    assert policy.waivers == (
        Waiver(
            rule="dirty-no-diff",
            scope="run:1f2e",
            reason="docs only",
            owner="@vision",
            expires=date(2027, 1, 31),
        ),
    )


def test_what_is_not_said_has_the_documented_defaults(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, CLAIM))
    claim = policy.claims[0]
    assert (claim.goal, claim.replicates, claim.margin, claim.guards) == ("improve", 5, None, ())
    assert (policy.tracking_uri, policy.select, policy.budget.test_reads) == (None, None, 20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CLAIM.replace("baseline", "basline"),
            "repro.toml: [[claim]] 'adamw': baseline is missing; expected an MLflow filter, "
            'a list of run ids, "merge-base" or "HEAD".\n'
            "repro.toml: [[claim]] 'adamw': unknown key 'basline'. Did you mean 'baseline'? "
            "Known keys: name, goal, baseline, candidate, metric, direction, treatment, nuisance, "
            "min_effect, replicates, margin, guards, rope, coupled, seeds, looks, replicate, task, "
            "family.",
        ),
        (
            'experimnt = "digits"',
            "repro.toml: unknown key 'experimnt'. Did you mean 'experiment'? "
            "Known keys: tracking_uri, experiment, select, ignore, preview, profile, budget, "
            "claim, waive.",
        ),
        (
            'file = "other.toml"',
            "repro.toml: unknown key 'file'. Did you mean 'profile'? "
            "Known keys: tracking_uri, experiment, select, ignore, preview, profile, budget, "
            "claim, waive.",
        ),
        (
            'tracking_uri = ""',
            'repro.toml: tracking_uri = ""; expected an MLflow tracking URI.',
        ),
        (
            'select = "dirty-no-diff"',
            'repro.toml: select = "dirty-no-diff"; '
            'expected a list of rule names or codes, such as ["dirty-no-diff"].',
        ),
        (
            CLAIM.replace("[[claim]]", "[claim]"),
            "repro.toml: claim = {'name': 'adamw', 'baseline': \"tags.arm = 'sgd'\", "
            "'candidate': ['1f2e', '3d4c'], 'metric': 'test/accuracy', 'direction': 'higher', "
            "'treatment': ['optimizer.*', 'code:train.py']}; expected tables, [[claim]].",
        ),
        (
            CLAIM.replace('name = "adamw"', "name = 3"),
            "repro.toml: [[claim]] number 1: name = 3; expected a name that no other claim has.",
        ),
        (
            CLAIM + 'goal = "better"',
            "repro.toml: [[claim]] 'adamw': goal = \"better\"; "
            'expected "improve", "no-regression" or "equivalent".',
        ),
        (
            CLAIM.replace('"higher"', '"up"'),
            "repro.toml: [[claim]] 'adamw': direction = \"up\"; "
            'expected "higher" or "lower", whichever is better.',
        ),
        (
            CLAIM.replace("\"tags.arm = 'sgd'\"", "[]"),
            "repro.toml: [[claim]] 'adamw': baseline = []; "
            'expected an MLflow filter, a list of run ids, "merge-base" or "HEAD".',
        ),
        (
            CLAIM.replace("optimizer", "optimiser"),
            "repro.toml: [[claim]] 'adamw': treatment = ['optimiser.*', 'code:train.py']; "
            "no recorded path starts with 'optimiser'. Did you mean 'optimizer'? "
            f"Paths start with: {', '.join(sorted(fact_types()))}.",
        ),
        (
            CLAIM.replace('["optimizer.*", "code:train.py"]', "[]"),
            "repro.toml: [[claim]] 'adamw': treatment = []; "
            'expected a list of recorded paths, such as ["optimizer.*", "code:train.py"].',
        ),
        (
            CLAIM + 'replicates = "5"',
            "repro.toml: [[claim]] 'adamw': replicates = \"5\"; expected a whole number from 2 on.",
        ),
        (
            CLAIM + "replicates = 1",
            "repro.toml: [[claim]] 'adamw': replicates = 1; expected a whole number from 2 on.",
        ),
        (
            CLAIM + 'seeds = ["3"]',
            "repro.toml: [[claim]] 'adamw': seeds = \"3\"; expected a list of whole numbers.",
        ),
        (
            CLAIM + 'looks = [5, "10"]',
            "repro.toml: [[claim]] 'adamw': looks = \"10\"; "
            "expected a list of rising whole numbers from 2 on, such as [5, 10].",
        ),
        (
            CLAIM + "min_effect = 0",
            "repro.toml: [[claim]] 'adamw': min_effect = 0; "
            "expected a number above 0, in the metric's unit.",
        ),
        (
            CLAIM + 'goal = "equivalent"',
            "repro.toml: [[claim]] 'adamw': goal 'equivalent' needs margin: "
            "the largest change of test/accuracy that does not matter.",
        ),
        (
            CLAIM + "margin = 0.1",
            "repro.toml: [[claim]] 'adamw': margin = 0.1 has no meaning for goal 'improve'. "
            "Remove it, or say min_effect for the smallest gain that matters.",
        ),
        (
            CLAIM + 'guards = [{ metric = "test/loss", direction = "lower" }]',
            "repro.toml: [[claim]] 'adamw', guard number 1: margin is missing; "
            "expected a number above 0, in the metric's unit.",
        ),
        (
            CLAIM + CLAIM,
            "repro.toml: two claims are named 'adamw'. Give each its own name.",
        ),
        (
            WAIVER.replace("run:1f2e", "run:1f2e..."),
            'repro.toml: [[waive]] number 1: scope = "run:1f2e..."; expected '
            '"run:<first digits of its id>", "arm:baseline", "arm:candidate" or "claim:<name>".',
        ),
        (
            WAIVER.replace("2027-01-31", '"soon"'),
            'repro.toml: [[waive]] number 1: expires = "soon"; '
            "expected the last day on which it holds, such as 2027-01-31.",
        ),
        (
            WAIVER.replace('reason = "docs only"', ""),
            "repro.toml: [[waive]] number 1: reason is missing; "
            "expected a text: why the finding does not matter here.",
        ),
        (
            CLAIM + WAIVER.replace("run:1f2e", "claim:adam"),
            "repro.toml: [[waive]] of dirty-no-diff: scope = 'claim:adam' names no claim; "
            "the claims are: adamw.",
        ),
        (
            "[budget]\ntest_read = 3",
            "repro.toml: [budget]: unknown key 'test_read'. Did you mean 'test_reads'? "
            "Known keys: test_reads, trials_ratio.",
        ),
        (
            "experiment =",
            "repro.toml is not TOML: Invalid value (at end of document).",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_its_value_and_what_would_do(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert message(tmp_path, text) == expected


def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^.*/repro\.toml cannot be read: \[Errno 2\]"):
        read_policy(tmp_path / "repro.toml")


def test_the_nearest_folder_with_a_policy_counts(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    write(tmp_path, 'experiment = "outer"')
    write(tmp_path / "a", 'experiment = "inner"')
    policy = find_policy(below)
    assert policy is not None
    assert (policy.experiment, policy.root) == ("inner", (tmp_path / "a").resolve())


def test_repro_toml_wins_over_the_pyproject_toml_beside_it(tmp_path: Path) -> None:
    write(tmp_path, '[tool.repro]\nexperiment = "project"', "pyproject.toml")
    found = find_policy(tmp_path)
    assert found is not None
    assert found.experiment == "project"
    write(tmp_path, 'experiment = "own"')
    found = find_policy(tmp_path)
    assert found is not None
    assert found.experiment == "own"


def test_a_pyproject_toml_without_our_table_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, 'experiment = "outer"')
    (tmp_path / "package").mkdir()
    write(tmp_path / "package", "[tool.ruff]\nline-length = 100", "pyproject.toml")
    policy = find_policy(tmp_path / "package")
    assert policy is not None
    assert policy.experiment == "outer"


def test_errors_in_the_project_table_name_the_pyproject_toml(tmp_path: Path) -> None:
    file = write(tmp_path, '[tool.repro]\nselct = ["x"]', "pyproject.toml")
    with pytest.raises(ConfigurationError) as caught:
        find_policy(tmp_path)
    assert str(caught.value) == (
        f"{file.resolve()}: unknown key 'selct'. Did you mean 'select'? "
        f"Known keys: tracking_uri, experiment, select, ignore, preview, profile, budget, "
        "claim, waive."
    )


def test_a_relative_sqlite_file_is_counted_from_the_folder_of_the_policy(tmp_path: Path) -> None:
    file = write(tmp_path, 'tracking_uri = "sqlite:///mlruns/mlflow.db"')
    assert read_policy(file).resolved_tracking_uri() == f"sqlite:///{tmp_path}/mlruns/mlflow.db"


@pytest.mark.parametrize("uri", ["sqlite:////srv/mlflow.db", "http://server:5000", "databricks"])
def test_any_other_tracking_uri_is_kept(tmp_path: Path, uri: str) -> None:
    assert read_policy(write(tmp_path, f'tracking_uri = "{uri}"')).resolved_tracking_uri() == uri


def test_an_unknown_claim_is_answered_with_those_there_are(tmp_path: Path) -> None:
    file = write(tmp_path, CLAIM)
    with pytest.raises(ConfigurationError) as caught:
        read_policy(file).claim("adam")
    assert str(caught.value) == (
        f"{file} has no claim 'adam'; it has: adamw. Did you mean 'adamw'?"
    )


def test_nothing_is_suggested_where_nothing_is_close() -> None:
    assert did_you_mean("zzz", ["baseline"]) == ""


@pytest.mark.parametrize("glob", ["*", "*.lr", "?*.n_rows"])
def test_a_declaration_of_every_fact_is_refused(tmp_path: Path, glob: str) -> None:
    text = CLAIM.replace('treatment = ["', f'treatment = ["{glob}", "')
    assert f"'{glob}' means every fact. Name the fact, as in 'optimizer.*'." in message(
        tmp_path, text
    )


@pytest.mark.parametrize("amount", ["inf", "nan"])
def test_an_amount_is_a_finite_number(tmp_path: Path, amount: str) -> None:
    text = f"{CLAIM}\nmin_effect = {amount}\n"
    assert "a number above 0, in the metric's unit" in message(tmp_path, text)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "repro.toml"
    file.write_text(CLAIM, encoding="utf-8-sig")
    assert len(read_policy(file).claims) == 1


def test_a_mistake_in_a_claim_stops_no_training(tmp_path):
    file = tmp_path / "repro.toml"
    file.write_text('experiment = "digits"\n[budget]\ntest_read = 3\n[[claim]]\nbasline = "x"\n')
    settings = find_settings(tmp_path)
    assert (settings.experiment, settings.claims) == ("digits", ())
    with pytest.raises(ConfigurationError, match="basline"):
        find_policy(tmp_path)
    file.write_text('experimnt = "digits"\n')
    with pytest.raises(ConfigurationError, match="experimnt"):
        find_settings(tmp_path)
