"""The project's claims, from repro.toml or from options, judged on the project's store."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from repro.audit.judgement import Judgement
from repro.audit.verdict import strict as strictly
from repro.audit.verdict import worst
from repro.claims import Claim, Policy, Profile, find_policy, policy_of
from repro.errors import ConfigurationError, UsageError
from repro.families import judge_with_families
from repro.report import formats
from repro.store.load import MlflowHistory, open_history
from repro.store.location import locate
from repro.store.verdict_tags import write_verdicts

REQUIRED = ("baseline", "candidate", "metric", "direction", "treatment")
NO_FILE = "there is no repro.toml here or above, and no [tool.repro]"
GIVEN = "command-line"  # name of a claim that was given by options


def judge_project(
    *,
    names: Sequence[str],
    form: str,
    strict: bool,
    tags: bool,
    preview: bool,
    profile: Profile | None,
    tracking_uri: str | None,
    experiment: str | None,
    **claim_options: Any,
) -> tuple[str | Text, int]:
    """The report on the chosen claims, and the exit code.

    Raises
    ------
    ConfigurationError
        repro.toml cannot be read, or has no such claim.
    UsageError
        An option cannot be used.
    """
    if form not in formats():
        raise UsageError(f"--format {form!r} is none of: {', '.join(sorted(formats()))}.")
    location = locate(tracking_uri)
    policy = find_policy(Path.cwd()) or Policy(file=Path.cwd() / "repro.toml")
    if preview:
        policy = policy.model_copy(update={"preview": True})
    if profile:
        policy = policy.model_copy(update={"profile": profile})
    claims = chosen_claims(policy, names, claim_options)
    history = open_history(location, experiment)
    judgements, errors = _judged(claims, history, policy)
    if tags:
        write_verdicts(history, judgements)
    code = worst([judgement.exit_code for judgement in judgements] + [2] * len(errors))
    return formats()[form](judgements), strictly(code) if strict else code


def _judged(
    claims: Sequence[Claim], history: MlflowHistory, policy: Policy
) -> tuple[list[Judgement], list[UsageError]]:
    """The verdicts; claims that cannot be judged are told, and do not keep the others from it."""
    found = list(judge_with_families(claims, history, policy))
    judgements = [one for one in found if isinstance(one, Judgement)]
    errors = [one for one in found if isinstance(one, UsageError)]
    if not judgements:
        raise errors[0]
    for error in errors:
        print(f"repro  {error}", file=sys.stderr)
    return judgements, errors


def chosen_claims(
    policy: Policy, names: Sequence[str], options: Mapping[str, Any]
) -> tuple[Claim, ...]:
    """The claim given by options; else those named; else all of the file."""
    given = {key: value for key, value in options.items() if value not in (None, ())}
    if given:
        return (_given_claim(given),)
    if names:
        return tuple(policy.claim(name) for name in names)
    if not policy.claims:
        where = f"{policy.file} has no [[claim]]" if policy.file.exists() else NO_FILE
        raise ConfigurationError(
            f"there is no claim to judge: {where}. "
            f"Write one, or give --baseline, --candidate, --metric, --direction and --treatment."
        )
    return policy.claims


def _given_claim(given: Mapping[str, Any]) -> Claim:
    missing = [f"--{key}" for key in REQUIRED if key not in given]
    if missing:
        raise UsageError(f"a claim given by options also needs {', '.join(missing)}.")
    runs = {side: _runs(given[side]) for side in ("baseline", "candidate")}
    tables = {"claim": [{"name": GIVEN, **given, **runs}]}
    return policy_of(tables, Path("options")).claims[0]


def _runs(text: str) -> str | tuple[str, ...]:
    """Run ids where every word could be one, else a filter."""
    words = [word.strip() for word in text.split(",")]
    is_ids = all(len(word) == 32 and word.isalnum() for word in words)
    return tuple(words) if is_ids else text
