"""The contract names what makes bits incomparable, and nothing else."""

import pytest

from repro.audit.example import example_record
from repro.contract import breaches, gating
from repro.facts.batching import EXAMPLE as BATCHING
from repro.facts.determinism import EXAMPLE as DETERMINISM
from repro.facts.environment import EXAMPLE as ENVIRONMENT
from repro.facts.environment import Package, Variable
from repro.facts.fact import Absent
from repro.facts.hardware import EXAMPLE as HARDWARE

NUMPY = Package(name="numpy", version="2.4.6")
TORCH = Package(name="torch", version="2.13.0")


def told(*changed):
    found = breaches(example_record(), example_record(*changed))
    return [(str(breach), breach.gates) for breach in found]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (ENVIRONMENT.but(python="3.11.9"), "environment.python was 3.11.7, is 3.11.9"),
        (ENVIRONMENT.but(imported=(NUMPY,)), "torch was 2.13.0, is not there"),
        (ENVIRONMENT.but(variables=()), "OMP_NUM_THREADS was 2, is not there"),
        (
            ENVIRONMENT.but(
                variables=(*ENVIRONMENT.variables, Variable(name="MKL_CBWR", value="AVX2"))
            ),
            "MKL_CBWR was not there, is AVX2",
        ),
        (
            HARDWARE.but(instruction_set="AVX2"),
            "hardware.instruction_set was AVX512, is AVX2",
        ),
        (
            DETERMINISM.but(switches=({"name": "deterministic_algorithms", "value": False},)),
            "determinism.deterministic_algorithms was True, is False",
        ),
    ],
)
def test_what_changes_bits_is_named(changed, expected):
    assert told(changed) == [(expected, True)]


@pytest.mark.parametrize(
    "changed",
    [
        HARDWARE.but(cpu="another", n_cores=64, system="Linux 6.8", driver="560.1"),
        ENVIRONMENT.but(operating_system="Fedora", libc="glibc 2.40", locks=(), editable=()),
        DETERMINISM.but(derived=(), n_derived=0, drift=(), drifted=(), seed_source="drawn"),
        ENVIRONMENT.but(imported=(NUMPY,), installed=(TORCH,)),
        ENVIRONMENT.but(imported=(*ENVIRONMENT.imported, Package(name="jax", version="1"))),
    ],
)
def test_what_changes_no_bits_is_left_out(changed):
    assert told(changed) == []


def test_a_package_that_computes_nothing_is_told_and_does_not_gate():
    mlflow, newer = (Package(name="mlflow-skinny", version=version) for version in "12")
    before = example_record(ENVIRONMENT.but(imported=(mlflow, NUMPY, TORCH)))
    after = example_record(ENVIRONMENT.but(imported=(newer, NUMPY, TORCH)))
    found = breaches(before, after)
    assert [str(breach) for breach in found] == ["mlflow-skinny was 1, is 2"]
    assert gating(found) == ()


def test_the_workers_of_the_loaders_gate_where_both_are_known():
    before, after = (example_record(BATCHING.but(n_workers=n)) for n in (0, 2))
    assert [str(one) for one in breaches(before, after)] == ["batching.n_workers was 0, is 2"]
    assert breaches(example_record(), after) == ()


def test_a_fact_that_one_side_lacks_is_not_compared():
    absent = Absent(reason="not looked at", kind="not_recorded")
    assert breaches(example_record(), example_record(hardware=absent, environment=absent)) == ()
