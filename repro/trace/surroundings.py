"""What a step depends on besides data and weights: switches, and the global generators."""

from array import array
from collections.abc import Mapping
from typing import Any

from xxhash import xxh3_128_hexdigest

from repro.determinism.generators import imported_generators
from repro.determinism.switches import read_switches
from repro.trace.format import Look
from repro.trace.tensors import value_text


def surroundings(modes: Mapping[str, str]) -> list[Look]:
    """Both, as they are now, and what else is turned on or off."""
    states = {one.name: one.read() for one in imported_generators()}
    switches = {name: repr(value) for name, value in read_switches().items()}
    return [
        Look("switches", {**switches, **modes}),
        Look("rng", {name: _digest(state) for name, state in states.items() if _is_started(state)}),
    ]


def _is_started(state: Any) -> bool:
    """Whether a generator has a state: an accelerator's that waits for its start has none."""
    return state is not None and not isinstance(state, dict)


def _digest(state: Any) -> str:
    if isinstance(state, tuple) and isinstance(state[0], int):  # of python: 625 words
        version, words, gauss = state
        content = array("Q", words).tobytes() + repr((version, gauss)).encode()
        return f"xxh3:{xxh3_128_hexdigest(content)}"
    if isinstance(state, tuple):  # of numpy: an object that says nothing, and its state
        return value_text(state[1])
    return value_text(state)
