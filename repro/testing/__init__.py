"""Contract checks: rules, facts and splitters, ours and those of third parties."""

from repro.audit.example_case import case_of
from repro.testing.panel import Panel
from repro.testing.rules import check_fact, check_rule
from repro.testing.splitters import SplitterContract, check_splitter

__all__ = ["Panel", "SplitterContract", "case_of", "check_fact", "check_rule", "check_splitter"]
