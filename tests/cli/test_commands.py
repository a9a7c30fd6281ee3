"""The command line as a person or a CI job meets it."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

import repro
from repro.audit.catalogue import every_rule
from repro.audit.example import example_record
from repro.cli.main import COMMANDS, main
from repro.errors import ReproError
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.fact import Absent
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.scores import EXAMPLE as SCORES
from repro.record import dump
from repro.report import formats
from repro.store.mlflow import RECORD, OpenRun
from repro.store.spool import keep

CLAIM = """
[[claim]]
name = "b-beats-a"
baseline = "attributes.run_name = 'a'"
candidate = "attributes.run_name = 'b'"
metric = "test/accuracy"
direction = "higher"
treatment = ["optimizer.*"]
"""


UNSEALED = Absent(reason="the examples of the other facts are not stored", kind="not_applicable")


def repro_command(*words):
    return CliRunner().invoke(main, words)


@pytest.fixture
def store(project, tmp_path):
    """Stores example records as runs of the project; returns them with their ids."""
    client = MlflowClient(project.uri)
    experiment = client.create_experiment(
        "tests", artifact_location=(project.root / "mlruns" / "artifacts").as_uri()
    )

    def put(name, *facts, **absent):
        run = client.create_run(experiment, run_name=name)
        example = example_record(*facts, **{"contents": UNSEALED, **absent})
        known_later = {"integrity", "reachability"}
        facts = {key: fact for key, fact in example.facts.items() if key not in known_later}
        record = replace(example, run_id=run.info.run_id, name=name, facts=facts)
        opened = OpenRun(record.run_id, experiment, project.uri, False, lambda: None)
        opened.store(record, keep(tmp_path / record.run_id, {RECORD: dump(record).encode()}))
        client.set_terminated(record.run_id)
        return record

    return put


def is_one_line_error(result):
    lines = result.stderr.splitlines()
    return (result.exit_code, len(lines), result.stdout) == (2, 1, "") and lines[0].startswith(
        "error: "
    )


def test_every_command_is_listed_with_what_it_does():
    result = repro_command("--help")
    assert result.exit_code == 0
    for name, purpose in COMMANDS.items():
        assert f"  {name}" in result.output
        assert purpose in " ".join(result.output.split())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name):
    result = repro_command(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {name} [OPTIONS]")
    assert len(result.output.splitlines()) > 5


def test_the_version_is_that_of_the_package():
    assert repro_command("--version").output == f"repro, version {repro.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("show", "nothing"),
            "no run goes by 'nothing' in experiment 'tests'; its newest runs: none. "
            "Pass a run id or a run name.",
        ),
        (
            ("diff", "nothing", "nothing"),
            "no run goes by 'nothing' in experiment 'tests'; its newest runs: none. "
            "Pass a run id or a run name.",
        ),
        (
            ("audit", "--format", "pdf"),
            f"--format 'pdf' is none of: {', '.join(sorted(formats()))}.",
        ),
        (
            ("audit", "--claim", "nothing"),
            "{root}/repro.toml has no claim 'nothing'; it has: b-beats-a.",
        ),
        (
            ("audit", "--baseline", "tags.arm = 'a'"),
            "a claim given by options also needs --candidate, --metric, --direction, --treatment.",
        ),
        (
            ("show", "x", "--tracking-uri", "sqlite:////nowhere/x.db"),
            "there is no store at /nowhere/x.db. Run the training first, or pass --tracking-uri.",
        ),
        (
            ("show", "x", "--tracking-uri", "http://127.0.0.1:9"),
            "http://127.0.0.1:9 cannot be read: [Errno 111] Connection refused",
        ),
        (
            ("ui", "--experiment", "nothing"),
            "{uri} has no experiment 'nothing'; it has: Default, tests. "
            "Name one with --experiment, or run the training first.",
        ),
        (
            ("run", "--seeds", "3..1", "--", "true"),
            "--seeds '3..1' names no seeds. Write 0..4, 3, or 1,5,7..9.",
        ),
        (
            ("run", "--", "no-such-program"),
            "'no-such-program' cannot be started: No such file or directory. "
            "Write the command after --, as in: repro run -- python train.py",
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_told_in_one_line_without_a_traceback(project, store, words, message):
    project.policy(CLAIM)
    result = repro_command(*words)
    assert is_one_line_error(result), result.output
    expected = message.replace("{root}", str(project.root)).replace("{uri}", project.uri)
    assert result.stderr == f"error: {expected}\n"


def test_an_unknown_rule_is_answered_with_what_was_meant():
    result = repro_command("explain", "effective-batsh")
    assert is_one_line_error(result)
    assert "effective-batsh" in result.stderr
    assert "effective-batch" in result.stderr.replace("effective-batsh", "")


def test_a_configuration_that_cannot_be_read_is_told_with_its_file(project):
    project.policy("[[claim]]\nname = 1\n")
    result = repro_command("audit")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "repro.toml" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_any_claim_the_way_out_is_told(project, store):
    result = repro_command("audit")
    assert result.stderr == (
        f"error: there is no claim to judge: {project.root}/repro.toml has no [[claim]]. "
        f"Write one, or give --baseline, --candidate, --metric, --direction and --treatment.\n"
    )


def test_an_unknown_option_or_command_is_a_usage_error():
    for words in (("audit", "--novelty"), ("novelty",), ("show",)):
        result = repro_command(*words)
        assert result.exit_code == 2
        assert result.stderr.startswith("Usage: ")


def test_show_prints_the_stored_record_as_json_that_any_program_reads(store):
    stored = store(
        "first", SCORES.but(scored=(SCORES.scored[0].model_copy(update={"value": float("nan")}),))
    )
    result = repro_command("show", stored.run_id, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    shown = json.loads(result.stdout, parse_constant=pytest.fail)
    assert shown["facts"].pop("integrity")["absent"]["reason"] == UNSEALED.reason
    assert shown == json.loads(dump(stored))


def test_show_finds_a_run_by_its_name_and_prints_every_fact_on_request(store):
    stored = store("first")
    result = repro_command("show", "first")
    assert result.exit_code == 0
    assert result.stdout.startswith("first  segment 2, FINISHED  in 3.0 s\n")
    assert f"run {stored.run_id}, seed 0 fold 0\n" in result.stdout
    everything = repro_command("show", "first", "--all").stdout
    for key in stored.facts:
        assert re.search(rf"^{key}(  not applicable: .*)?$", everything, re.MULTILINE), key


@pytest.mark.slow
@pytest.mark.parametrize(
    ("facts", "absent", "code"),
    [
        ((), {}, 0),
        ((DETERMINISM.but(seeded=("python",)),), {}, 0),
        ((SGD.but(name="AdamW"),), {}, 1),
        ((), {"data": Absent(reason="nobody looked", kind="not_recorded")}, 3),
        ((SGD.but(name="AdamW"),), {"data": Absent(reason="?", kind="not_recorded")}, 1),
    ],
    ids=["equal", "ignored", "different", "unknown", "different and unknown"],
)
def test_diff_tells_by_its_exit_code_what_it_found(store, facts, absent, code):
    first, second = store("first"), store("second", *facts, **absent)
    assert repro_command("diff", "first", "second").exit_code == code
    result = repro_command("diff", first.run_id, second.run_id, "--json")
    assert result.exit_code == code
    assert json.loads(result.stdout)["exit_code"] == code


@pytest.mark.slow
def test_diff_shows_what_no_claim_compares_only_when_asked(store):
    store("first"), store("second", DETERMINISM.but(seeded=("python",)))
    short = repro_command("diff", "first", "second")
    full = repro_command("diff", "--all", "first", "second")
    assert "determinism.seeded" not in short.stdout
    assert "determinism.seeded" in full.stdout


def test_audit_writes_json_that_any_program_reads_and_exits_by_the_verdict(project, store):
    project.policy(CLAIM)
    store("a"), store("b")
    result = repro_command("audit", "--format", "json", "--no-tags")
    document = json.loads(result.stdout, parse_constant=pytest.fail)
    assert document["claims"][0]["claim"]["name"] == "b-beats-a"
    assert result.exit_code == document["exit_code"] != 0


def test_a_claim_without_runs_is_told_and_does_not_keep_the_others_from_being_judged(
    project, store
):
    project.policy(CLAIM + CLAIM.replace("b-beats-a", "c-beats-a").replace("'b'", "'c'"))
    store("a"), store("b", SGD.but(name="AdamW"))
    result = repro_command("audit", "--json")
    assert result.exit_code == 2
    assert [claim["claim"]["name"] for claim in json.loads(result.stdout)["claims"]] == [
        "b-beats-a"
    ]
    assert "claim 'c-beats-a': candidate has no run" in result.stderr


@pytest.mark.parametrize(
    ("words", "variables", "severity"),
    [((), {}, "warning"), (("--profile", "ci"), {}, "error"), ((), {"CI": "true"}, "error")],
)
def test_a_commit_that_nobody_else_can_get_is_an_error_where_ci_asks(
    project, store, words, variables, severity
):
    project.git("remote", "add", "origin", str(project.root))
    project.policy(CLAIM)
    store("a"), store("b", SGD.but(name="AdamW"))
    result = CliRunner(env={"CI": "", **variables}).invoke(main, ("audit", "--json", *words))
    (found,) = [
        finding
        for finding in json.loads(result.stdout)["claims"][0]["findings"]
        if finding["rule"] == "unreachable-commit"
    ]
    assert (found["outcome"], found["severity"]) == ("FAIL", severity)


def test_rules_in_preview_are_asked_on_demand(project, store):
    project.policy(CLAIM)
    store("a"), store("b", SGD.but(name="AdamW"))
    for words, is_asked in (((), False), (("--preview",), True)):
        (claim,) = json.loads(repro_command("audit", "--json", *words).stdout)["claims"]
        assert ("lr-range" in {found["rule"] for found in claim["findings"]}) is is_asked
        assert ("lr-range" in claim["in_preview"]) is not is_asked


def test_what_no_comparison_hangs_on_is_printed_with_the_reason():
    lines = repro_command("rules", "--ignored").stdout.splitlines()
    assert any(line.split()[0] == "outcome.*" and "never compared" in line for line in lines)
    assert any(line.split()[0] == "budget.n_samples" and "0.01" in line for line in lines)


@pytest.mark.parametrize("option", ["--markdown", "--json", None])
def test_every_rule_is_listed_in_every_form(option):
    result = repro_command("rules", *([option] if option else []))
    assert result.exit_code == 0
    for rule in every_rule():
        assert rule.name in result.stdout
        assert rule.code in result.stdout


def test_the_markdown_table_has_one_line_for_each_rule():
    lines = repro_command("rules", "--markdown").stdout.strip().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == len(every_rule()) + 2
    assert len({line.count("|") for line in rows}) == 1


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.name)
def test_every_rule_is_explained_by_its_name_and_by_its_code(rule):
    by_name, by_code = repro_command("explain", rule.name), repro_command("explain", rule.code)
    assert by_name.exit_code == 0
    assert by_name.stdout == by_code.stdout
    assert rule.code in by_name.stdout


def test_run_passes_the_exit_code_of_its_child_through():
    program = "import os, sys; sys.exit(int(os.environ['REPRO_SEED']))"
    result = repro_command("run", "--seeds", "0,5,7", "--", sys.executable, "-c", program)
    assert result.exit_code == 5


def test_run_takes_one_seed_or_many():
    program = "import os; os._exit(int(os.environ['REPRO_SEED'] + os.environ['MKL_NUM_THREADS']))"
    words = ("run", "--seed", "3", "--threads", "2", "--", sys.executable, "-c", program)
    assert repro_command(*words).exit_code == 32
    both = repro_command("run", "--seed", "3", "--seeds", "0..1", "--", "true")
    assert both.exit_code == 2
    assert both.stderr == "error: --seed and --seeds are both given. Leave one of them out.\n"


def test_run_leaves_the_options_of_its_child_to_the_child():
    program = "import sys; sys.exit(sys.argv[1:] != ['--lr', '0.1', '-h'])"
    words = ("run", "--", sys.executable, "-c", program, "--lr", "0.1", "-h")
    assert repro_command(*words).exit_code == 0


def test_every_error_of_ours_is_caught_at_the_command_line(monkeypatch):
    def fail(name):
        raise ReproError("anything")

    monkeypatch.setattr("repro.audit.catalogue.find_rule", fail)
    result = repro_command("explain", "anything")
    assert (result.exit_code, result.stderr) == (2, "error: anything\n")


@pytest.mark.slow
def test_the_installed_module_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "repro", "explain", "no-such-rule"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
