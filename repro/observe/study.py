"""Recognises a hyperparameter study by its shape, whatever library it is of."""

from typing import Any


def is_study(value: Any) -> bool:
    """Whether it has trials and a best one, as a study of optuna has.

    Its class is asked, not the object: to read `best_trial` may raise, or ask a database.
    """
    held = getattr(value, "__dict__", {})
    return all(hasattr(type(value), name) or name in held for name in ("trials", "best_trial"))
