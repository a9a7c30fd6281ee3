"""Five ordinary training scripts, changed only by the lines that track them, five seeds an arm."""

from functools import partial

from claims.bed import BETTER, INCONCLUSIVE, WORSE, Bed, expected

FIVE = range(5)


def trained(script: str, option: str, values: tuple[str, str], bed: Bed) -> None:
    """The script with each value of an option, and otherwise as it is."""
    for value in values:
        for seed in FIVE:
            bed.run(script, option, value, "--seed", str(seed))


def arms(baseline: str, candidate: str) -> dict[str, object]:
    return {"baseline": f"tags.arm = '{baseline}'", "arm": candidate, "replicates": 5}


image_classifier = partial(trained, "image_classifier.py", "--optimizer", ("sgd", "adam"))
regression = partial(trained, "regression.py", "--scheduler", ("step", "cosine"))
transformer = partial(trained, "transformer.py", "--warmup", ("0", "10"))
grid_search = partial(trained, "grid_search.py", "--classifier", ("logistic", "svc"))
forest = partial(trained, "forest.py", "--model", ("forest", "boosting"))

NOISE = "warning within-noise"
CLAIMS = (
    expected("image classifier", "all", image_classifier, BETTER, **arms("sgd", "adam")),
    expected(
        "regression",
        "all",
        regression,
        INCONCLUSIVE,
        NOISE,
        metric="test/mse",
        direction="lower",
        treatment=["schedule.*", "optimizer.scheduler", "params.scheduler"],
        **arms("step", "cosine"),
    ),
    expected(
        "transformer",
        "all",
        transformer,
        INCONCLUSIVE,
        NOISE,
        treatment=["schedule.*", "params.warmup"],
        **arms("warmup-0", "warmup-10"),
    ),
    expected(
        "grid search",
        "all",
        grid_search,
        INCONCLUSIVE,
        NOISE,
        treatment=["architecture.*", "tuning.*", "params.classifier"],
        **arms("logistic", "svc"),
    ),
    expected(
        "forest",
        "all",
        forest,
        WORSE,
        metric="test/f1",
        treatment=["architecture.*", "params.model"],
        **arms("forest", "boosting"),
    ),
)
