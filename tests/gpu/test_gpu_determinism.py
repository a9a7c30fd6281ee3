"""What the strict mode promises on a GPU; the parts that need none are tested everywhere."""

import gpu_determinism
import pytest
import torch
from gpu_cases import CASES
from gpu_determinism import MODES, Measured, Row, cost, measured, page, process, rows

on_a_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine"
)


def by_name(case):
    return case.name


@pytest.fixture(scope="module")
def table():
    """Measured as the script does, 1 to 2 minutes."""
    seen = {mode: [process(mode) for _ in range(2)] for mode in MODES}
    return {row.case: row for row in rows(CASES, seen)}


@on_a_gpu
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_strict_repeats_it_to_the_bit_or_refuses_it(table, case):
    told = table[case.name].strict
    is_offered = not told.startswith("not run") or "attention" in case.name  # by this GPU
    assert told == "identical" or (told == "refused" and case.may_refuse) or not is_offered


@on_a_gpu
@pytest.mark.slow
def test_without_strict_at_least_two_differ(table):
    assert sum(row.off.startswith("differs") for row in table.values()) >= 2


ON_A_CPU = [case for case in CASES if not case.needs_cuda]


@pytest.mark.slow
@pytest.mark.parametrize("case", ON_A_CPU, ids=by_name)
def test_a_case_computes_a_result_on_a_cpu_that_strict_repeats(case):
    found = measured(case, "strict", "cpu", size=2**10, n=2)
    assert found.problem is None
    assert len(found.digests) == 2
    assert len(set(found.digests)) == 1


def test_a_refusal_is_told_from_a_failure(monkeypatch):
    def fails(message):
        def build(inputs):
            raise RuntimeError(message)

        return gpu_determinism.Case("x", "y", build)

    refused = measured(fails("x does not have a deterministic implementation"), "strict", "cpu")
    assert (refused.is_refused, gpu_determinism.verdict([refused])) == (True, "refused")
    failed = measured(fails("No available kernel"), "strict", "cpu")
    assert gpu_determinism.verdict([failed]) == "not run: No available kernel"


def test_a_row_compares_all_calls_of_all_processes_and_names_the_cost():
    same = [Measured(("a", "a"), 2.0), Measured(("a", "a"), 3.0)]
    other = [Measured(("a", "a"), 1.0), Measured(("b", "b"), 1.5)]
    (row,) = rows(CASES[:1], {"off": [[one] for one in other], "strict": [[one] for one in same]})
    assert row == Row(
        "index_add_", "atomics", "differs: 2 results in 4 calls", "identical", "2.00 (1 -> 2 ms)"
    )
    assert cost(other, [Measured(problem="refused", is_refused=True)]) == ""
    assert "| index_add_ | atomics | differs: 2 results in 4 calls | identical | 2.00" in page(
        [row], {"GPU": "none"}
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a CUDA device on this machine")
def test_without_a_gpu_the_script_says_so_and_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_determinism, "RESULTS", tmp_path / "results.md")
    with pytest.raises(SystemExit, match="torch sees no CUDA device here: nothing was measured"):
        gpu_determinism.main([])
    assert not any(tmp_path.iterdir())
