"""What keeps the model from fitting its training rows too closely: dropout, decay, L1."""

from typing import ClassVar

from repro.facts.fact import Fact, Part, Scalar


class Dropout(Part):
    """A module, or an attribute of one, that drops values at random while training."""

    path: str  # features.3, or rnn.dropout for an argument of the module
    kind: str  # class of the module
    p: float  # at the first step
    p_end: float | None = None  # at the end, where it was changed in between


class Setting(Part):
    """A dropout rate in the `config` of the model, or a declared L1 weight."""

    name: str
    value: Scalar


class Regularization(Fact):
    """Dropout by module, and which parameters decay.

    A dropout that a `forward` applies as a function (`F.dropout(x, 0.5)`) cannot be seen. How
    strong the decay of each parameter group is, and whether it is decoupled, is in `optimizer`.
    """

    IGNORED: ClassVar = ("regularization.l1", "regularization.l1.*")  # compared as params

    dropout: tuple[Dropout, ...] = ()
    config: tuple[Setting, ...] = ()
    decayed_share: float | None = None  # of the elements the optimizers update; None: none seen
    decays_norms: bool | None = None  # None: nothing decays, or there is no such parameter
    decays_biases: bool | None = None
    l1: tuple[Setting, ...] = ()  # declared under such a name


EXAMPLE = Regularization(
    dropout=(Dropout(path="features.3", kind="Dropout", p=0.1),),
    config=(Setting(name="hidden_dropout_prob", value=0.1),),
    decayed_share=0.98,
    decays_norms=False,
    decays_biases=False,
    l1=(Setting(name="l1_lambda", value=1e-5),),
)
