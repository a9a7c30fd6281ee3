"""A package that both arms imported had another version, or came from another commit.

Why: metrics, readers and tokenizers change their defaults between releases: the score is another
one, or the rows are. A development version may be another program under the same number.

Fix: install both arms from one lock file.

Wrong when: the release changed nothing that the training reaches. Patch releases are a warning; so
are libraries that only read data, where the digests of what was read are the same, and packages
that compute neither a metric nor the data. A package that one arm alone imported is no drift, nor
is one that is only installed; the commit of the run's own repository is the code's affair.

Source: Post 2018 on tokenizers inside BLEU; PEP 610 for the commit behind a version.
"""

from collections.abc import Iterator

from repro.audit.configuration import is_declared
from repro.audit.listing import listed
from repro.audit.own_repository import is_own
from repro.audit.release import FRAMEWORKS, is_one_minor
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE as CLAIM
from repro.claims import Claim
from repro.facts.code import EXAMPLE as CODE
from repro.facts.code import Code
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.environment import EXAMPLE, Environment, Package
from repro.facts.fact import Absent
from repro.record import Arms

METRICS = (
    *("bert-score", "evaluate", "jiwer", "lm-eval", "mir-eval", "nltk", "pycocotools"),
    *("pystoi", "pytorch-fid", "rouge-score", "sacrebleu", "seqeval", "torch-fidelity"),
    *("torcheval", "torchmetrics"),
)
TOKENIZERS = ("mecab-python3", "sacremoses", "sentencepiece", "spacy", "tiktoken", "tokenizers")
TRANSFORMS = (  # what they do to a sample shows in no digest of the rows
    *("albumentations", "augly", "imbalanced-learn", "imgaug", "kornia", "librosa"),
    *("opencv-python", "opencv-python-headless", "pillow", "scikit-image", "soundfile"),
    *("torchaudio", "torchtext", "torchvision"),
)
READERS = ("datasets", "fsspec", "h5py", "pandas", "polars", "pyarrow", "torchdata", "webdataset")
SILENT = (  # they show, record, and drive; no number passes through them
    *("click", "mlflow", "mlflow-repro", "mlflow-skinny", "mlflow-tracing", "pytest", "rich"),
    "tqdm",
)
SHOWN = 4


@rule("ENV004", Severity.ERROR)
def check(
    claim: Claim,
    environments: Arms[Environment],
    code: Arms[Code | Absent],
    data: Arms[Data | Absent],
) -> Iterator[Violation]:
    """One version, and one commit, of each package that every run imported."""
    drift = dict(sorted({**_versions(environments), **_commits(environments, code)}.items()))
    groups: dict[Severity, list[str]] = {}
    for path, values in drift.items():
        if not is_declared(claim, path, f"environment.{_name(path)}"):
            severity = _severity(_name(path), values, is_same_data=_is_same_data(data))
            groups.setdefault(severity, []).append(path)
    for severity, paths in groups.items():
        told = [f"{_name(path)} {' | '.join(sorted(drift[path]))}" for path in paths]
        yield Violation(
            message=listed(told, SHOWN),
            fix=f'install both arms from one lock file, or declare "environment.{_name(paths[0])}"',
            points=tuple(paths),
            severity=severity,
        )


def _name(path: str) -> str:
    """The package of `environment.<name>` and of what is told of it below."""
    name = path.removeprefix("environment.").removeprefix("origins.")
    return name.removeprefix("editable.").removesuffix(".commit")


def _versions(environments: Arms[Environment]) -> dict[str, set[str]]:
    """The versions of each package that differ between runs which imported it."""
    found: dict[str, set[str]] = {}
    for environment in environments.every():
        edited = {editable.name for editable in environment.editable}  # their commits are compared
        for package in (one for one in environment.imported if one.name not in edited):
            found.setdefault(f"environment.{package.name}", set()).add(package.version)
    return {
        path: versions
        for path, versions in found.items()
        if len(versions) > 1 and path.partition(".")[2] not in FRAMEWORKS
    }


def _commits(environments: Arms[Environment], code: Arms[Code | Absent]) -> dict[str, set[str]]:
    """The commits of packages that were installed from a repository, other than the run's own."""
    found: dict[str, set[str]] = {}
    for environment, own in zip(environments.every(), code.every(), strict=True):
        imported = {package.name for package in environment.imported}
        for origin in environment.origins:
            _, at, commit = origin.version.rpartition("@")
            if at and origin.name in imported:
                found.setdefault(f"environment.origins.{origin.name}", set()).add(commit[:12])
        for editable in environment.editable:
            if editable.commit and not is_own(editable, own):
                path = f"environment.editable.{editable.name}.commit"
                found.setdefault(path, set()).add(editable.commit[:12])
    return {path: commits for path, commits in found.items() if len(commits) > 1}


def _severity(name: str, versions: set[str], *, is_same_data: bool) -> Severity:
    if name in SILENT:
        return Severity.NOTE
    is_heavy = name in METRICS + TOKENIZERS + TRANSFORMS or (name in READERS and not is_same_data)
    return Severity.ERROR if is_heavy and not is_one_minor(versions) else Severity.WARNING


def _is_same_data(data: Arms[Data | Absent]) -> bool:
    """Whether what was read is known to be the same, in full, in every pair."""
    return all(
        isinstance(left, Data)
        and isinstance(right, Data)
        and left.pool_digest == right.pool_digest
        and all(role.coverage == 1 for role in (*left.roles, *right.roles))
        for left, right in data.contrasts()
    )


def _metrics(version: str) -> Environment:
    return EXAMPLE.but(imported=(*EXAMPLE.imported, Package(name="torchmetrics", version=version)))


_REST = {"claim": CLAIM, "code": Arms.of(CODE, CODE), "data": Arms.of(DATA, DATA)}
BAD = {**_REST, "environments": Arms.of(_metrics("1.4.0"), _metrics("1.8.2"))}
GOOD = {**_REST, "environments": Arms.of(_metrics("1.8.2"), _metrics("1.8.2"))}
