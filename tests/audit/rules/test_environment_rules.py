import pytest
from fake_history import CLAIM, POLICY, tracked

from repro.audit.case import Case
from repro.audit.engine import audit
from repro.audit.finding import Outcome
from repro.audit.rule import Severity, Unknown, Violation
from repro.audit.rules.declaration import undeclared_difference
from repro.audit.rules.environment import (
    accelerator_differs,
    numeric_switches_differ,
    package_drift,
    python_differs,
    unpinned_environment,
)
from repro.claims import Claim
from repro.facts.code import EXAMPLE as CODE
from repro.facts.data import EXAMPLE as DATA
from repro.facts.data import Data
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.determinism import Determinism, Switch
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Container, Editable, Environment, Package, Variable
from repro.facts.fact import Absent
from repro.facts.hardware import EXAMPLE as CPU
from repro.facts.hardware import Hardware
from repro.record import Arms

NOT_RECORDED = Absent(reason="nobody looked", kind="not_recorded")
SPEED = CLAIM.model_copy(update={"metric": "test/latency_ms", "direction": "lower"})
BITWISE = CLAIM.model_copy(update={"goal": "equivalent", "margin": 1e-9})


@pytest.mark.parametrize(
    ("changes", "message", "severity"),
    [
        ({"python": "3.12.7"}, "python 3.11.7 | 3.12.7", None),
        ({"python": "3.11.8"}, "python 3.11.7 | 3.11.8", Severity.NOTE),
        ({"implementation": "PyPy"}, "implementation CPython | PyPy", None),
    ],
)
def test_another_python_is_named(
    changes: dict[str, str], message: str, severity: Severity | None
) -> None:
    arms = Arms.of(ENVIRONMENT, ENVIRONMENT.but(**changes))
    (found,) = python_differs.check.check(CLAIM, arms)
    assert (found.message, found.severity) == (message, severity)
    declared = CLAIM.model_copy(update={"treatment": ("environment.*",)})
    assert list(python_differs.check.check(declared, arms)) == []


def importing(**versions: str) -> Environment:
    named = versions.items()
    packages = tuple(Package(name=name.replace("_", "-"), version=it) for name, it in named)
    return ENVIRONMENT.but(imported=packages, editable=())


def drift(
    left: Environment, right: Environment, data: Data | Absent = DATA, claim: Claim = CLAIM
) -> list[Violation]:
    arms = (Arms.of(left, right), Arms.of(CODE, CODE), Arms.of(data, data))
    return list(package_drift.check.check(claim, *arms))


@pytest.mark.parametrize(
    ("name", "left", "right", "severity"),
    [
        ("torchmetrics", "1.4.0", "1.8.2", Severity.ERROR),
        ("torchmetrics", "1.8.1", "1.8.2", Severity.WARNING),
        ("tokenizers", "0.21.0", "0.22.0", Severity.ERROR),
        ("torchvision", "0.27.0", "0.28.0", Severity.ERROR),
        ("pandas", "2.2.0", "3.0.0", Severity.WARNING),  # the rows are known to be the same
        ("einops", "0.7.0", "0.8.0", Severity.WARNING),
        ("tqdm", "4.66.0", "4.67.0", Severity.NOTE),
    ],
)
def test_a_package_weighs_by_what_it_computes(
    name: str, left: str, right: str, severity: Severity
) -> None:
    (found,) = drift(importing(**{name: left}), importing(**{name: right}))
    assert (found.message, found.severity) == (f"{name} {left} | {right}", severity)
    assert found.points == (f"environment.{name}",)


def test_a_reader_whose_rows_are_not_known_weighs_as_the_data() -> None:
    old, new = importing(pandas="2.2.0"), importing(pandas="3.0.0")
    assert [found.severity for found in drift(old, new, NOT_RECORDED)] == [Severity.ERROR]
    sampled = DATA.but(roles=[role.model_copy(update={"coverage": 0.5}) for role in DATA.roles])
    assert [found.severity for found in drift(old, new, sampled)] == [Severity.ERROR]


def test_packages_of_one_weight_are_one_finding() -> None:
    names = ("einops", "timm", "umap", "yarl", "zarr")
    old, new = (importing(**dict.fromkeys(names, version)) for version in ("1.0", "2.0"))
    (found,) = drift(old, new)
    assert found.message.endswith("yarl 1.0 | 2.0 and 1 more")
    assert len(found.points) == 5


def test_what_one_arm_alone_imported_and_frameworks_are_no_drift() -> None:
    assert drift(importing(einops="0.7.0"), importing(timm="1.0.0")) == []
    assert drift(importing(torch="2.12.0"), importing(torch="2.13.0")) == []
    declared = CLAIM.model_copy(update={"treatment": ("environment.timm",)})
    assert drift(importing(timm="1.0"), importing(timm="2.0"), claim=declared) == []


def test_one_version_from_two_commits_is_drift_and_another_folder_is_not() -> None:
    def from_commit(digit: str, place: str = "https://git.example/") -> Environment:
        url = f"{place}timm.git@{digit * 40}"
        return importing(timm="1.0.0").but(origins=(Package(name="timm", version=url),))

    (found,) = drift(from_commit("a"), from_commit("b"))
    assert found.message == f"timm {'a' * 12} | {'b' * 12}"
    assert drift(from_commit("a"), from_commit("a", "https://mirror.example/")) == []
    installed = [from_commit(commit).but(imported=()) for commit in "ab"]
    assert drift(*installed) == []  # and imported by nobody


def test_an_edited_library_is_told_by_its_commit_and_the_own_repository_is_not() -> None:
    def editing(commit: str | None, version: str = "1.0") -> Environment:
        edited = Editable(name="lib", commit=commit, is_dirty=False)
        return importing(lib=version).but(editable=(edited,))

    (found,) = drift(editing("a" * 40), editing("b" * 40))
    assert found.points == ("environment.editable.lib.commit",)
    assert drift(editing(None), editing("b" * 40)) == []  # one is in no repository
    assert drift(editing(CODE.commit, "1.dev1"), editing(CODE.commit, "1.dev2")) == []


def pins(**changes: object) -> list[Violation | Unknown]:
    environment = ENVIRONMENT.but(locks=(), container=None, editable=())
    return list(unpinned_environment.check.check(environment.but(**changes), CODE))


def test_an_image_without_a_digest_pins_nothing() -> None:
    latest = Container(engine="docker", id=None, image="registry.example/train:latest")
    (found,) = pins(container=latest)
    assert found.message == "no lock file, and no image that is known by its digest"
    pinned = Container(engine="docker", id=None, image="train:1 sha256:ab")
    assert pins(container=pinned) == []


def test_a_package_from_a_moving_branch_and_an_edited_one_are_named() -> None:
    origins = (
        Package(name="timm", version="https://git.example/timm.git"),
        Package(name="lib", version=f"https://git.example/lib.git@{'a' * 40}"),
        Package(name="wheel", version="https://files.example/wheel-1.0.whl"),
    )
    edited = Editable(name="tools", commit="b" * 40, is_dirty=True)
    own = Editable(name="vision", commit=CODE.commit, is_dirty=True)
    (found,) = pins(locks=ENVIRONMENT.locks, origins=origins, editable=(edited, own))
    assert found.message == "not pinned: timm from a moving branch, tools as it is edited"


def test_a_package_without_a_commit_is_not_the_repository_of_a_run_without_one() -> None:
    edited = ENVIRONMENT.but(editable=(Editable(name="lib", commit=None, is_dirty=True),))
    (found,) = unpinned_environment.check.check(edited, CODE.but(commit=None))
    assert found.message == "not pinned: lib as it is edited"


def test_a_version_that_looked_for_no_lock_file_cannot_tell() -> None:
    (found,) = pins(operating_system=None, libc=None)
    assert isinstance(found, Unknown)


def gpu(name: str, **changes: object) -> Hardware:
    return CPU.but(accelerators=(name,), cuda="12.8", cudnn="91002", **changes)


A, B = gpu("A100"), gpu("H100")


def machines(arms: Arms[Hardware], claim: Claim = CLAIM) -> list[tuple[str, Severity | None]]:
    return [
        (found.message, found.severity) for found in accelerator_differs.check.check(claim, arms)
    ]


OTHER = "the arms ran on other machines: accelerators differ"


@pytest.mark.parametrize(
    ("claim", "severity"),
    [(CLAIM, Severity.WARNING), (SPEED, Severity.ERROR), (BITWISE, Severity.ERROR)],
)
def test_other_accelerators_matter_most_to_claims_about_time_and_bits(
    claim: Claim, severity: Severity
) -> None:
    assert machines(Arms.of(A, B), claim) == [(OTHER, severity)]
    assert machines(Arms.of(A, A), claim) == []


def test_machines_that_both_arms_used_alike_are_a_note() -> None:
    alike = "the runs used 2 kinds of machine, which are spread over both arms alike"
    blocks = Arms((A, B), (A, B), ((0, 0), (1, 1)))
    assert machines(blocks) == [(alike, Severity.NOTE)]
    crossed = Arms((A, B, A), (B, A, A), ((0, 0), (1, 1), (2, 2)))
    assert machines(crossed) == [(alike, Severity.NOTE)]


def test_machines_that_favour_one_arm_are_told_by_their_spread() -> None:
    # Pearson's statistic of [[5, 1], [1, 5]] is 5.33, p = 0.021; of [[4, 2], [2, 4]] 1.33, p = 0.25
    pairs = tuple((at, at) for at in range(6))
    assert machines(Arms((A,) * 5 + (B,), (B,) * 5 + (A,), pairs))[0] == (OTHER, Severity.WARNING)
    assert machines(Arms((A,) * 4 + (B,) * 2, (B,) * 4 + (A,) * 2, pairs))[0][1] is Severity.NOTE
    assert machines(Arms((A, A), (B, B), ((0, 0), (1, 1)))) == [(OTHER, Severity.WARNING)]


def test_what_computes_nothing_is_a_note_but_where_time_is_measured() -> None:
    larger = A.but(memory_bytes=1, n_cores=64)
    details = "details of the machines differ"
    assert machines(Arms.of(A, larger)) == [(details, Severity.NOTE)]
    assert machines(Arms.of(A, larger), SPEED)[0][1] is Severity.ERROR
    assert machines(Arms.of(CPU, CPU.but(cuda="12.8"))) == [(details, Severity.NOTE)]


def switched(**values: bool | str | int) -> Determinism:
    named = values.items()
    switches = tuple(Switch(name=f"torch.{name}", value=value) for name, value in named)
    return DETERMINISM.but(switches=switches)


def numbers(
    left: Determinism = DETERMINISM,
    right: Determinism = DETERMINISM,
    variables: dict[str, str] | None = None,
    hardware: tuple[Hardware | Absent, Hardware | Absent] = (NOT_RECORDED, NOT_RECORDED),
) -> list[str]:
    named = (variables or {}).items()
    more = tuple(Variable(name=name, value=value) for name, value in named)
    environments = Arms.of(ENVIRONMENT.but(variables=()), ENVIRONMENT.but(variables=more))
    arms = (Arms.of(left, right), environments, Arms.of(*hardware))
    return [found.message for found in numeric_switches_differ.check.check(CLAIM, *arms)]


def test_numeric_switches_and_variables_are_named_together() -> None:
    old, new = switched(allow_tf32=False), switched(allow_tf32=True)
    assert numbers(old, new, {"MKL_CBWR": "AVX2"}) == [
        "numeric settings differ: torch.allow_tf32, MKL_CBWR"
    ]


def test_a_switch_that_only_one_process_had_and_flags_of_determinism_are_not_meant() -> None:
    assert numbers(switched(), switched(allow_tf32=True)) == []
    old, new = switched(deterministic_algorithms=False), switched(deterministic_algorithms=True)
    assert numbers(old, new.but(mode="warn"), {"TF_DETERMINISTIC_OPS": "1"}) == []


def test_threads_that_a_launcher_set_to_what_they_are_anyway_are_silent() -> None:
    pool = CPU.but(blas=("openblas 0.3, 1 threads",))
    given = {"OMP_NUM_THREADS": "1"}
    assert numbers(variables=given, hardware=(pool, pool)) == []
    one, two = switched(num_threads=1), switched(num_threads=2)
    assert numbers(one, two, given, (pool, pool)) == [
        "numeric settings differ: torch.num_threads, OMP_NUM_THREADS"
    ]
    assert len(numbers(variables=given)) == 1


def test_a_warning_of_the_machine_is_not_repeated_as_an_undeclared_difference() -> None:
    runs = tracked(1, 0, 0.9), tracked(2, 0, 0.9, ENVIRONMENT.but(variables=()))
    case = Case(CLAIM, POLICY, Arms.of(*runs))
    rules = (undeclared_difference.check, numeric_switches_differ.check)
    assert [found.outcome for found in audit(case, rules)] == [Outcome.PASS, Outcome.FAIL]
    assert [found.outcome for found in audit(case, rules[:1])] == [Outcome.FAIL]
