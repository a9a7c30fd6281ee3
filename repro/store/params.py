"""Sends hyperparameters to MLflow as it takes them."""

from collections.abc import Callable, Iterable

from mlflow.entities import Param as MlflowParam
from mlflow.exceptions import MlflowException

from repro.facts.fact import Scalar
from repro.facts.params import Param

VALUE_CHARACTERS = 6_000  # MLflow cuts longer ones without a word
BATCH = 100  # params or tags of one call: MLflow's limit


def param_text(value: Scalar) -> str:
    """A hyperparameter as MLflow holds it."""
    text = str(value)
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 1]}…"


def send_params(
    params: Iterable[Param],
    send: Callable[[list[MlflowParam]], object],
    is_refused: Callable[[MlflowException], bool],
) -> list[str]:
    """Send them, 100 a call; a batch that is refused for ever is split.

    Returns the names that are refused; they keep no others from arriving.
    """
    texts = [MlflowParam(param.name, param_text(param.value)) for param in params]
    waiting = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    refused = []
    while waiting:
        some = waiting.pop()
        try:
            send(some)
        except MlflowException as error:
            if not is_refused(error):
                raise
            middle = len(some) // 2
            if middle:
                waiting += [some[:middle], some[middle:]]
            else:
                refused.append(some[0].key)
    return sorted(refused)
