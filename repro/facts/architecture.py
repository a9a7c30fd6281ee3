"""The model that was trained."""

from typing import ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Hyperparameter(Part):
    """A constructor parameter of a scikit-learn estimator."""

    name: str
    value: Scalar


class Layer(Part):
    """A module of the model's tree."""

    path: str
    kind: str
    n_parameters: int  # its own, without those of its children


class Architecture(Fact):
    """Module tree of a torch model, or class and parameters of a scikit-learn estimator."""

    INLINE: ClassVar = ("hyperparameters",)
    IGNORED: ClassVar = ("architecture.layers*",)  # the digest says whether they differ

    name: str
    n_parameters: int
    n_trainable: int
    digest: str  # of paths, kinds, shapes and dtypes, not of the weights
    hyperparameters: tuple[Hyperparameter, ...] = ()
    layers: tuple[Layer, ...] = ()


EXAMPLE = Architecture(
    name="CNN",
    n_parameters=27_562,
    n_trainable=27_562,
    digest="blake3:ee",
    layers=(Layer(path="conv", kind="Conv2d", n_parameters=160),),
)
