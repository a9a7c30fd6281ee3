"""`repro verify` as a person meets it."""

import pytest
from click.testing import CliRunner

from repro.cli.main import main

pytestmark = pytest.mark.slow


def verify_command(*words):
    return CliRunner().invoke(main, ["verify", *map(str, words)])


@pytest.fixture
def plain(sealed):
    """A run that repro knows nothing of, beside the sealed one."""
    experiment = sealed.client.get_experiment_by_name("tests").experiment_id
    return sealed.client.create_run(experiment, run_name="plain").info.run_id


def test_a_run_that_is_as_sealed_exits_0_and_says_what_was_checked(sealed):
    result = verify_command("sealed")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"sealed ({sealed.run_id[:8]}): as sealed\n"
        f"  checked       record, by tag and journal; status, params: 2, metrics: 4 (42 values), "
        f"tags: 7, artifacts: 4\n"
        f"  not compared  start and end times, the name, the description, tags of others\n"
    )


def test_each_alteration_is_shown_as_it_was_and_is_and_exits_1(sealed):
    sealed.sql("UPDATE params SET value = '0.01' WHERE key = 'lr'")
    sealed.client.set_tag(sealed.run_id, "repro.seed", "4")
    result = verify_command(sealed.run_id[:8])
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[:3] == [
        f"sealed ({sealed.run_id[:8]}): ALTERED after its end",
        "  param lr        was 0.1  is 0.01",
        "  tag repro.seed  was 3    is 4",
    ]


def test_a_run_without_a_record_cannot_be_told_and_exits_3(sealed, plain):
    result = verify_command(plain)
    assert (result.exit_code, result.stdout) == (
        3,
        f"plain ({plain[:8]}): CANNOT BE TOLD\n"
        f"  cannot be told  it has no record: it was not tracked by repro, or has not ended\n",
    )


def test_of_several_runs_the_worst_counts(sealed, plain):
    assert verify_command("sealed", plain).exit_code == 3
    sealed.client.set_tag(sealed.run_id, "repro.seed", "4")
    assert verify_command(plain, "sealed").exit_code == 1


def test_of_an_experiment_every_sealed_run_is_verified(sealed, plain):
    result = verify_command("--all")
    assert result.exit_code == 0
    assert "plain" not in result.stdout
    assert result.stdout.startswith(f"sealed ({sealed.run_id[:8]}): as sealed\n")


@pytest.mark.parametrize("words", [(), ("sealed", "--all")])
def test_which_runs_must_be_said(sealed, words):
    result = verify_command(*words)
    assert (result.exit_code, result.stderr) == (
        2,
        "error: name the runs to verify, or pass --all for those of the experiment.\n",
    )


def test_a_run_that_nobody_knows_exits_2(sealed):
    result = verify_command("nobody")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no run goes by 'nobody'")
