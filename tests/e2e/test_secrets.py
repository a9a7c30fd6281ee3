"""No byte of the store and of the journal holds a secret, wherever one was planted."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from mlflow import MlflowClient
from secrets_table import SECRETS, found_in, plant, run, script, table

from repro.observe.redaction import MASK

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project_of_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after one failed run in which everything that can hold a secret does."""
    root = plant(tmp_path_factory.mktemp("secrets"))
    process = run(root)
    assert "RuntimeError: training failed" in process.stderr, process.stderr
    return root


@pytest.fixture(scope="module")
def stored(project_of_secrets):
    """The run as MLflow has it, and its record."""
    root = project_of_secrets
    client = MlflowClient(f"sqlite:///{root}/mlruns/mlflow.db")
    (found,) = client.search_runs(["0"])
    (record,) = root.glob("mlruns/**/repro/record.json")
    return found.data, json.loads(record.read_text())["facts"]


def test_no_byte_of_the_store_and_the_journal_holds_a_secret(project_of_secrets):
    counts = found_in(project_of_secrets)
    assert len(counts) >= 12
    assert not any(any(found.values()) for found in counts.values()), f"\n{table(counts)}"


def test_the_tags_that_mlflow_adds_itself_are_masked(stored):
    tags = stored[0].tags
    assert tags["mlflow.source.name"].endswith(f"/{MASK}/train.py")
    assert tags["mlflow.source.git.repoURL"] == "https://git.example/team.git"
    assert tags["mlflow.source.git.branch"] == f"fix/{MASK}"
    assert tags["mlflow.runName"] == f"run {MASK}"
    assert tags["hf_token"] == MASK


def test_every_place_was_reached_and_keeps_what_is_no_secret(stored):
    run_data, facts = stored
    code, scores = facts["code"]["data"], facts["scores"]["data"]["scored"]
    settings = {one["name"]: one["value"] for one in facts["optimizer"]["data"]["settings"]}
    params = {one["name"]: one["value"] for one in facts["params"]["data"]["declared"]}
    assert (code["remote"], code["branch"]) == ("https://git.example/team.git", f"fix/{MASK}")
    assert code["entry_point"] == f"{MASK}/train.py"
    assert code["argv"][2:6] == ["--token", MASK, f"--db-password={MASK}", f"+db.password={MASK}"]
    assert (settings["api_key"], settings["note"], settings["lr"]) == (MASK, MASK, 0.1)
    assert "GitHub" not in (scheduler := facts["optimizer"]["data"]["scheduler"])
    assert scheduler == f"Scheduler(gamma=0.1, note='{MASK}', token='{MASK}')"
    assert json.loads(scores[0]["arguments"]) == {"api_key": MASK, "note": MASK}
    assert params["login.user"] == "ada"
    assert params["nested"] == f"[{{'deep': ({{'password': '{MASK}'}},)}}]"
    assert (params["login.password"], params["db_password"]) == (MASK, MASK)
    assert params["options"] == f"['--password', '{MASK}']"
    assert run_data.params["login.password"] == MASK
    assert facts["outcome"]["data"]["error"].startswith("RuntimeError: training failed: ")
    assert facts["outcome"]["data"]["error"].count(MASK) >= 10


def test_a_masked_patch_says_that_it_brings_nothing_back(stored):
    code = stored[1]["code"]["data"]
    assert code["restore_verified"] is False
    assert "a secret was masked in the patch" in code["not_restorable"]


def test_a_patch_keeps_the_lines_around_a_secret(project_of_secrets):
    patches = [path.read_text() for path in project_of_secrets.glob("mlruns/**/repro/*.patch")]
    (patch,) = [text for text in patches if "+++ b/settings.py" in text]
    assert f'+password = "{MASK}"\n+connect(user="ada", password=\'{MASK}\')\n' in patch
    assert f"+  login ada\n+  password {MASK}\n" in patch


@pytest.mark.parametrize("kind", SECRETS)
def test_the_search_finds_a_secret_that_is_there(tmp_path, kind):
    secret = SECRETS[kind].encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.json", json.dumps({"x": SECRETS[kind]}))
    folder = tmp_path / "mlruns"
    for name, content in {
        "mlflow.db": b"\0deleted page " + secret,
        "artifacts/1/digests.npz": buffer.getvalue(),
        "journal/run.jsonl": gzip.compress(secret),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert found_in(tmp_path)[kind] == {"database": 1, "artifacts": 1, "journal": 1}


def test_the_script_lies_below_a_secret(tmp_path):
    assert SECRETS["GitHub token"] in str(script(tmp_path))
