"""The software a run used."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Package(Part):
    """A distribution and its version."""

    name: str
    version: str


class Variable(Part):
    """An environment variable that changes numbers."""

    name: str
    value: str


class Environment(Fact):
    """Python, the distributions the run imported, and those only installed."""

    INLINE: ClassVar = ("imported",)
    IGNORED: ClassVar = ("environment.installed.*", "environment.installed", "environment.origins*")

    python: str  # 3.11.7
    implementation: str  # CPython
    imported: tuple[Package, ...]
    installed: tuple[Package, ...] = ()  # the others
    origins: tuple[Package, ...] = ()  # editable and version-control installs, by their URL
    variables: tuple[Variable, ...] = ()


EXAMPLE = Environment(
    python="3.11.7",
    implementation="CPython",
    imported=(Package(name="numpy", version="2.4.6"), Package(name="torch", version="2.13.0")),
    variables=(Variable(name="OMP_NUM_THREADS", value="2"),),
)
