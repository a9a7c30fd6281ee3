from pathlib import Path

import pytest

from repro.facts.environment import Container
from repro.observe import container as observer

ID = "0123456789abcdef" * 4


@pytest.fixture
def inside(monkeypatch, tmp_path):
    """Sets what the files of a container say."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    def make(*, groups="0::/\n", mounts="", podman=None, docker=False):
        observer.container.cache_clear()
        texts = {"/proc/self/cgroup": groups, "/proc/self/mountinfo": mounts}
        for name in ("PODMAN", "DOCKER"):
            monkeypatch.setattr(observer, name, tmp_path / name)
        if podman is not None:
            (tmp_path / "PODMAN").write_text(podman)
        if docker:
            (tmp_path / "DOCKER").touch()
        kept = observer._text
        monkeypatch.setattr(observer, "_text", lambda path: texts.get(str(path)) or kept(path))
        return observer.container()

    yield make
    observer.container.cache_clear()


@pytest.mark.parametrize(
    ("groups", "engine"),
    [
        (f"12:cpu:/docker/{ID}\n0::/system.slice\n", "docker"),
        (f"0::/system.slice/docker-{ID}.scope\n", "docker"),
        (f"4:memory:/kubepods/burstable/pod12ab/{ID}\n", "kubernetes"),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n", "kubernetes"),
        (f"0::/machine.slice/libpod-{ID}.scope\n", "container"),
    ],
)
def test_the_control_group_names_the_container(inside, groups, engine):
    assert inside(groups=groups) == Container(engine=engine, id=ID, image=None)


@pytest.mark.parametrize(
    "mount",
    [
        f"1 2 254:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/vda1",
        f"1 2 0:24 /containers/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts rw",
    ],
)
def test_where_the_group_is_hidden_the_mounts_name_the_container(inside, mount):
    assert inside(mounts=mount, docker=True) == Container(engine="docker", id=ID, image=None)


def test_podman_tells_its_image(inside):
    told = f'engine="podman-5.4"\nname="train"\nid="{ID}"\nimage="registry/train:1"\nimageid="ab"\n'
    expected = Container(engine="podman", id=ID, image="registry/train:1 ab")
    assert inside(podman=told) == expected


def test_podman_that_tells_nothing_is_podman_still(inside):
    assert inside(podman="") == Container(engine="podman", id=None, image=None)


def test_an_id_that_does_not_show_is_not_made_up(inside):
    assert inside(docker=True) == Container(engine="docker", id=None, image=None)


def test_a_pod_is_known_by_the_variable_that_every_pod_has(inside, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert inside() == Container(engine="kubernetes", id=None, image=None)


@pytest.mark.parametrize("groups", ["", "0::/user.slice/user-1000.slice/session-2.scope\n"])
def test_a_machine_that_shows_no_container_has_none(inside, groups):
    assert inside(groups=groups) is None


def test_without_proc_there_is_no_container(monkeypatch, tmp_path):
    observer.container.cache_clear()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    for name in ("PODMAN", "DOCKER"):
        monkeypatch.setattr(observer, name, tmp_path / name)

    def refuse(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    try:
        assert observer.container() is None
    finally:
        observer.container.cache_clear()
