import base64
import json
import re
from collections import OrderedDict
from urllib.parse import quote

import pytest

from repro.audit.example import example_record
from repro.facts.optimizer import EXAMPLE as SGD
from repro.facts.optimizer import Setting
from repro.observe.params import declared
from repro.observe.redaction import (
    MASK,
    masked_argv,
    masked_record,
    masked_text,
    masked_url,
    masked_value,
)
from repro.observe.secret_names import is_secret_name

PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"

# One made-up secret of each shape; none of them opens anything.
SHAPES = {
    "AWS key id": "AKIA" + "Q3EGRIKQ" * 2,
    "GitHub token": "ghp_" + "a1B2" * 9,
    "GitHub fine-grained token": "github_pat_" + "11ABC_" * 5,
    "GitLab token": "glpat-" + "x9-Y_" * 4,
    "Hugging Face token": "hf_" + "aBcD" * 8,
    "OpenAI key": "sk-proj-" + "aB3_" * 6,
    "Anthropic key": "sk-ant-api03-" + "aB3-" * 6,
    "Slack token": "xoxb-" + "12345-" * 3,
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "private key": PRIVATE_KEY,
}


@pytest.mark.parametrize("secret", SHAPES.values(), ids=SHAPES)
def test_a_secret_is_known_by_its_shape_wherever_it_stands(secret):
    for text in (secret, f"key='{secret}'", f"+{secret}\n", f"https://git.example/{secret}/x"):
        masked = masked_text(text)
        assert MASK in masked
        assert not re.search(r"\w{9}", masked.replace(MASK, "").replace("git.example", ""))


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://me:hunter2@db:5432/x", "postgresql://<redacted>@db:5432/x"),
        ("redis://:hunter2@cache/0", "redis://<redacted>@cache/0"),
        ("see https://a:b@c.example and go", "see https://<redacted>@c.example and go"),
        ("postgres://me:p@ss@db/x", "postgres://<redacted>@db/x"),
        ("postgres://me:pa/ss@db/x", "postgres://<redacted>@db/x"),
        ("git+https://me:pw@git.example/x@v1", "git+https://<redacted>@git.example/x@v1"),
        ("https://0123456789abcdef0123@sentry.example/1", "https://<redacted>@sentry.example/1"),
    ],
)
def test_credentials_inside_a_text_are_masked(url, masked):
    assert masked_text(url) == masked


@pytest.mark.parametrize(
    "text",
    [
        "multitask-specific-heads-with-shared-trunk",
        "risk-adjusted-returns-of-the-portfolio",
        "the mask-and-predict-the-missing-word objective",
        "http://localhost:5000/path@version",
        "blake3:9f2c4d1e9f2c4d1e9f2c4d1e9f2c4d1e",
        "lr=0.1, n_tokens=4096, author=me",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert masked_text(text) == text


def test_a_secret_of_the_environment_is_masked_by_its_value(monkeypatch):
    monkeypatch.setenv("TEAM_API_KEY", "correct horse battery")
    monkeypatch.setenv("POSTGRES_PASSWORD", "postgres")
    text = "key = 'correct horse battery'; host = 'postgres'"
    assert masked_text(text) == "key = '<redacted>'; host = 'postgres'"


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("password", True),
        ("db.passwd", True),
        ("MLFLOW_TRACKING_PASSWORD", True),
        ("aws_secret_access_key", True),
        ("api-key", True),
        ("apikey", True),
        ("hf_token", True),
        ("service.credentials", True),
        ("n_tokens", False),
        ("tokenizer", False),
        ("author", False),
        ("secretary", False),
        ("compass.wd", False),
        ("clientSecret", True),
        ("HFToken", True),
        ("dbPassword", True),
        ("dbpassword", True),
        ("PASSWORD_1", True),
        ("TOKEN_PROD", True),
        ("AccountKey", True),
        ("_authToken", True),
        ("token_type", False),
        ("pad_token", False),
        ("max_token", False),
        ("cls_token_value", False),
        ("tokenEmbeddings", False),
        ("password_file", False),
        ("access_key_id", False),
        ("secretName", False),
        ("key", False),
        ("cache_key", False),
        ("1", False),
        ("pw", True),
        ("db_pw", True),
        ("pw_size", False),
    ],
)
def test_a_key_is_secret_by_a_whole_word_of_its_name(name, is_secret):
    assert is_secret_name(name) == is_secret


@pytest.mark.parametrize(
    ("given", "masked"),
    [
        (["--password", "abc"], ("--password", MASK)),
        (["--db-password=abc"], (f"--db-password={MASK}",)),
        (["+db.password=abc", "lr=0.1"], (f"+db.password={MASK}", "lr=0.1")),
        (["--token", "--lr", "0.1"], ("--token", "--lr", "0.1")),
        (["password", "abc"], ("password", "abc")),
        (["--url", "https://me:abc@host/x"], ("--url", "https://<redacted>@host/x")),
        (["--key", SHAPES["AWS key id"]], ("--key", MASK)),
        (["token=abc", "tokenizer=abc"], (f"token={MASK}", "tokenizer=abc")),
        (["--token=${TOKEN}"], ("--token=${TOKEN}",)),
        (
            ["--header", "Authorization: Token abcdef123456"],
            ("--header", f"Authorization: Token {MASK}"),
        ),
        (["--db", '{"password": "hunter2-abc"}'], ("--db", f'{{"password": "{MASK}"}}')),
    ],
)
def test_the_value_of_a_secret_option_is_masked(given, masked):
    assert masked_argv(["train.py", *given]) == ("train.py", *masked)


def test_a_url_loses_its_user_and_keeps_the_rest():
    assert (
        masked_url("https://me:pw@git.example:8443/a?b=c#d") == "https://git.example:8443/a?b=c#d"
    )
    assert masked_url(f"https://me@host/{SHAPES['GitLab token']}") == f"https://host/{MASK}"


def test_a_secret_hyperparameter_is_masked_by_its_name_and_by_its_shape():
    params = declared({"db": {"password": "abc"}, "key": SHAPES["OpenAI key"], "lr": 0.1})
    assert {param.name: param.value for param in params} == {
        "db.password": MASK,
        "key": MASK,
        "lr": 0.1,
    }


def test_bytes_that_are_no_utf_8_are_spelled_out():
    assert masked_text(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\udce9"


def test_a_private_key_is_masked_to_its_end_or_as_far_as_it_goes():
    body = "MIIEowIBAAKCAQEA7bq3cF1uXz9Q\n" * 3
    begin, end = (f"-----{word} PRIVATE KEY-----" for word in ("BEGIN", "END"))
    assert masked_text(f"a {begin}\n{body}{end} b") == f"a {MASK} b"
    cut = masked_text(f"a {begin}\n{body}\nprint(1)")
    assert "MIIE" not in cut
    assert cut.endswith("print(1)")
    escaped = json.dumps(f"{begin}\n{body}{end}")
    assert masked_text(escaped) == f'"{MASK}"'


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda value: quote(value, safe=""),
        lambda value: json.dumps(value)[1:-1],
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    ],
    ids=["plain", "url", "json", "base64", "base64 of urls"],
)
def test_the_value_of_a_variable_is_known_however_it_is_spelled(monkeypatch, spell):
    value = 'v4lue "with" /+? s1gns>>'
    monkeypatch.setenv("TEAM_TOKEN", value)
    assert masked_text(f"x={spell(value)}.").startswith(f"x={MASK}")


def test_the_password_of_a_url_in_a_variable_is_known_without_the_url(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:tul%21ps-77@db.example/runs")
    assert masked_text("it was tul!ps-77, or tul%21ps-77") == f"it was {MASK}, or {MASK}"


@pytest.mark.parametrize("value", ["production", "/run/secrets/token.txt", "${TOKEN}", "short"])
def test_a_variable_that_holds_a_word_or_a_path_hides_nothing(monkeypatch, value):
    monkeypatch.setenv("TEAM_TOKEN", value)
    assert masked_text(f"the {value} of it") == f"the {value} of it"


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("password", "abc", MASK),
        ("password", ["abc"], MASK),
        ("password", 83_461_207, MASK),
        ("token", 512, 512),
        ("password", None, None),
        ("auth", True, True),
        ("pad_token", "<pad>", "<pad>"),
        ("token", "<pad>", "<pad>"),
        ("dbs", [{"password": "abc"}, {"user": "me"}], [{"password": MASK}, {"user": "me"}]),
        ("dbs", ({"a": ("x", {"api_key": "abc"})},), ({"a": ("x", {"api_key": MASK})},)),
        ("args", ("--token", "abc", "--lr", "0.1"), ("--token", MASK, "--lr", "0.1")),
        ("args", ["--token", 5], ["--token", 5]),
        ("lr", 0.1, 0.1),
        ("dbs", [("password", "hunter2-very-secret")], [("password", MASK)]),
        ("dbs", [OrderedDict(password="hunter2-very-secret")], [{"password": MASK}]),
        ("headers", [("Authorization", "Token 1234abcd")], [("Authorization", MASK)]),
        ("login", ["password", "hunter2"], ["password", MASK]),
        ("columns", ["token", "position_2"], ["token", "position_2"]),
        ("columns", ("token", "label"), ("token", "label")),
        ("edge", ("token", 512), ("token", 512)),
    ],
)
def test_a_value_is_masked_by_its_name_however_deep_it_lies(name, value, masked):
    assert masked_value(name, value) == masked


def test_the_last_gate_masks_what_no_observer_did():
    settings = (
        Setting(name="token", value="abc"),
        Setting(name="note", value=SHAPES["OpenAI key"]),
    )
    record = example_record(SGD.but(settings=settings, scheduler=f"S({SHAPES['GitLab token']})"))
    flat = masked_record(record).flat
    assert (flat["optimizer.token"], flat["optimizer.note"]) == (MASK, MASK)
    assert flat["optimizer.scheduler"] == f"S({MASK})"


def test_a_record_without_secrets_passes_the_gate_as_it_is():
    record = example_record()
    assert masked_record(record) is record
