"""Looks at Python, its packages, and what they run on."""

import inspect
import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from repro.facts.environment import Editable, Environment, Package, Variable, VirtualEnvironment
from repro.observe.container import container
from repro.observe.git import Git, GitFailed
from repro.observe.locks import locks
from repro.observe.redaction import masked_url, masked_value

GIT_SECONDS = 5.0  # for the state of one editable package

# Each changes which code computes a number, or in which order; where it computes changes nothing.
NUMERIC_VARIABLES = (
    *("ATEN_CPU_CAPABILITY", "BLIS_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "CUDA_LAUNCH_BLOCKING"),
    *("DNNL_DEFAULT_FPMATH_MODE", "DNNL_MAX_CPU_ISA", "GOMP_CPU_AFFINITY", "JAX_ENABLE_X64"),
    *("JAX_DEFAULT_MATMUL_PRECISION", "KMP_AFFINITY", "KMP_DETERMINISTIC_REDUCTION", "MKL_CBWR"),
    *("MKL_DEBUG_CPU_TYPE", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS", "MKL_INTERFACE_LAYER"),
    *("MKL_NUM_THREADS", "MKL_THREADING_LAYER", "NCCL_ALGO", "NCCL_PROTO"),
    *("NPY_DISABLE_CPU_FEATURES", "NUMEXPR_MAX_THREADS", "NUMEXPR_NUM_THREADS"),
    *("NVIDIA_TF32_OVERRIDE", "OMP_DYNAMIC", "OMP_NUM_THREADS", "OMP_PLACES", "OMP_PROC_BIND"),
    *("OMP_SCHEDULE", "OMP_THREAD_LIMIT", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "PYTHONOPTIMIZE"),
    *("PYTORCH_JIT", "TF_CUDNN_DETERMINISTIC", "TF_DETERMINISTIC_OPS", "TF_ENABLE_ONEDNN_OPTS"),
    *("TORCHDYNAMO_DISABLE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_BLAS_PREFER_CUBLASLT"),
    *("TORCH_CUDNN_V8_API_DISABLED", "VECLIB_MAXIMUM_THREADS", "XLA_FLAGS"),
)


def at_end() -> Environment:
    """Python, imported and installed distributions, variables that change numbers."""
    editable = _imported_editables()
    imported = _imported_names() | set(editable)
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        imported=tuple(package for package in installed() if package.name in imported),
        installed=tuple(package for package in installed() if package.name not in imported),
        origins=_origins(),
        variables=tuple(
            Variable(name=name, value=str(masked_value(name, os.environ[name])))
            for name in NUMERIC_VARIABLES
            if name in os.environ
        ),
        editable=tuple(_editable(name, folder) for name, folder in sorted(editable.items())),
        locks=locks(Path.cwd()),
        container=container(),
        operating_system=_operating_system(),
        libc=" ".join(platform.libc_ver()).strip() or None,
        virtual_environment=_virtual_environment(Path(sys.prefix)),
    )


def _imported_names() -> set[str]:
    loaded = {name.partition(".")[0] for name in list(sys.modules)}
    by_module = _distributions_by_module()
    return {name for module in loaded & by_module.keys() for name in by_module[module]}


@cache
def _distributions() -> tuple[tuple[str, metadata.Distribution], ...]:
    """Every distribution that has a name; the first on the path counts, as for imports."""
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        name = _told(distribution, "Name")
        if name:
            found.setdefault(_normalized(name), distribution)
    return tuple(sorted(found.items()))


def _told(distribution: metadata.Distribution, field: str) -> str | None:
    """A field of its metadata; of a folder that lost them, none.

    Not `distribution.metadata`, which parses the long description too: 0.1 s for all of them.
    """
    texts = (distribution.read_text(name) for name in ("METADATA", "PKG-INFO", ""))
    text = next((text for text in texts if text), "")
    found = re.search(rf"^{field}:[ \t]*(.+)", text.partition("\n\n")[0], re.MULTILINE)
    return found[1].strip() if found else None


@cache
def _distributions_by_module() -> dict[str, list[str]]:
    """Names of the distributions that hold each top-level module; read once.

    Not `metadata.packages_distributions`: one distribution without a name makes it raise.
    """
    found: dict[str, list[str]] = {}
    for name, distribution in _distributions():
        for module in _modules_of(distribution):
            found.setdefault(module, []).append(name)
    return found


def _modules_of(distribution: metadata.Distribution) -> set[str]:
    declared = (distribution.read_text("top_level.txt") or "").split()
    if declared:
        return set(declared)
    paths = [path.split("/", 1) for path in _paths(distribution)]
    tops = {path[0] for path in paths if len(path) > 1}
    modules = {inspect.getmodulename(path[0]) or "" for path in paths if len(path) == 1}
    return {name for name in tops | modules if name.isidentifier()}


def _paths(distribution: metadata.Distribution) -> list[str]:
    """Its files; `distribution.files` takes sixteen times as long for those of a RECORD."""
    record = distribution.read_text("RECORD")
    if record is None:
        return [path.as_posix() for path in distribution.files or ()]
    return [line.rsplit(",", 2)[0].strip('"') for line in record.splitlines()]


@cache
def installed() -> tuple[Package, ...]:
    """Every distribution that has a name, with its version."""
    return tuple(
        Package(name=name, version=_told(distribution, "Version") or "unknown")
        for name, distribution in _distributions()
    )


@cache
def _urls() -> dict[str, dict[str, Any]]:
    """What `direct_url.json` says of each distribution that has one."""
    texts = {name: it.read_text("direct_url.json") for name, it in _distributions()}
    return {name: _parsed(text) for name, text in texts.items() if text}


def _parsed(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and isinstance(told.get("url"), str) else {}


@cache
def _origins() -> tuple[Package, ...]:
    """Distributions that were installed from a URL or a folder, with it."""
    return tuple(Package(name=name, version=_origin(told)) for name, told in _urls().items())


def _origin(told: dict[str, Any]) -> str:
    if not told:
        return "direct_url.json cannot be read"
    version_control = told.get("vcs_info")
    revision = version_control.get("commit_id") if isinstance(version_control, dict) else None
    return masked_url(told["url"]) + (f"@{revision}" if revision else "")


def _imported_editables() -> dict[str, Path]:
    """Work trees of the editable distributions that something was imported from."""
    told = {name: told for name, told in _urls().items() if told.get("dir_info")}
    editable = {name: told for name, told in told.items() if told["dir_info"].get("editable")}
    folders = {name: Path(unquote(urlsplit(told["url"]).path)) for name, told in editable.items()}
    files = [
        getattr(module, "__dict__", {}).get("__file__") for module in list(sys.modules.values())
    ]
    return {name: folder for name, folder in folders.items() if _holds(folder, files)}


def _holds(folder: Path, files: Iterable[object]) -> bool:
    """Whether one of these files is below the folder, but not in an environment inside it."""
    beginning = f"{folder}{os.sep}"
    below = (file for file in files if isinstance(file, str) and file.startswith(beginning))
    return any("site-packages" not in file for file in below)


def _editable(name: str, folder: Path) -> Editable:
    """Its commit, and whether tracked files differ from it; 10 ms."""
    try:
        git = Git(folder, seconds=GIT_SECONDS)
        status = git.line("status", "--porcelain=v2", "--branch", "--untracked-files=no")
    except (GitFailed, OSError):
        return Editable(name=name, commit=None, is_dirty=None)
    commit = re.search(r"^# branch\.oid ([0-9a-f]{40,})$", status, re.MULTILINE)
    is_dirty = any(not line.startswith("#") for line in status.splitlines())
    return Editable(name=name, commit=commit[1] if commit else None, is_dirty=is_dirty)


@cache
def _operating_system() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        name = platform.mac_ver()[0]
        return f"macOS {name}" if name else None


def _virtual_environment(prefix: Path) -> VirtualEnvironment:
    """Who made the environment that Python runs in, as it says itself."""
    if (prefix / "conda-meta").is_dir():
        return "conda"
    try:
        settings = (prefix / "pyvenv.cfg").read_text()
    except OSError:
        return "none" if sys.prefix == sys.base_prefix else "unknown"
    made_by = re.search(r"^(uv|virtualenv)\s*=", settings, re.MULTILINE)
    if made_by is None:
        return "venv"
    return "uv" if made_by[1] == "uv" else "virtualenv"


def distribution_of(module: str) -> str | None:
    """Name and version of the distribution that holds a module, `scikit-learn 1.9.1`."""
    names = _distributions_by_module().get(module.partition(".")[0], [])
    return next((f"{name} {metadata.version(name)}" for name in names), None)


def _normalized(name: str) -> str:
    return name.lower().replace("_", "-")
