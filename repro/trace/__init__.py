"""What a training did at each step, as digests: two traces name the first thing that differs."""

from repro.trace.compare import Difference, first_difference
from repro.trace.format import Trace, read

__all__ = ["Difference", "Trace", "first_difference", "read"]
