import random
import re
import time
from pathlib import Path

import pytest
from repository import git_bytes
from secrets_table import BY_NAME, SECRETS, written

from repro.observe.binary_patch import contents
from repro.observe.redaction import MASK, masked_patch, masked_text

LEAKS = [
    'password = "hunter2-Rose"',
    "password: str = 'hunter2-Rose'",
    'connect(user="me", password="hunter2-Rose")',
    'config["password"] = "hunter2-Rose"',
    'os.environ["TEAM_API_KEY"] = "hunter2-Rose"',
    'os.environ.setdefault("HF_TOKEN", "hunter2Rose9KqLmZxT4w")',
    '{"api_key": "hunter2-Rose"}',
    '{\\"password\\": \\"hunter2-Rose\\"}',
    'if password == "hunter2-Rose":',
    "const apiKey = `hunter2-Rose`;",
    'url = "https://x.example/?token=hunter2Rose&page=2"',
    'dsn = "Server=db;Uid=me;Password=hunter2!Rose;"',
    "# AWS_SECRET_ACCESS_KEY=hunter2/K7MDENG/bPxRfiCYEXAMPLEKEYx",
    'os.environ.setdefault("DB_PASSWORD", "hunter2-correct-horse")',
    'os.environ.setdefault(\n+    "DB_PASSWORD",\n+    "hunter2-correct-horse",\n+)',
    'setattr(c,"password","hunter22-!x")',
    'headers = [("Authorization", "Token hunter2abcd5678efgh")]',
    'parser.add_argument("--api-key", type=str, default="hunter22-!x")',
    'parser.add_argument(\n+    "--api-key",\n+    help="of us",\n+    default="hunter22-!x",\n+)',
    'API_KEY = """hunter22-!x"""',
    'API_KEY = """\n+hunter22-!x\n+"""',
    '"API_KEY = \\"\\"\\"hunter22-!x\\"\\"\\"\\n",',
    'PASSWORD = (\n+    "hunter22-!xabc"\n+)',
    'PASSWORD = \\\n+    "hunter22-!xabc"',
    "curl -s https://x.example -u me:hunter22x",
    'run(["curl", "-u", "me:hunter22x"])',
    "password: |\n+  hunter22x!",
    "  - db_password: >-\n+      hunter22x!\n+      Rose2hunter2",
    "<password>hunter22x!</password>",
    '<db:password type="text">\n+  hunter22x!\n+</db:password>',
    'pw = "hunter22-!x"',
    'conn="Server=x;Pwd=hunter22x;User=me"',
    'conn = (\n+    "Server=x;"\n+    "Pwd=hunter22x;User=me"\n+)',
    "PGPASSWORD=hunter22 psql -h db",
    'x = "a"  # PGPASSWORD=hunter22',
    'os.system("PGPASSWORD=hunter22")',
]
WEIGHTS_AND_BIASES = "0123456789" + "abcdef" * 5
SETTINGS = [
    "DB_PASSWORD=hunter2Rose",
    "export DB_PASSWORD=hunter2&Rose,1",
    "password: hunter2Rose",
    "  - token: hunter2Rose  # of the team",
    "aws_secret_access_key = hunter2/K7MDENG/bPxRfiCYEXAMPLEKEYx",
    "//registry.npmjs.org/:_authToken=hunter2Rose",
    "PASSWORD=834612077",
    "ENV API_TOKEN hunter2Rose".replace("TOKEN ", "TOKEN="),
]
HARMLESS = [
    "n_tokens = 5",
    'tokenizer = "bert-base-2"',
    'token = os.environ["TOKEN"]',
    "password=args.password",
    "secret: str",
    "passwd = None",
    'author = "me-and-you-2"',
    "max_tokens: 512",
    "token: 512",
    'password = "x"',
    'pad_token = "<|endoftext|>"',
    'mask_token: "[MASK-1234]"',
    'token_type = "word-level-2"',
    'password = "${DB_PASSWORD}"',
    'password = "{{ vault.password_2 }}"',
    'token = f"{user}:{password_2}"',
    'secret = "HF_TOKEN"',
    'token_file = "/run/secrets/token2"',
    'credentials = "/etc/secrets/my-2.json"',
    'columns = ["token", "position_2"]',
    'key="train/loss_12345"',
    "token = tokenizer2.encode(text)",
    "digest = blake3:9f2c4d1e9f2c4d1e9f2c4d1e9f2c4d1e9f2c4d1e9f2c4d1e9f2c4d1e9f2c4d1e",
    "commit 4f1f2c9e5b0a4c0d8e7f6a5b4c3d2e1f0a9b8c7d",
    "id = 123e4567-e89b-12d3-a456-426614174000",
    'image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"',
    "sk-learn-compatible-estimators-1-and-2",
    "Basic implementation of authentication",
    "a Bearer of good news and of interoperability",
    "login and password fields of machine translation",
    "http://localhost:5000/path@version",
    'raise Invalid("password", "must have 8 characters")',
    'frame[["token",\n+       "position_2"]]',
    'setattr(c, "password", "${DB_PASSWORD_2}")',
    'headers.add("Authorization", f"Basic {b64encode(login)}")',
    'kinds = [("DigitalOcean token", "dop_v1_")]',
    'parser.add_argument("--tokenizer", default="bert-base-2")',
    'parser.add_argument("--token", default=None)\n+parser.add_argument("--x", default="a-12-b")',
    'class Token:\n+    """Of OAuth 2."""',
    'def token() -> Token:\n+    """Of OAuth 2."""',
    'password = ""  # of user "2-abcd"',
    "token: |\n+  see the manual",
    "tokenizer: |\n+  bert-base-2",
    "password: |\n+  ${PASSWORD_2}\n+name: bert-base-2",
    "<token>{{ token_2 }}</token>",
    "<tokenizer>bert-base-2</tokenizer>",
    "docker run -u 1000:1000 curl",
    "curl -u $ME:$PASSWORD_2 https://x.example",
    'login("ada@example.com", remember=True)',
    "Authorization: see the manual",
]
IN_CODE = [
    "password = password2",
    "token=token_2,",
    "auth = (user1, secret2)",
    "token: Token1 = t1.x",
    "connect('a', \"don't\", token=token_2)",
    "TOKEN=token2 if x else None",
    'frame.query("token=token_2")',
    'setattr(c, "password", password2)',
    'a = "x"; pw=first2word',
]


def in_file(name: str, line: str) -> bytes:
    heading = f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n"
    return f"{heading}+{line}\n".encode()


@pytest.mark.parametrize("name", ["x.py", "x.yaml", ".env", "README.md"])
@pytest.mark.parametrize("line", LEAKS)
def test_a_secret_in_quotes_or_in_a_url_is_masked_in_every_file(name, line):
    masked = masked_patch(in_file(name, line)).decode()
    assert MASK in masked
    assert "hunter2" not in masked


@pytest.mark.parametrize("line", LEAKS)
def test_a_text_shows_no_secret_of_a_patch(line):
    assert "hunter2" not in masked_text(line.replace("\n+", "\n"))


@pytest.mark.parametrize(
    "call",
    [
        'wandb.login(key="{}")',
        'wandb.login("{}")',
        "wandb.login(relogin=True, key='{}')",
        "wandb login --relogin {}",
    ],
)
def test_the_key_of_a_login_is_masked(call):
    patch = in_file("x.py", call.format(WEIGHTS_AND_BIASES))
    assert masked_patch(patch) == in_file("x.py", call.format(MASK))


def test_a_block_of_yaml_ends_where_its_indentation_does():
    text = "  a:\n    password: |\n      hunter22x!\n\n    user: me-and-2\n"
    assert masked_text(text) == text.replace("hunter22x!", MASK)


def test_in_a_notebook_a_name_is_no_value():
    patch = in_file("x.ipynb", '    "connect(token=second2)\\n",')
    assert masked_patch(patch) == patch


@pytest.mark.parametrize("name", ["x.yaml", ".env", ".npmrc", "Dockerfile", "setup.cfg"])
@pytest.mark.parametrize("line", SETTINGS)
def test_a_bare_secret_is_masked_in_files_of_settings(name, line):
    masked = masked_patch(in_file(name, line)).decode()
    assert not re.search(r"hunter2|Rose|834612077", masked)
    assert masked_text(f"{line}\n") == masked.splitlines()[-1][1:] + "\n"


@pytest.mark.parametrize("name", ["x.py", "x.yaml", "Makefile"])
@pytest.mark.parametrize("line", HARMLESS)
def test_what_only_looks_like_a_secret_is_kept(name, line):
    patch = in_file(name, line)
    assert masked_patch(patch) == patch


@pytest.mark.parametrize("line", IN_CODE)
def test_in_source_code_a_name_is_no_value(line):
    patch = in_file("x.py", line)
    assert masked_patch(patch) == patch


@pytest.mark.parametrize("kind", SECRETS)
def test_every_kind_of_the_table_is_masked_in_a_patch(kind, monkeypatch):
    for number, value in enumerate(("value of a variable", "password of DATABASE_URL")):
        monkeypatch.setenv(f"SECRET_{number}", SECRETS[value])
    name = BY_NAME.get(kind)
    line = repr({name: SECRETS[kind]}) if name else written(kind)
    for file in ("x.py", "x.yaml"):
        assert SECRETS[kind] not in masked_patch(in_file(file, line)).decode()


def test_each_file_of_a_patch_is_read_by_its_own_kind():
    code, settings = in_file("a.py", "token = token_2"), in_file("a.env", "token = token_2")
    masked = masked_patch(code + settings + code).decode()
    assert masked == (code + settings + code).decode().replace(
        settings.decode(), settings.decode().replace("token_2", MASK)
    )


def test_bytes_that_are_no_utf_8_stay_as_they_are():
    patch = in_file(
        "x.py", "name = 'caf\udce9'".encode("utf-8", "surrogateescape").decode("latin-1")
    )
    raw = patch + b"+caf\xe9\n+password = 'hunter2-Rose'\n+\xff\xfe\n"
    assert masked_patch(raw) == patch + b"+caf\xe9\n+password = '<redacted>'\n+\xff\xfe\n"


def binary_patch_of(repository: Path, content: bytes) -> bytes:
    (repository / "weights.bin").write_bytes(content)
    return git_bytes(repository, "diff", "--binary", "HEAD")


NOISE = bytes(range(256)) * 40


@pytest.mark.parametrize(
    "content",
    [
        NOISE + SECRETS["GitHub token"].encode() + NOISE,
        bytes(range(256)) + SECRETS["OpenAI key"].encode(),  # a delta of what was committed
        f"PASSWORD={SECRETS['password, by name']}\n".encode("utf-16"),
    ],
    ids=["new", "changed", "UTF-16"],
)
def test_a_secret_in_a_binary_file_takes_the_file_out_of_the_patch(repository, content):
    masked = masked_patch(binary_patch_of(repository, content))
    heading = b"diff --git a/weights.bin b/weights.bin\n"
    assert masked.startswith(heading)
    assert masked.endswith(f"\nGIT binary patch\n{MASK}\n".encode())


def test_a_binary_file_without_a_secret_stays_as_it_is(repository):
    patch = binary_patch_of(repository, NOISE + b"password=hunter2-Rose")
    assert b"GIT binary patch" in patch
    assert masked_patch(patch) == patch


@pytest.mark.parametrize("n_bytes", [1, 2, 3, 4, 5, 51, 52, 53, 5_000])
def test_a_new_binary_file_is_read_to_its_last_byte(repository, n_bytes):
    content = b"\0" + random.Random(0).randbytes(n_bytes)
    (repository / "new.bin").write_bytes(content)
    git_bytes(repository, "add", "--intent-to-add", "new.bin")
    patch = git_bytes(repository, "diff", "--binary", "HEAD").decode()
    assert list(contents(patch)) == [content, b""]  # the second leads back


HOSTILE = (
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----AAAA\n", "password=", "token='"),
    *(
        "://",
        "://a:",
        "://a:b",
        "eyJaaaaaaaaaa.",
        "sk-a",
        "machine a login b ",
        "Basic A",
        "Bearer a",
    ),
    *(
        "token:a ",
        "password: str | ",
        "\\\\\\'token",
        "password = ",
        "- ",
        "a",
        "a.b",
        " ",
        "\n",
        "?sig=a",
        'token",',
        'token", default=',
        "token=(\n",
        'token="""',
        "'",
        "'a;pwd=ab12cd",
        "TOKEN=a1b2c3 d",
        "password: |\n ",
        "password: |\n  a\n",
        "<password>",
        "<a b",
        "curl -u",
        "login(",
        "login --a ",
        "uthorization: a ",
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_grows_with_the_length_of_a_text_alone(piece):
    short, long = (piece * (size // len(piece)) for size in (50_000, 400_000))
    masked_text(short)
    begin = time.perf_counter()
    masked_text(long)
    masked_patch(in_file("x.py", long))
    assert time.perf_counter() - begin < 5.0  # 0.2 s; tried again from every sign: minutes


@pytest.mark.slow
def test_a_large_patch_takes_seconds():
    line = "+    result = compute(values, weights=model.weights, n_tokens=5, key='train/loss')\n"
    patch = in_file("x.py", line * (5_000_000 // len(line)))
    begin = time.perf_counter()
    assert masked_patch(patch) == patch
    assert time.perf_counter() - begin < 10.0  # 0.7 s
