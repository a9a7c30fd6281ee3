"""Secrets of every kind, the places they are planted in, and the search for them.

`python tests/secrets_table.py` runs the nastiest training and prints where each was found.
"""

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from project import git

# Made up, one of each kind; none of them opens anything. Written in two pieces, so that neither
# this file nor a patch of it holds one.
PEM_LINE = "MIIEowIBAAKCAQEA7bq3cF1uXz" + "9QmW4tY8vRk2Ls0JdHg"
SECRETS = {
    "AWS key id": "AKIA" + "Q3EGRIKQ7XNPLM2T",
    "AWS secret key, by name": "wJa1rXUtnFEMI/K7MDENG/" + "bPxRfiCYzzQQwwEEk7",
    "GitHub token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "GitLab token": "glpat-" + "x9Yk2Lm4Qr7Tv1Wz5bNd",
    "Slack token": "xoxb-" + "123456789012-abcdefGHIJKL",
    "OpenAI key": "sk-proj-" + "aB3dE5fG7hJ9kL1mN3pQ5rS7",
    "Anthropic key": "sk-ant-api03-" + "zY8xW6vU4tS2rQ0pO9nM7lK5",
    "Hugging Face token": "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm",
    "Google key": "AIza" + "SyD3x7Kq9Lm2Np4Rt6Vw8Zb1Cd5Fg0Hj-_k",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiI5ODc2NSJ9.Kx3Lm9Qp2Rt7Vw4Zb6Nd",
    "private key": PEM_LINE,
    "Azure storage key": "Zm9vYmFy" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU2Nzg5Kw==",
    "password of a URL": "pgs3cr3t" + "-Tulip77",
    "bearer token": "b34r3r." + "Qx7Lm2Np9Rt4Vw6Zb1",
    "basic login": base64.b64encode(b"ada:" + b"tr0ub4dor&3").decode(),
    "PyPI token": "pypi-" + "AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAw",
    "npm token": "npm_" + "aZ9bY8cX7dW6eV5fU4gT3hS2iR1jQ0kP9lO8",
    "Stripe key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "password, by name": "hunter2" + "-Marigold",
    "value of a variable": "v4lue-of" + "-a-v4riable+/=",
    "password of DATABASE_URL": "d4tabase" + "-Peony55",
    "netrc password": "n3trc" + "Cyclamen0921",
    "Slack webhook": "T0AB12CD3/B0EF45GH6/" + "iJ7kL8mN9oP0qR1sT2uV3wX4",
    "SendGrid key": "SG.aBcDeFgHiJkLmNoPqRsTuV." + "wXyZ0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ012",
}
BY_NAME = {
    "AWS secret key, by name": "aws_secret_access_key",
    "password, by name": "db_password",
    "netrc password": "netrc_password",
}


def written(kind: str) -> str:
    """The secret as texts hold it, with what tells that it is one."""
    secret = SECRETS[kind]
    around = {
        "AWS secret key, by name": f"aws_secret_access_key = '{secret}'",
        "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{secret}\n-----END RSA PRIVATE KEY-----",
        "Azure storage key": f"AccountName=lab;AccountKey={secret};EndpointSuffix=x",
        "password of a URL": f"postgresql://ada:{secret}@db.example:5432/runs",
        "bearer token": f"Authorization: Bearer {secret}",
        "basic login": f"Authorization: Basic {secret}",
        "password, by name": f'"password": "{secret}"',
        "netrc password": f"machine api.example login ada password {secret}",
        "Slack webhook": f"https://hooks.slack.com/services/{secret}",
    }
    return around.get(kind, secret)


VARIABLES = {
    "TEAM_API_TOKEN": SECRETS["value of a variable"],
    "DATABASE_URL": f"postgresql://ada:{SECRETS['password of DATABASE_URL']}@db.example/runs",
    "OMP_PLACES": SECRETS["value of a variable"],  # a variable that is recorded
}

TRAINING = """
import json, sys
from pathlib import Path
from dataclasses import dataclass
import mlflow, torch
import repro

SECRETS, WRITTEN, BY_NAME = json.loads(Path(sys.argv[1]).read_text())

@dataclass
class Login:
    user: str
    password: str

def metric(y_true, y_pred, **given):
    return 0.5

class Scheduler:
    def state_dict(self):
        return {"gamma": 0.1, "token": SECRETS["GitHub token"], "note": WRITTEN["Slack token"]}

params = {
    "written": {f"kind{i}": text for i, text in enumerate(WRITTEN.values())},
    "listed": list(WRITTEN.values()),
    "nested": [{"deep": ({"password": SECRETS["password, by name"]},)}],
    "login": Login("ada", SECRETS["password, by name"]),
    "logins": [Login("ada", SECRETS["password, by name"])],
    "options": ["--password", SECRETS["password, by name"]],
    **{name: SECRETS[kind] for kind, name in BY_NAME.items()},
}
tags = {f"tag{i}": text for i, text in enumerate(WRITTEN.values())}
tags["hf_token"] = SECRETS["password, by name"]
with repro.tracked_run("run " + SECRETS["GitHub token"], params=params, tags=tags, seed=0) as run:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["api_key"] = SECRETS["password, by name"]
    optimizer.param_groups[0]["note"] = WRITTEN["Google key"]
    run.watch(model, optimizer, Scheduler())
    x = torch.ones(8, 2)
    model(x).sum().backward()
    optimizer.step()
    run.log_data(train=(x[:4].numpy(), x[:4, 0].numpy()), test=(x[4:].numpy(), x[4:, 0].numpy()))
    run.score("test/acc", metric, [1, 0], [1, 0], on="test", greater_is_better=True,
              api_key=SECRETS["password, by name"], note=WRITTEN["JSON web token"])
    run.notes.extend(WRITTEN.values())
    values = "\\n".join([*WRITTEN.values(), SECRETS["value of a variable"]])
    try:
        raise OSError(values)
    except OSError as error:
        raise RuntimeError("training failed: " + values) from error
"""


def script(root: Path) -> Path:
    """The training, by a path that holds a secret."""
    return root / SECRETS["GitHub token"] / "train.py"


def plant(folder: Path) -> Path:
    """A repository with a store in which everything that can hold a secret does."""
    root = folder / "project"
    (root / "mlruns").mkdir(parents=True)
    script(root).parent.mkdir()
    (root / ".gitignore").write_text("mlruns/\n__pycache__/\n")
    (root / "repro.toml").write_text('tracking_uri = "sqlite:///mlruns/mlflow.db"\n')
    script(root).write_text(TRAINING)
    (root / "settings.py").write_text("epochs = 5\n")
    git(root, "init", "-q", "-b", f"fix/{SECRETS['GitLab token']}")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    _plant_submodule(folder, root)
    url = f"https://ada:{SECRETS['password of a URL']}@git.example/team.git"
    git(root, "remote", "add", "origin", url)
    (root / "committed.py").write_text(f"token = '{SECRETS['GitHub token']}'\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "on no remote")
    _plant_files(root)
    return root


def _plant_submodule(folder: Path, root: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    git(inner, "commit", "-q", "--allow-empty", "-m", "first")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "inner")
    url = f"https://ada:{SECRETS['password of a URL']}@git.example/inner.git"
    git(root, "config", "-f", ".gitmodules", "submodule.inner.url", url)
    git(root / "inner", "remote", "set-url", "origin", url)
    (root / "inner" / ".env").write_text(f"DB_PASSWORD={SECRETS['password, by name']}\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "inner")


def _plant_files(root: Path) -> None:
    texts = [written(kind) for kind in SECRETS if kind not in BY_NAME]
    texts += [repr({name: SECRETS[kind]}) for kind, name in BY_NAME.items()]
    password = SECRETS["password, by name"]
    value = SECRETS["value of a variable"]
    (root / "settings.py").write_text(
        "".join(f"# {line}\n" for text in texts for line in text.splitlines())
        + f'password = "{password}"\nconnect(user="ada", password=\'{password}\')\n'
        + f'os.environ["API_KEY"] = "{value}"\n'
        + f'url = "https://x.example/?q={quote(value, safe="")}"\n'
        + f'blob = "{base64.b64encode(value.encode()).decode()}"\n'
    )
    assignments = [f"{name.upper()}={SECRETS[kind]}" for kind, name in BY_NAME.items()]
    (root / ".env").write_text("\n".join([*assignments, f"export DB_PWD='{password}'", *texts, ""]))
    (root / "deploy.yaml").write_text(
        f"db:\n  PASSWORD: {password}\n  list:\n  - token: {password}\n"
    )
    (root / "config.toml").write_text(f'[db]\npassword = "{password}"\n')
    (root / "config.json").write_text(json.dumps({"api_key": password, "texts": texts}, indent=1))
    (root / "compact.json").write_text(json.dumps({"api_key": password, "texts": texts}))
    netrc = f"machine api.example\n  login ada\n  password {SECRETS['netrc password']}\n"
    (root / ".netrc").write_text(netrc)
    pem = "-----BEGIN PRIVATE KEY-----\n" + f"{PEM_LINE}\n" * 5 + "-----END PRIVATE KEY-----\n"
    (root / "server.pem").write_text(pem)


def run(root: Path) -> subprocess.CompletedProcess[str]:
    """The training, which fails on purpose."""
    told = root.parent / "secrets.json"
    told.write_text(json.dumps([SECRETS, {kind: written(kind) for kind in SECRETS}, BY_NAME]))
    password = SECRETS["password, by name"]
    secret = ["--token", password, f"--db-password={password}", f"+db.password={password}"]
    texts = [f"--note={written(kind)}" for kind in SECRETS]
    environment = {**os.environ, **VARIABLES, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        [sys.executable, str(script(root)), str(told), *secret, *texts],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def found_in(root: Path) -> dict[str, dict[str, int]]:
    """For each secret, how often each part of the store holds it."""
    counts = {kind: dict.fromkeys(("database", "artifacts", "journal"), 0) for kind in SECRETS}
    for path in sorted(file for file in (root / "mlruns").rglob("*") if file.is_file()):
        parts = path.relative_to(root / "mlruns").parts
        place = next((part for part in ("artifacts", "journal") if part in parts), "database")
        for content in _layers(path.read_bytes()):
            for kind, secret in SECRETS.items():
                counts[kind][place] += sum(content.count(form) for form in _forms(secret))
    return counts


def _forms(secret: str) -> set[bytes]:
    data = secret.encode()
    spelled = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)}
    encoded = {base64.b64encode(data), base64.urlsafe_b64encode(data)}
    return {text.encode() for text in spelled} | {form.rstrip(b"=") for form in encoded}


def _layers(content: bytes) -> Iterator[bytes]:
    """The bytes themselves, and what is packed inside them."""
    yield content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from _layers(archive.read(name))
    elif content[:2] == b"\x1f\x8b":
        yield from _layers(gzip.decompress(content))
    elif b"PACK" in content[:4096]:  # a bundle of git: every object is deflated
        yield from _inflated(content)


def _inflated(content: bytes) -> Iterator[bytes]:
    for at in range(len(content) - 1):
        if content[at] & 0x0F == 8 and (content[at] << 8 | content[at + 1]) % 31 == 0:
            try:
                yield zlib.decompressobj().decompress(content[at:])
            except zlib.error:
                continue


def table(counts: dict[str, dict[str, int]]) -> str:
    """One line for each kind."""
    places = list(next(iter(counts.values())))
    lines = [f"{'kind':27}" + "".join(f"{place:>11}" for place in places)]
    for kind, found in counts.items():
        lines.append(f"{kind:27}" + "".join(f"{found[place]:11}" for place in places))
    return "\n".join(lines)


def main() -> int:
    """Plant, run, search, print; 1 if anything was found."""
    with tempfile.TemporaryDirectory() as folder:
        root = plant(Path(folder))
        ended = run(root)
        if "training failed" not in ended.stderr:
            print(ended.stderr)
        counts = found_in(root)
    print(table(counts))
    return int(any(any(found.values()) for found in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
