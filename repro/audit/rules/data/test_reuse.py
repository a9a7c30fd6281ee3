"""The test rows were looked at by more configurations than the budget allows.

Why: each look is a chance to keep what pleased by luck; after enough of them the best test score
tells of the choice, not of the model.

Fix: choose on validation rows, and look at the test rows once; or draw fresh test rows.

Wrong when: nobody chose by these looks. Seeds, folds and repetitions of one configuration count
once. Looks in other experiments, or by runs that were not tracked, do not count.

Source: Dwork et al. 2015, the reusable holdout. An error above a budget that repro.toml declares.
"""

from collections.abc import Iterator

from repro.audit.ledger import Ledger
from repro.audit.rule import Severity, Violation, rule
from repro.claims import EXAMPLE_POLICY, Policy


@rule("DAT012", Severity.ERROR)
def check(policy: Policy, ledger: Ledger) -> Iterator[Violation]:
    """As many configurations as the budget, at most."""
    n, budget = ledger.n_test_configurations, policy.budget.test_reads
    if n > budget:
        yield Violation(
            message=f"{n} configurations of this experiment looked at the test rows; "
            f"the budget is {budget}",
            fix="choose on validation rows, or raise [budget] test_reads in repro.toml",
            points=(),
            severity=None if policy.declares_test_reads else Severity.WARNING,
        )


BAD = {"policy": EXAMPLE_POLICY, "ledger": Ledger(n_test_configurations=21)}
GOOD = {"policy": EXAMPLE_POLICY, "ledger": Ledger(n_test_configurations=20)}
