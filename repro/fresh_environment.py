"""A virtual environment with the packages that a run had."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import repro
from repro.errors import CannotReplay
from repro.facts.environment import Environment

INSTALL_SECONDS = 3_600.0
INDEX = "https://download.pytorch.org/whl/"  # of builds whose version ends with +cpu or +cu126
REVISION = re.compile(r"@[0-9a-f]{40}$")
OURS = ("mlflow-repro",)  # is taken from here: the replay needs this version


@dataclass(frozen=True)
class Packages:
    """What to install, and of which versions everything else must be."""

    python: str  # 3.11
    wanted: tuple[str, ...]  # that the run had imported
    allowed: tuple[str, ...]  # all that it had installed
    indexes: tuple[str, ...] = ()  # beside the one that pip knows


def packages(environment: Environment) -> Packages:
    """The recorded versions, as pip takes them.

    Raises
    ------
    CannotReplay
        A distribution came from a folder of the machine that the run was on.
    """
    origins = {origin.name: origin.version for origin in environment.origins}
    versions = {p.name: p.version for p in (*environment.imported, *environment.installed)}
    imported = [package.name for package in environment.imported if package.name not in OURS]
    local = [name for name in imported if origins.get(name, "").startswith("file:")]
    if local:
        raise CannotReplay(f"{local[0]} was installed from {origins[local[0]]}, no index has it")
    builds = {version.partition("+")[2] for version in versions.values()} - {""}
    return Packages(
        python=".".join(environment.python.split(".")[:2]),
        wanted=tuple(_requirement(name, versions[name], origins.get(name)) for name in imported),
        allowed=tuple(
            f"{name}=={version}"
            for name, version in sorted(versions.items())
            if name not in origins and name not in OURS and version != "unknown"
        ),
        indexes=tuple(f"{INDEX}{build}" for build in sorted(builds)),
    )


def _requirement(name: str, version: str, origin: str | None) -> str:
    """One line for pip; of a distribution from a repository its URL and revision."""
    if origin is None:
        return f"{name}=={version}"
    return f"{name} @ git+{origin}" if REVISION.search(origin) else f"{name} @ {origin}"


def install(packages: Packages, folder: Path) -> Path:
    """Make the environment; its interpreter.

    Raises
    ------
    CannotReplay
        There is no such Python here, or a package cannot be installed.
    """
    python = folder / "bin" / "python"
    _run([_interpreter(packages.python), "-m", "venv", str(folder)])
    (folder / "wanted.txt").write_text("\n".join(packages.wanted) + "\n")
    (folder / "allowed.txt").write_text("\n".join(packages.allowed) + "\n")
    indexes = [word for index in packages.indexes for word in ("--extra-index-url", index)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    files = ["-r", str(folder / "wanted.txt"), "-c", str(folder / "allowed.txt")]
    _run([*pip, "--no-warn-script-location", *indexes, *files])
    return python


def path_to_repro(folder: Path) -> Path:
    """A folder for PYTHONPATH that holds this version of repro, and nothing else."""
    folder.mkdir()
    (folder / "repro").symlink_to(Path(repro.__file__).parent)
    return folder


def _interpreter(version: str) -> str:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None:
        raise CannotReplay(f"there is no python{version} on PATH")
    return found


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotReplay(f"{' '.join(command[:4])} took over an hour") from error
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stderr]
        raise CannotReplay(" ".join(told[-1].split()))
