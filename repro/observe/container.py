"""Finds out what can be seen of a container from inside it."""

import os
import re
from functools import cache
from pathlib import Path

from repro.facts.environment import Container

ID = r"([0-9a-f]{64})"
# Of a control group: /docker/<id>, docker-<id>.scope, cri-containerd-<id>.scope, libpod-<id>.scope.
GROUP = re.compile(rf"[/-]{ID}(?:\.scope)?$", re.MULTILINE)
# Of the files that an engine mounts over the container's own.
MOUNT = re.compile(
    rf"/(?:containers|overlay-containers)/{ID}/[\w/]*(?:hostname|hosts|resolv\.conf)"
)
PODMAN = Path("/run/.containerenv")
DOCKER = Path("/.dockerenv")


@cache
def container() -> Container | None:
    """The container around this process; None where nothing shows one."""
    groups, told = _text(Path("/proc/self/cgroup")), _text(PODMAN)
    engine = _engine(groups)
    if engine is None:
        return None
    found = GROUP.search(groups) or MOUNT.search(_text(Path("/proc/self/mountinfo")))
    images = (_told(told, "image"), _told(told, "imageid"))
    return Container(
        engine=engine,
        id=_told(told, "id") or (found[1] if found else None),
        image=" ".join(filter(None, images)) or None,
    )


def _engine(groups: str) -> str | None:
    if "KUBERNETES_SERVICE_HOST" in os.environ or "/kubepods" in groups:
        return "kubernetes"
    if PODMAN.exists():
        return "podman"
    if DOCKER.exists() or "/docker" in groups:
        return "docker"
    return "container" if GROUP.search(groups) else None


def _told(text: str, name: str) -> str | None:
    """A line of podman's file: image="registry.example/train:1"."""
    found = re.search(rf'^{name}="([^"]+)"$', text, re.MULTILINE)
    return found[1] if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
