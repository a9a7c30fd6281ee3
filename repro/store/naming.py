"""Which runs a person means."""

from collections.abc import Mapping

from repro.errors import UnknownRun

ID_CHARACTERS = 4  # fewer are rather a name: "b2" begins one of 256 ids


def meant(target: str, names: Mapping[str, str]) -> list[str]:
    """Ids of the runs with this id, beginning of an id, or name; `names` by id, in their order.

    Raises
    ------
    UnknownRun
        It is the name of a run and the beginning of another's id, or several ids begin so.
    """
    if target in names:
        return [target]
    by_name = [run_id for run_id, name in names.items() if name == target]
    is_beginning = len(target) >= ID_CHARACTERS
    by_id = [run_id for run_id in names if is_beginning and run_id.startswith(target)]
    others = [run_id for run_id in by_id if run_id not in by_name]
    if by_name and others:
        raise UnknownRun(
            f"{target!r} is the name of {_listed(by_name, names)} and begins the id of "
            f"{_listed(others, names)}. Pass more of the id."
        )
    if not by_name and len(by_id) > 1:
        raise UnknownRun(
            f"{target!r} begins the id of {_listed(by_id, names)}. Pass more of the id."
        )
    return by_name or by_id


def _listed(ids: list[str], names: Mapping[str, str]) -> str:
    return ", ".join(f"{run_id[:12]} {names[run_id]}" for run_id in ids)
