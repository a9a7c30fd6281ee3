"""What must be alike before the bits of two runs can be compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from repro.facts.environment import Environment
from repro.facts.fact import Scalar
from repro.record import RunRecord

# Where one of these differs, other bits say nothing about the code.
TERMS = (
    "environment.python",
    "environment.implementation",
    "hardware.machine",
    "hardware.instruction_set",
    "hardware.accelerators",
    "hardware.cuda",
    "hardware.cudnn",
    "hardware.blas",
    "hardware.blas_kernels",
    "determinism.*",
    "topology.world",
    "topology.backend",
    "topology.n_devices",
    "batching.world",
    "batching.n_workers",
)
NO_TERMS = (
    "determinism.derived*",  # of a generator that the script asked for: its bits are compared
    "determinism.drift*",  # what the script did is compared bit for bit, too
    "determinism.loaders*",
    "determinism.n_derived",
    "determinism.seed_source",
    "determinism.seeded",
)

# They compute no number of a training: what stores, shows, parses and talks over a network.
NO_NUMBERS = (
    *("aiohappyeyeballs", "aiohttp", "aiosignal", "alembic", "annotated-*", "anyio", "attrs"),
    *("blake3", "blinker", "cachetools", "certifi", "charset-normalizer", "click", "cloudpickle"),
    *("colorama", "coverage", "cryptography", "databricks-*", "docker", "exceptiongroup"),
    *("execnet", "fastapi", "filelock", "flask*", "frozenlist", "fsspec", "git*", "google-auth"),
    *("googleapis-common-protos", "graphene", "graphql-*", "greenlet", "gunicorn"),
    *("h11", "httpcore"),
    *("httpx*", "huey", "idna", "importlib-metadata", "iniconfig", "ipython*", "itsdangerous"),
    *("jinja2", "jupyter*", "mako", "markdown*", "markupsafe", "mdurl", "mlflow*", "multidict"),
    *("mypy*", "opentelemetry-*", "packaging", "pip", "platformdirs", "pluggy", "propcache"),
    *("protobuf", "psutil", "psycopg*", "pydantic*", "pygments", "pyopenssl", "pytest*"),
    *("python-dateutil", "python-dotenv", "pytz", "pyyaml", "repro", "requests*", "rich", "ruff"),
    *("setuptools", "six", "smmap", "sniffio", "sortedcontainers", "sqlalchemy", "sqlparse"),
    *("starlette", "tomli*", "tqdm", "typing-*", "tzdata", "urllib3", "uvicorn", "waitress"),
    *("werkzeug", "wheel", "xxhash", "yarl", "zipp", "_*"),
)


@dataclass(frozen=True)
class Breach:
    """One thing that is not as the run had it."""

    what: str  # torch, hardware.instruction_set, OMP_NUM_THREADS
    recorded: Scalar
    now: Scalar
    gates: bool = True  # whether other bits may come of it

    def __str__(self) -> str:
        return f"{self.what} was {_told(self.recorded)}, is {_told(self.now)}"


def breaches(recorded: RunRecord, now: RunRecord) -> tuple[Breach, ...]:
    """What is not as it was recorded, in another run or on this machine."""
    before, after = recorded.find(Environment), now.find(Environment)
    found = list(_settings(recorded, now))
    if before is not None and after is not None:
        found += [*_packages(before, after), *_variables(before, after)]
    return tuple(found)


def gating(found: Iterable[Breach]) -> tuple[Breach, ...]:
    """Those of which other bits may come."""
    return tuple(breach for breach in found if breach.gates)


def _settings(recorded: RunRecord, now: RunRecord) -> Iterator[Breach]:
    """Values at the paths of the contract that both have.

    A switch of a library that one side did not load was in effect there for nothing.
    """
    for path, value in recorded.flat.items():
        other = now.flat.get(path)
        if _is_term(path) and value is not None and other not in (None, value):
            yield Breach(path, value, other)


def _packages(recorded: Environment, now: Environment) -> Iterator[Breach]:
    """Distributions that the run had imported; here it is enough that they are installed."""
    versions = {package.name: package.version for package in (*now.imported, *now.installed)}
    for package in recorded.imported:
        version = versions.get(package.name)
        if version != package.version:
            yield Breach(package.name, package.version, version, computes(package.name))


def _variables(recorded: Environment, now: Environment) -> Iterator[Breach]:
    """Environment variables that change numbers."""
    before = {variable.name: variable.value for variable in recorded.variables}
    after = {variable.name: variable.value for variable in now.variables}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Breach(name, before.get(name), after.get(name))


def computes(package: str) -> bool:
    """Whether numbers of a training may come of the code of a distribution.

    >>> computes("torch"), computes("mlflow-skinny")
    (True, False)
    """
    return not any(fnmatchcase(package, glob) for glob in NO_NUMBERS)


def _is_term(path: str) -> bool:
    named = any(fnmatchcase(path, glob) for glob in TERMS)
    return named and not any(fnmatchcase(path, glob) for glob in NO_TERMS)


def _told(value: Scalar) -> str:
    return "not there" if value is None else str(value)
