"""Looks at Python and its packages."""

import json
import os
import platform
import sys
from functools import cache
from importlib import metadata

from repro.facts.environment import Environment, Package, Variable
from repro.observe.redaction import masked_url

NUMERIC_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_LAUNCH_BLOCKING",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)


def at_end() -> Environment:
    """Python, imported and installed distributions, variables that change numbers."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    imported = {
        name
        for module in loaded & _distributions_by_module().keys()
        for name in _distributions_by_module()[module]
    }
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        imported=tuple(package for package in _installed() if package.name in imported),
        installed=tuple(package for package in _installed() if package.name not in imported),
        origins=_origins(),
        variables=tuple(
            Variable(name=name, value=os.environ[name])
            for name in NUMERIC_VARIABLES
            if name in os.environ
        ),
    )


@cache
def _distributions_by_module() -> dict[str, list[str]]:
    """Names of the distributions that hold each top-level module; about 0.3 s, once."""
    found = metadata.packages_distributions()
    return {module: [_normalized(name) for name in names] for module, names in found.items()}


@cache
def _installed() -> tuple[Package, ...]:
    """Every installed distribution; the first on the path counts, as for imports."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(_normalized(name), distribution.version)
    return tuple(Package(name=name, version=found[name]) for name in sorted(found))


@cache
def _origins() -> tuple[Package, ...]:
    """Distributions that were installed from a URL or a folder, with it."""
    found = []
    for distribution in metadata.distributions():
        text = distribution.read_text("direct_url.json")
        if text:
            origin = json.loads(text)
            revision = origin.get("vcs_info", {}).get("commit_id")
            url = masked_url(origin["url"]) + (f"@{revision}" if revision else "")
            found.append(Package(name=_normalized(distribution.metadata["Name"]), version=url))
    return tuple(sorted(found, key=lambda package: package.name))


def distribution_of(module: str) -> str | None:
    """Name and version of the distribution that holds a module, `scikit-learn 1.9.1`."""
    names = _distributions_by_module().get(module.partition(".")[0], [])
    return next((f"{name} {metadata.version(name)}" for name in names), None)


def _normalized(name: str) -> str:
    return name.lower().replace("_", "-")
