"""What the weights were before the first step."""

from typing import ClassVar

from repro.facts.fact import Fact, Part


class Scheme(Part):
    """How the parameters of one name, in all modules of one class, were initialized.

    `default` is what torch does for this class. Told apart by shape and scale of the values, where
    there are enough of them: only the family (`normal`) or `unknown` rather than wrong. Vectors are
    constant or `random`. Several are joined with +.
    """

    name: str  # Conv2d.weight
    scheme: str


class Evidence(Part):
    """What a scheme was told by."""

    name: str  # as that of the scheme
    n_tensors: int
    n_values: int  # that were looked at
    confidence: float  # share of these in tensors that were told


class Tensor(Part):
    """Statistics of one parameter before the first step."""

    path: str
    mean: float | None = None  # None: torch gives no values, or there are none
    std: float | None = None
    low: float | None = None
    high: float | None = None


class Initialization(Fact):
    """Schemes by class of module, and the digest of the weights right before the first step."""

    INLINE: ClassVar = ("schemes",)
    IGNORED: ClassVar = (
        "initialization.digest",  # other in each seed
        "initialization.coverage",
        "initialization.changed_after_watch",
        "initialization.evidence",
        "initialization.evidence.*",
        "initialization.tensors",
        "initialization.tensors.*",
    )

    schemes: tuple[Scheme, ...]
    digest: str  # of the values that were looked at
    coverage: float  # share of all values that the digest is of
    changed_after_watch: bool | None  # loaded or set anew between run.watch and the first step
    evidence: tuple[Evidence, ...] = ()
    tensors: tuple[Tensor, ...] = ()


EXAMPLE = Initialization(
    schemes=(
        Scheme(name="Conv2d.weight", scheme="kaiming_normal(fan_out)"),
        Scheme(name="Linear.weight", scheme="default"),
    ),
    digest="blake3:ab",
    coverage=1.0,
    changed_after_watch=False,
    evidence=(Evidence(name="Conv2d.weight", n_tensors=4, n_values=20_000, confidence=1.0),),
    tensors=(Tensor(path="features.0.weight", mean=0.0, std=0.1, low=-0.3, high=0.3),),
)
