"""Model spec: the recipe's section `model`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.core import InputError, Spec
from tasks.models.ensembles.any_ensemble import AnyEnsemble
from tasks.models.ensembles.members import EnsembleSpec, check_combination
from tasks.models.ensembles.network_members import NetworkEnsemble
from tasks.models.family_names import NETWORKS, AskedFamily, FamilyName


def check_features(features: float | int | None) -> float | int | None:
    """Raises ValueError with an InputError unless columns are a share above 0 and below 1, or a count from 1 on."""
    if features is None or (0 < features < 1 if isinstance(features, float) else features >= 1):
        return features
    law = "must be a share of the columns between 0 and 1, or a whole number of columns"
    raise ValueError(InputError(law, value=features, nearest=0.5))


Features = Annotated[float | int | None, AfterValidator(check_features)]
"""How many raw columns a simple model keeps: a share, or a count."""
Transfer = Literal["as_is", "features", "fine_tune", "scratch", "auto"]
Own = Literal["own"]
"""The family of an estimator that `model.factory` gives."""


class ModelSpec(Spec):
    """The network: a factory with its arguments and, if it is already trained, its weights; or an ONNX file. Of a table
    also a simple model: its family with its arguments."""

    family: Literal[AskedFamily, Own] | None = None
    """The kind of a simple model on a table. `auto` fits several, and the best on validation becomes the baseline.
    `mlp` and `embedding_mlp` are networks, which are trained; the second has an embedding for each text column.
    `own` is what a factory is that gives a scikit-learn estimator; it need not be said."""
    ensemble: AnyEnsemble | None = Field(default=None, exclude_if=lambda ensemble: ensemble is None)
    """Several networks, or several simple models on a table, with one answer and in one file."""
    factory: str | None = None
    """`module:callable`. A factory of networks gets `input_shape` and `outputs` if it takes them; one for tables may
    give a scikit-learn estimator or Pipeline, fitted or not. Absent: a default for the data."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example its width and depth, or of the family's class."""
    balanced: bool = Field(default=False, exclude_if=lambda balanced: not balanced)
    """Simple models: whether every class counts as much as every other, however rare it is."""
    quantile: float | None = Field(default=None, gt=0, lt=1, exclude_if=lambda share: share is None)
    """Simple models of a regression: the quantile that is predicted in place of the mean."""
    monotone: dict[str, Literal[-1, 1]] = Field(default_factory=dict, exclude_if=lambda columns: not columns)
    """Simple models: number column → 1 where the answer may only rise with it, -1 where it may only fall."""
    features: Features = Field(default=None, exclude_if=lambda features: features is None)
    """Simple models: how many raw columns are kept, a share below 1 or a count. The others are no inputs of the
    product. Absent: all."""
    minutes: float | None = Field(default=None, gt=0, exclude_if=lambda minutes: minutes is None)
    """Of `auto`: minutes of fitting after which no further family is begun. Absent: five."""
    refit: bool = Field(default=True, exclude_if=lambda refit: refit)
    """Simple models, and new last layers: whether the baseline and the candidate that validation chose are fitted again
    on train and validation together, with the number of rounds that they had; the test judges these files."""
    weights: str | None = None
    """A file with a trained state dict (tensors only). Absent: the model is trained from the data."""
    key: str | None = Field(default=None, min_length=1)
    """Dotted path of the state dict in the file of weights, as in `state_dict_ema`. Absent: that which fits the network
    best; among equals, the one that is no average."""
    transfer: Transfer | None = Field(default=None, exclude_if=lambda transfer: transfer is None)
    """What is done with a network that others trained. `as_is`: nothing, its classes are the data's. `features`: its
    last layer is fitted anew, on what the layers before it say. `fine_tune`: then all layers are trained, the last
    ones first and fastest. `scratch`: its weights are left out. `auto`: the best on validation. Absent: `as_is` where
    weights are named."""
    further: bool = Field(default=False, exclude_if=lambda further: not further)
    """Whether the network of `weights` is trained further, all layers from where they stand; its classes are the
    data's. Without it such a network is taken as it is. `retrain` asks for it."""
    output: int | str | None = Field(default=None, exclude_if=lambda output: output is None)
    """Which output of a model that answers with several: its key in a dictionary, its attribute, its name in an ONNX
    file, or its index. Absent: the only one that fits the data; of an ONNX file the first, if it fits."""
    file: str | None = None
    """An ONNX file made by others, used as the baseline and never trained. It keeps its inputs and outputs. The
    recipe's `preprocess` is put in front of it; without one, or with `none`, it gets the raw values of the data."""

    @model_validator(mode="after")
    def _one_model(self) -> ModelSpec:
        _leave_out(
            self,
            ("factory", "arguments", "weights", "key", "transfer"),
            "file",
            "which holds the network and its weights",
        )
        factory = () if self.family == "own" else ("factory",)
        _leave_out(self, (*factory, "weights", "key", "file", "output", "transfer"), "family", f"which is {self._what}")
        others = ("family", "factory", "arguments", "weights", "key", "file", "output", "transfer")
        if self.networks is not None:
            _leave_out(self, ("weights", "key", "file", "transfer"), "ensemble", "whose networks are trained")
            if self.family not in (None, *NETWORKS):
                law = "must be a network's beside model.ensemble, whose members are networks"
                raise ValueError(InputError(law, path="family", value=self.family, nearest="mlp"))
        else:
            _leave_out(self, others, "ensemble", "whose members are simple models")
        if self.simple_ensemble is not None:
            check_combination(self.simple_ensemble, self.quantile, self.monotone, "ensemble.")
            if self.features is not None:
                law = "must be left out beside model.ensemble, whose members take all columns"
                raise ValueError(InputError(law, path="features", value=self.features))
        if self.family == "auto":
            for name in ("arguments", "monotone", "features"):
                if getattr(self, name):
                    raise ValueError(InputError("must be left out: auto fits several families", path=name))
        elif self.minutes is not None:
            law = "suits the family auto only, which fits one family after the other"
            raise ValueError(InputError(law, path="minutes", value=self.minutes))
        if not self.is_simple:
            for name in ("balanced", "quantile", "monotone", "features"):
                if getattr(self, name):
                    law = "suits simple models only, with model.family"
                    law += f", and {self.family} is a network" if self.family else ""
                    way = "goal: {metric: quantile_loss, quantile: …}" if self.family and name == "quantile" else None
                    raise ValueError(InputError(law, path=name, value=getattr(self, name), nearest=way))
            if not self.refit and self.transfer not in ("features", "auto"):
                law = "suits simple models, with model.family, and a new last layer, with model.transfer: features"
                raise ValueError(InputError(law, path="refit", value=False))
        if self.key is not None and self.weights is None:
            law = "must be left out without model.weights, the file in which it is a path"
            raise ValueError(InputError(law, path="key", value=self.key))
        if self.further and (self.weights is None or self.transfer not in (None, "as_is")):
            law = "suits model.weights without model.transfer, which says itself what is trained"
            raise ValueError(InputError(law, path="further", value=True, nearest="transfer: fine_tune"))
        return self

    @model_validator(mode="after")
    def _own_is_a_factory(self) -> ModelSpec:
        if self.family != "own":
            return self
        if self.factory is None:
            law = "needs model.factory, which gives the estimator"
            raise ValueError(InputError(law, path="family", value="own", nearest="factory: my_package.models:make"))
        for name in ("balanced", "quantile", "monotone", "features"):
            if getattr(self, name):
                law = "must be left out beside model.factory: its estimator says it"
                raise ValueError(InputError(law, path=name, value=getattr(self, name)))
        return self

    @property
    def form(self) -> Literal["torch", "onnx"]:
        """What the model is: a torch network, or an ONNX file, which others made or a simple model became."""
        return "torch" if self.file is None and not self.is_simple else "onnx"

    @property
    def is_simple(self) -> bool:
        """Whether the model is a simple one of a table, or an ensemble of such."""
        return self.simple_ensemble is not None or (self.family is not None and self.family not in NETWORKS)

    @property
    def simple_ensemble(self) -> EnsembleSpec | None:
        """The ensemble of simple models, if the model is one."""
        return self.ensemble if isinstance(self.ensemble, EnsembleSpec) else None

    @property
    def networks(self) -> NetworkEnsemble | None:
        """The ensemble of networks, if the model is one."""
        return self.ensemble if isinstance(self.ensemble, NetworkEnsemble) else None

    @property
    def reads_codes(self) -> bool:
        """Whether the network has embeddings of text columns, which take codes."""
        families = [member.family for member in self.networks.members or ()] if self.networks else []
        return "embedding_mlp" in (self.family, *families)

    @property
    def simple_family(self) -> FamilyName | Own | None:
        """The family of a simple model; None for `auto`, for networks and for ensembles."""
        family = self.family
        return None if family == "auto" or family == "mlp" or family == "embedding_mlp" else family

    @property
    def _what(self) -> str:
        return "a simple model" if self.is_simple else "a network of Paredown's"

    @property
    def is_trained(self) -> bool:
        """Whether no network is trained or searched: it is trained already, or the model is a simple one."""
        if self.form == "onnx" or self.transfer == "as_is":
            return True
        return self.transfer is None and self.brings_weights

    @property
    def is_one_training(self) -> bool:
        """Whether the model is one network that is trained from its beginning."""
        return not (self.is_trained or self.is_transferred or self.networks)

    @property
    def brings_weights(self) -> bool:
        """Whether the recipe names trained weights: a file, or those of timm."""
        return self.weights is not None or (self.is_timm and self.arguments.get("pretrained") is True)

    @property
    def is_timm(self) -> bool:
        """Whether the network is one of timm's: the factory is `timm:NAME`."""
        return self.factory is not None and self.factory.startswith("timm:")

    @property
    def renews_last_layer(self) -> bool:
        """Whether the last layer is replaced where its outputs are not those of the data."""
        return self.transfer not in (None, "as_is")

    @property
    def is_transferred(self) -> bool:
        """Whether the network begins with trained weights and learns from the data."""
        return self.renews_last_layer and self.transfer != "scratch"


def _leave_out(spec: ModelSpec, names: tuple[str, ...], beside: str, which: str) -> None:
    """Raises ValueError with an InputError where one of `names` is given beside the field `beside`."""
    for name in names if getattr(spec, beside) is not None else ():
        value = getattr(spec, name)
        if value or value == 0:
            law = f"must be left out beside model.{beside}, {which}"
            raise ValueError(InputError(law, path=name, value=value))
