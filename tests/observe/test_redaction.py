import re

import pytest

from repro.observe.params import declared
from repro.observe.redaction import MASK, is_secret_name, masked_argv, masked_text, masked_url

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
