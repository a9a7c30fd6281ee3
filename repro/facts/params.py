"""The hyperparameters a run declared."""

from typing import ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Param(Part):
    """A hyperparameter: nested names are joined with dots."""

    name: str
    value: Scalar


class Params(Fact):
    """Declared to `tracked_run(params=)`, or logged through MLflow."""

    INLINE: ClassVar = ("declared", "logged")

    declared: tuple[Param, ...] = ()
    logged: tuple[Param, ...] = ()  # by mlflow.log_param(s) or autolog, not declared: text


EXAMPLE = Params(declared=(Param(name="lr", value=0.1), Param(name="epochs", value=5)))
