"""`cross_validate`: folds x seeds as tracked runs, inside one that holds the plan and the mean."""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from operator import index
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from repro.console import say
from repro.cross_validation_fold import Around, FoldRun, run_fold
from repro.cross_validation_learner import (
    EstimatorLearner,
    Learner,
    Scoring,
    learner_of,
    name_of,
    plain_parameters,
)
from repro.cross_validation_result import CrossValidation, summarized
from repro.determinism import Mode
from repro.errors import UsageError
from repro.history import CROSS_VALIDATION
from repro.observe import split
from repro.program import resolve_seed
from repro.recovery import recover_some
from repro.run import Run
from repro.splits import SplitPlan, check_split, make_plan
from repro.splits.rows import count_rows, read_target
from repro.store.load import MlflowHistory
from repro.store.location import locate
from repro.store.variables import SHORT_PATIENCE, variables
from repro.tracked import tracked_run

if TYPE_CHECKING:
    from repro.splits import SplitProof

OnLeak = Literal["raise", "record"]


@dataclass(frozen=True)
class _Keys:
    """What rows have besides features: by column name, Series or array."""

    groups: Any
    times: Any
    end_times: Any


def cross_validate(
    estimator_or_fn: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any = 5,
    seeds: Iterable[int] | None = None,
    scoring: Scoring = None,
    n_jobs: int | None = None,
    groups: Any = None,
    times: Any = None,
    end_times: Any = None,
    on_leak: OnLeak = "raise",
    save_plan: bool = False,
    name: str | None = None,
    experiment: str | None = None,
    params: object = None,
    tags: Mapping[str, str] | None = None,
    deterministic: Mode = "strict",
    tracking_uri: str | None = None,
    quiet: bool = False,
) -> CrossValidation:
    """Train and score on every fold with every seed, each as a run, and tell the mean with error.

    The split is proved before anything is trained. The runs are nested in one that holds the plan's
    proof and plot as artifacts and, of each score, mean, standard deviation and the Nadeau-Bengio
    interval. They carry `tags`, and are what a claim compares; the one around them does not, and
    no filter of a claim finds it. If one fails, the error is raised and those not begun are left
    out; the run around them ends as that one did. What ended before is kept.

    Parameters
    ----------
    estimator_or_fn : scikit-learn estimator, or function
        An estimator is cloned for each fold and fitted on its training rows only, so give a
        Pipeline with all preprocessing. Every `random_state` in it becomes the seed: of two folds
        with one seed, only the data differ.
        A function is called as `fn(run, X_train, y_train, X_test, y_test)`; it scores by
        `run.score`, or returns one number or a dict of them.
    X, y : shape (n_rows, ...)
        Array, data frame or list; y may be left out. A labelled y is aligned with X by label.
    cv : SplitPlan, splitter, list of pairs, or int
        As `make_plan` takes it; an int means (stratified) k folds without shuffling, as in
        scikit-learn.
    seeds : ints, optional
        Each seeds one run per fold, with the generators of python, numpy and torch; by default
        `REPRO_SEED`, or 0.
    scoring : name, scorer, list of names, or dict, optional
        As in scikit-learn; by default what the estimator's `score` computes. Not for a function.
    n_jobs : int, optional
        Processes of joblib, or of the backend that `joblib.parallel_config` names. Scores do not
        depend on it, unless the estimator's own threads make them. Not for threads.
    groups, times, end_times : column name, Series or array, optional
        As for `make_plan`, and `check_split`; a plan has its own.
    on_leak : "raise" or "record"
        Whether a violated split is refused, or trained on and recorded as such.
    save_plan : bool
        Keep the whole plan as an artifact, too, with the names of rows and groups in it.
    params : dict, dataclass, pydantic model or argparse namespace, optional
        By default the parameters of the estimator, without `random_state`.
    name, experiment, tags, deterministic, tracking_uri, quiet
        As for `tracked_run`.

    Returns
    -------
    CrossValidation
        With `scores` of shape (n_seeds, n_folds), `mean`, `interval`, `plan` and `proof`, each of
        these for every score in `summaries`, and the ids of the runs.

    Raises
    ------
    LeakFound
        A condition of the split is violated; `check_split` names the groups, too.
    UsageError
        An argument cannot be used; the backend runs threads.
    SplitError
        The splitter refuses the data, or the plan was made for other rows.

    Source
    ------
    Of the interval: Nadeau and Bengio 2003, as in `repro.stats.folds.corrected_t`.
    """
    _refuse_choices(on_leak, cv)
    known_seeds = _seeds(seeds)
    learner = learner_of(estimator_or_fn, scoring)
    _refuse_lengths(X, y)
    y = read_target(y, X)
    shown = name or f"cv-{name_of(estimator_or_fn)}"
    told = plain_parameters(learner) if params is None else params
    block = tracked_run(
        shown,
        experiment=experiment,
        seed=known_seeds[0],
        params=told,
        deterministic=deterministic,
        tags={CROSS_VALIDATION: "not finished"},
        tracking_uri=tracking_uri,
        quiet=quiet,
    )
    with block as run:
        keys = _Keys(groups, times, end_times)
        plan = _plan(cv, learner, X, y, keys)
        proof = check_split(plan, X, y, **vars(keys))
        artifacts = split.artifacts(None, has_plot=True, has_plan=save_plan)
        run.seen.use_plan(plan, None, lambda: proof, artifacts)
        if on_leak == "raise":
            split.unnamed(proof).raise_if_violated()  # the run keeps what the error says
        if proof.verdict != "proved" and not quiet:
            say(str(proof).splitlines())
        around = _around(run, shown, keys, params=told, tags=dict(tags or {}), mode=deterministic)
        tasks = _tasks(around, learner, plan, proof, known_seeds)
        done = _run(run, tasks, X, y, n_jobs)
        found = _result(run, plan, proof, known_seeds, done)
        _log(run, found)
    if not quiet:
        say([str(found)])
    return found


def _refuse_choices(on_leak: str, cv: Any) -> None:
    if on_leak not in get_args(OnLeak):
        raise UsageError(f"on_leak={on_leak!r}: it must be one of {', '.join(get_args(OnLeak))}.")
    if isinstance(cv, int) and (isinstance(cv, bool) or cv < 2):
        raise UsageError(f"cv={cv}: pass at least 2 folds, a splitter, or a plan.")


def _seeds(seeds: Iterable[int] | None) -> tuple[int, ...]:
    if seeds is None:
        return (resolve_seed(None, drawn=0)[0],)
    if isinstance(seeds, int):
        raise UsageError(
            f"seeds={seeds} may mean one seed, or so many. Pass seeds=[{seeds}] or "
            f"seeds=range({seeds})."
        )
    try:
        known = tuple(index(seed) for seed in seeds)
    except TypeError as error:
        raise UsageError(f"seeds={seeds!r}: pass whole numbers, such as range(3).") from error
    if not known or len({seed % 2**32 for seed in known}) < len(known):  # as of a random_state
        raise UsageError(f"seeds={list(known)}: pass at least one, and each modulo 2**32 once.")
    return known


def _refuse_lengths(X: Any, y: Any) -> None:
    n_rows = count_rows(X)
    if y is not None and count_rows(y) != n_rows:
        raise UsageError(f"X has {n_rows} rows, y has {count_rows(y)}. Pass one label per row.")


def _plan(cv: Any, learner: Learner, X: Any, y: Any, keys: _Keys) -> SplitPlan:
    from sklearn.base import is_classifier  # type: ignore[import-untyped]  # published without
    from sklearn.model_selection import check_cv  # type: ignore[import-untyped]  # as above

    plan = getattr(cv, "plan", cv)
    if not isinstance(plan, SplitPlan):
        if isinstance(cv, int):
            is_stratified = isinstance(learner, EstimatorLearner) and is_classifier(
                learner.estimator
            )
            cv = check_cv(cv, y, classifier=is_stratified)
        return make_plan(cv, X, y, **vars(keys))
    return plan


def _around(
    run: Run, name: str, keys: _Keys, *, params: object, tags: Mapping[str, str], mode: Mode
) -> Around:
    return Around(
        run_id=run.run_id,
        name=name,
        experiment=run.opened.client.get_experiment(run.opened.experiment_id).name,
        tracking_uri=run.opened.tracking_uri,
        group=keys.groups if isinstance(keys.groups, str) else None,
        time=keys.times if isinstance(keys.times, str) else None,
        process=os.getpid(),
        thread=threading.get_ident(),
        params=params,
        tags=tags,
        mode=mode,
    )


def _tasks(
    around: Around,
    learner: Learner,
    plan: SplitPlan,
    proof: "SplitProof",
    seeds: Sequence[int],
) -> Iterable[FoldRun]:
    facts = [split.from_plan(plan, fold, proof) for fold in range(plan.n_splits)]
    make = partial(FoldRun, around, learner)
    return (
        make(facts[fold], fold, seed, *plan.fold(fold))
        for seed, fold in product(seeds, range(plan.n_splits))
    )


Done = list[tuple[str, Mapping[str, float]]]


def _run(run: Run, tasks: Iterable[FoldRun], X: Any, y: Any, n_jobs: int | None) -> Done:
    from sklearn.utils.parallel import (  # type: ignore[import-untyped]  # as above
        Parallel,
        delayed,
    )

    try:
        found: Done = Parallel(n_jobs=n_jobs)(delayed(run_fold)(task, X, y) for task in tasks)
    except BaseException:
        _end_children(run)
        raise
    return found


def _end_children(run: Run) -> None:
    """End the runs of processes that were stopped with the others, from what they journaled."""
    with variables(SHORT_PATIENCE), run.noted("runs of folds were not ended: `repro recover`"):
        client = run.opened.client
        history = MlflowHistory(client, client.get_experiment(run.opened.experiment_id))
        inside = f"tags.mlflow.parentRunId = '{run.run_id}' and attributes.status = 'RUNNING'"
        for run_id in history.find_runs(inside):
            list(recover_some(run_id, locate(run.opened.tracking_uri)))


def _result(
    run: Run, plan: SplitPlan, proof: "SplitProof", seeds: tuple[int, ...], done: Done
) -> CrossValidation:
    rows = [done[at : at + plan.n_splits] for at in range(0, len(done), plan.n_splits)]
    sizes = [(len(train), len(test)) for train, test in plan.split()]
    ratio = float(np.mean([n_test / n_train for n_train, n_test in sizes]))
    return CrossValidation(
        run_id=run.run_id,
        run_ids=tuple(tuple(run_id for run_id, _ in row) for row in rows),
        seeds=seeds,
        summaries=summarized([[scores for _, scores in row] for row in rows], ratio),
        plan=plan,
        proof=proof,
    )


def _log(run: Run, found: CrossValidation) -> None:
    """What came out, where a person looks for it: as metrics, and as a tag."""
    for name, one in found.summaries.items():
        for at, mean in enumerate(one.seed_means):
            run.log_metrics({f"{name}/seed_mean": mean}, step=at)
        values = {"mean": one.mean, "std": one.std}
        if one.interval is not None:
            values |= {"low_95": one.interval.low, "high_95": one.interval.high}
        run.log_metrics({f"{name}/{key}": value for key, value in values.items()})
    with run.noted("the outcome was not tagged"):
        run.opened.set_tags({CROSS_VALIDATION: str(found)})
