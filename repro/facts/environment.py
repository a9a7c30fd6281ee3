"""The software a run used."""

from typing import Any, ClassVar, Literal

from repro.facts.fact import Fact, Part

VirtualEnvironment = Literal["venv", "virtualenv", "uv", "conda", "none", "unknown"]


class Package(Part):
    """A distribution and its version."""

    name: str
    version: str


class Variable(Part):
    """An environment variable that changes numbers."""

    name: str
    value: str


class Editable(Part):
    """A distribution that is imported from its work tree, and the state of that at the end."""

    name: str
    commit: str | None  # None: in no git repository
    is_dirty: bool | None


class Lock(Part):
    """A file that pins distributions."""

    path: str  # relative to the repository root, or to the work folder without one
    digest: str


class Container(Part):
    """What shows from inside the container that the run was in."""

    engine: str  # docker, podman, kubernetes, or container where it does not say
    id: str | None
    image: str | None  # name and id, where the engine tells


class Environment(Fact):
    """Python, the distributions the run imported, and those only installed."""

    VERSION: ClassVar = 2
    INLINE: ClassVar = ("imported",)
    IGNORED: ClassVar = (
        "environment.container*",
        "environment.editable*",
        "environment.installed",
        "environment.installed.*",
        "environment.libc",
        "environment.locks*",
        "environment.operating_system",
        "environment.origins*",
        "environment.virtual_environment",
    )

    python: str  # 3.11.7
    implementation: str  # CPython
    imported: tuple[Package, ...]
    installed: tuple[Package, ...] = ()  # the others
    origins: tuple[Package, ...] = ()  # editable and version-control installs, by their URL
    variables: tuple[Variable, ...] = ()
    editable: tuple[Editable, ...] = ()
    locks: tuple[Lock, ...] = ()
    container: Container | None = None  # None: none shows
    operating_system: str | None = None  # Debian GNU/Linux 12 (bookworm)
    libc: str | None = None  # glibc 2.36
    virtual_environment: VirtualEnvironment = "unknown"

    @classmethod
    def upgrade(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 did not look at what came with version 2: it is unknown."""
        return data


EXAMPLE = Environment(
    python="3.11.7",
    implementation="CPython",
    imported=(Package(name="numpy", version="2.4.6"), Package(name="torch", version="2.13.0")),
    variables=(Variable(name="OMP_NUM_THREADS", value="2"),),
    editable=(Editable(name="vision", commit="4f1f2c9e5b0a", is_dirty=False),),
    locks=(Lock(path="uv.lock", digest="blake3:10c5"),),
    container=Container(engine="podman", id="c0ffee", image="registry.example/train:1 sha256:ab"),
    operating_system="Debian GNU/Linux 12 (bookworm)",
    libc="glibc 2.36",
    virtual_environment="uv",
)
