"""The run's description in MLflow: a block of ours, beside whatever the user wrote."""

import re

from repro.digest import short
from repro.facts.code import Code
from repro.facts.data import Data
from repro.facts.determinism import Determinism
from repro.facts.fact import Absent
from repro.facts.optimizer import Optimizer
from repro.facts.outcome import Outcome
from repro.facts.scores import Scores
from repro.facts.split import Split
from repro.record import RunRecord

BEGIN, END = "<!-- repro -->", "<!-- /repro -->"


def merged_description(current: str, record: RunRecord) -> str:
    """The description with our block replaced or added; the user's own text stays."""
    block = f"{BEGIN}\n{summary(record)}\n{END}"
    ours = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if ours.search(current):
        return ours.sub(lambda _: block, current, count=1)
    return f"{current}\n\n{block}" if current.strip() else block


def summary(record: RunRecord) -> str:
    """What a person wants to know first, as a markdown list."""
    outcome, scores = record.find(Outcome), record.find(Scores)
    headline = outcome.status if outcome else "unknown"
    values = [f"{s.name} **{s.value:.4g}**" for s in scores.scored] if scores else []
    lines = [f"**{headline}** {' · '.join(values)}".strip()]
    if outcome and outcome.error:
        lines.append(f"- error: `{outcome.error}`")
    lines += [f"- {line}" for line in (_seed(record), _code(record), _data(record)) if line]
    optimizer = record.find(Optimizer)
    if optimizer:
        settings = {setting.name: setting.value for setting in optimizer.settings}
        lines.append(f"- optimizer: {optimizer.name}, lr {settings.get('lr')}")
    missing = [
        f"{key} ({fact.reason})"
        for key, fact in record.facts.items()
        if isinstance(fact, Absent) and fact.kind != "not_applicable"
    ]
    lines += [f"- not recorded: {item}" for item in missing]
    return "\n".join(lines)


def _seed(record: RunRecord) -> str | None:
    determinism = record.find(Determinism)
    if determinism is None:
        return None
    return f"seed {determinism.seed}, deterministic {determinism.mode}"


def _code(record: RunRecord) -> str | None:
    code = record.find(Code)
    if code is None:
        return None
    state = "clean" if not code.is_dirty else "dirty, patch kept" if code.patch else "dirty"
    return f"code: {code.commit[:8] if code.commit else 'no commit'} ({state})"


def _data(record: RunRecord) -> str | None:
    data, split = record.find(Data), record.find(Split)
    if data is None:
        return None
    roles = ", ".join(f"{role.role} {role.n_rows:,} rows" for role in data.roles)
    proof = f", split {split.verdict}" if split and split.verdict else ""
    return f"data {short(data.pool_digest)}: {roles}{proof}"
