"""What to do when torch refuses an operation because the run is strict."""

from __future__ import annotations

import re

# Not anchored at the start of the text: an error of a loader's worker arrives inside a traceback.
_REFUSED = re.compile(r"^(?:\w+Error: )?(.+?) does not have a deterministic implementation", re.M)
_REFUSED_CUBLAS = "not deterministic because it uses CuBLAS"  # torch before 2.13


def explain(exc: BaseException) -> str | None:
    """Which operation torch refused in strict mode, and the ways out; None for any other error."""
    if not isinstance(exc, RuntimeError):
        return None
    if refused := _REFUSED.search(str(exc)):
        return (
            f"This run is strict, and torch has no deterministic version of {refused[1]}. "
            "Use another operation; or pass deterministic='warn' to tracked_run, which runs it and "
            "records that the result is not guaranteed to repeat; or deterministic='off'."
        )
    if _REFUSED_CUBLAS in str(exc):
        return (
            "This run is strict, and cuBLAS (matrix products on CUDA) repeats its results only if "
            "CUBLAS_WORKSPACE_CONFIG is ':4096:8' or ':16:8' before CUDA starts. "
            "Enter tracked_run before the first use of CUDA, which sets it; or set it before "
            "python starts; or pass deterministic='warn' or deterministic='off' to tracked_run."
        )
    return None
