"""What a notebook page says of each technique: a label, and one line."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from repro.facts.capacity import Capacity
from repro.facts.cleaning import Cleaning
from repro.facts.compression import Compression
from repro.facts.fit_scope import FitScope
from repro.facts.gradients import Gradients
from repro.facts.initialization import Initialization
from repro.facts.lineage import Lineage
from repro.facts.loss import Loss
from repro.facts.normalization import Normalization
from repro.facts.precision import Precision
from repro.facts.regularization import Regularization
from repro.facts.sampling import Sampling
from repro.facts.schedule import Schedule
from repro.facts.stopping import Stopping
from repro.facts.topology import Topology
from repro.facts.transforms import Transforms
from repro.facts.tuning import Tuning
from repro.report.shown import listed, shown

Row = list[str]
SHOWN = 5  # entries of one kind


def _cleaning(cleaning: Cleaning) -> Iterator[Row]:
    for role in cleaning.roles:
        parts: list[str] = [role.scaling] if role.scaling else []
        if role.duplicate_share:
            parts.append(f"{role.duplicate_share:.1%} repeated rows")
        dirty = [c.name for c in role.columns if c.missing_share or c.infinite_share]
        if dirty:
            parts.append(f"not all finite: {listed(dirty)}")
        if parts:
            yield [f"{role.role} values", ", ".join(parts)]


def _transforms(transforms: Transforms) -> Iterator[Row]:
    for role in transforms.roles:
        random = {True: " (random)", False: "", None: " (perhaps random)"}[role.is_random]
        yield [f"{role.role} transforms", f"{role.order}{random if role.order != 'none' else ''}"]


def _sampling(sampling: Sampling) -> Iterator[Row]:
    order = {True: ", in another order each pass", False: ", in the same order each pass", None: ""}
    for role in sampling.roles:
        yield [f"{role.role} order", f"{role.draws or 'unknown'}{order[role.reorders]}"]


def _initialization(initialization: Initialization) -> Iterator[Row]:
    told = [scheme for scheme in initialization.schemes if scheme.scheme != "unknown"]
    schemes = [f"{scheme.name} {scheme.scheme}" for scheme in told]
    yield ["initialized", listed(schemes) or "in a way that the values do not tell"]


def _lineage(lineage: Lineage) -> Iterator[Row]:
    for file in lineage.loaded:
        share = f", {file.model_share:.0%} of the weights" if file.model_share is not None else ""
        yield ["loaded", f"{file.file} {shown(file.digest)}{share}"]
    if lineage.pretrained:
        yield ["pretrained", f"{lineage.pretrained} {lineage.revision or ''}".rstrip()]
    if lineage.frozen:
        yield ["frozen", listed(lineage.frozen)]


def _regularization(regularization: Regularization) -> Iterator[Row]:
    rates = [f"{module.path} {module.p:g}" for module in regularization.dropout]
    if rates:
        yield ["dropout", listed(rates)]
    if regularization.decayed_share:
        yield ["weight decay", f"on {regularization.decayed_share:.0%} of the weights"]


def _normalization(normalization: Normalization) -> Iterator[Row]:
    kinds = [
        f"{kind.n} {kind.kind}{'' if kind.settings == 'default' else f' ({kind.settings})'}"
        for kind in normalization.kinds
    ]
    if kinds:
        batch = f", over batches of {normalization.batch}" if normalization.batch else ""
        yield ["normalized", f"{listed(kinds)}{batch}"]


def _compression(compression: Compression) -> Iterator[Row]:
    if compression.pruning != "none":
        share = f", {compression.sparsity:.0%} zeros" if compression.sparsity is not None else ""
        yield ["pruned", f"{compression.pruning}, {compression.pruned}{share}"]
    if compression.quantization != "none":
        kinds = [f"{count.n} {count.kind}" for count in compression.quantized]
        yield ["quantized", f"{compression.quantization}: {listed(kinds)}"]


def _loss(loss: Loss) -> Iterator[Row]:
    settings = [f"{setting.name}={shown(setting.value)}" for setting in loss.settings]
    weights = [f"{weight.name} of {weight.n}" for weight in loss.weights]
    terms = [f"{term.path} {term.name}" for term in loss.terms]
    yield ["loss", f"{loss.name}({', '.join([*settings, *weights])})"]
    if terms:
        yield ["", f"of {listed(terms)}"]


def _schedule(schedule: Schedule) -> Iterator[Row]:
    parts = [schedule.shape.replace("_", " ")]
    if schedule.warm_up:
        parts.append(f"after a warm-up of {schedule.warm_up} {schedule.unit or 'step'}s")
    parts += [f"{p.name} {p.value:g}" for p in schedule.parameters]
    if schedule.shape == "unknown" and schedule.reason:
        parts.append(schedule.reason)
    yield ["schedule", ", ".join(parts)]


def _gradients(gradients: Gradients) -> Iterator[Row]:
    if gradients.clipping:
        yield ["clipped", f"by {gradients.clipping} at {gradients.clipped_at:g}"]
    if gradients.median is not None:
        yield ["gradient norm", f"median {gradients.median:.3g}, largest {gradients.largest:.3g}"]
    if gradients.n_non_finite:
        yield ["", f"not finite at {gradients.n_non_finite} of {gradients.n_sampled} looks"]


def _precision(precision: Precision) -> Iterator[Row]:
    on = [phase for phase in precision.autocast if phase.dtype != "none"]
    phases = [f"{phase.phase} {phase.dtype}" for phase in on]
    autocast = f", autocast {listed(phases)}" if phases else ""
    scaled = ", gradients scaled" if precision.is_scaled else ""
    yield ["precision", f"{precision.parameters}{autocast}{scaled}"]


def _topology(topology: Topology) -> Iterator[Row]:
    pace = topology.samples_per_second
    speed = [f"{pace:,.0f} samples a second"] if pace is not None else []
    spread = [f"{topology.world} processes ({topology.backend})"] if topology.world > 1 else []
    devices = [f"{topology.n_devices} devices"] if topology.n_devices > 1 else []
    if parts := [*spread, *devices, *topology.spread_by, *speed]:
        yield ["pace", ", ".join(parts)]


def _stopping(stopping: Stopping) -> Iterator[Row]:
    if stopping.planned is not None and stopping.done is not None:
        short = ", stopped early" if stopping.is_short else ""
        yield ["planned", f"{stopping.done:g} of {stopping.planned:g} {stopping.unit}{short}"]
    for curve in stopping.curves[:SHOWN]:
        if curve.best_step is not None and curve.n_points > 1:
            yield [f"best {curve.name}", f"at step {curve.best_step} of {curve.last_step}"]
    for fitted in stopping.estimators[:SHOWN]:
        limit = " (its limit)" if fitted.is_at_limit else ""
        yield [fitted.path or fitted.kind, f"{fitted.n_iterations} iterations{limit}"]


def _capacity(capacity: Capacity) -> Iterator[Row]:
    for probe in capacity.probes:
        words = {True: "fits one batch", False: "does NOT fit one batch", None: "cannot be told"}
        how = probe.reason if probe.reached is None else f"in {probe.n_steps} steps"
        yield [probe.model, f"{words[probe.reached]}: {how}"]


def _fit_scope(scope: FitScope) -> Iterator[Row]:
    for fit in scope.fits:
        roles = [f"{seen.n_rows:,} of {seen.role}" for seen in fit.roles if seen.n_rows]
        where = f": {listed(roles)}" if roles else ""
        yield [f"{fit.path}.{fit.method}", f"{fit.n_rows or 'unknown'} rows{where}"]


def _tuning(tuning: Tuning) -> Iterator[Row]:
    for search in tuning.searches:
        best = [f"{d.name}={shown(d.best)}" for d in search.dimensions]
        edge = [d.name for d in search.dimensions if d.at_edge]
        at_edge = f", at the edge: {listed(edge)}" if edge else ""
        yield [search.name, f"{search.n_trials} trials, best {listed(best)}{at_edge}"]


TECHNIQUES: Mapping[str, Callable[[Any], Iterator[Row]]] = {
    "capacity": _capacity,
    "cleaning": _cleaning,
    "compression": _compression,
    "fit_scope": _fit_scope,
    "gradients": _gradients,
    "initialization": _initialization,
    "lineage": _lineage,
    "loss": _loss,
    "normalization": _normalization,
    "precision": _precision,
    "regularization": _regularization,
    "sampling": _sampling,
    "schedule": _schedule,
    "stopping": _stopping,
    "topology": _topology,
    "transforms": _transforms,
    "tuning": _tuning,
}
