"""Wrong models: factories and weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.wrong_input import Code, Row, check_optimize, check_plan, model, saved, write

ROWS = {
    "family: unknown": Row(
        "a.yaml: model.family: must be one of auto, linear, random_forest, extra_trees, hist_boosting, lightgbm, "
        "xgboost, knn, mlp, embedding_mlp, own, but got 'lightgmb'; nearest valid choice: lightgbm",
        recipe=model(family="lightgmb"),
    ),
    "family: takes no such argument": Row(
        "a.yaml: model.arguments.n_estimator: LightGBM has no argument `n_estimator`; nearest valid choice: "
        "n_estimators",
        recipe=model(family="lightgbm", arguments={"n_estimator": 8}),
    ),
    "family: beside a factory": Row(
        "a.yaml: model.factory: must be left out beside model.family, which is a simple model, but got "
        "'tasks.architectures:mlp'",
        recipe=model(family="linear", factory="tasks.architectures:mlp"),
    ),
    "family: arguments of several": Row(
        "a.yaml: model.arguments: must be left out: auto fits several families",
        recipe=model(family="auto", arguments={"n_estimators": 8}),
    ),
    "family: of a network": Row(
        "a.yaml: model.balanced: suits simple models only, with model.family, but got True",
        recipe=model(balanced=True),
    ),
    "family: of a network, refit": Row(
        "a.yaml: model.refit: suits simple models, with model.family, and a new last layer, with model.transfer: "
        "features, but got False",
        recipe=model(refit=False),
    ),
    "family: trained in epochs": Row(
        "a.yaml: train: must be left out: model.family is a simple model, which is never trained in epochs",
        recipe={**model(family="linear"), "train": {"epochs": 3}},
    ),
    "family: a step for networks": Row(
        "a.yaml: compress.branches.0.steps.0: needs a torch network, but branch 'cut' begins with the ONNX file of "
        "model.family, but got 'channels'; nearest valid choice: one of clean, int8, fp16, weight_only, pack, trees, "
        "leaves, calibrate",
        recipe={**model(family="linear"), "compress": {"branches": [{"name": "cut", "steps": [{"step": "channels"}]}]}},
    ),
    "family: monotone in text": Row(
        "a.yaml: model.monotone: linear model has no monotone columns; of the families, these can: hist_boosting, "
        "lightgbm, xgboost",
        recipe=model(family="linear", monotone={"a": 1}),
    ),
    "ensemble: one member": Row(
        "a.yaml: model.ensemble.members: needs more entries: at least 2, but got [{'family': 'linear'}]",
        recipe=model(ensemble={"members": [{"family": "linear"}]}),
    ),
    "ensemble: auto as a member": Row(
        "a.yaml: model.ensemble.members.1.family: must be one of linear, random_forest, extra_trees, hist_boosting, "
        "lightgbm, xgboost, knn, but got 'auto'",
        recipe=model(ensemble={"members": [{"family": "linear"}, {"family": "auto"}]}),
    ),
    "ensemble: member unknown": Row(
        "a.yaml: model.ensemble.members.1.family: must be one of linear, random_forest, extra_trees, hist_boosting, "
        "lightgbm, xgboost, knn, but got 'lightgmb'; nearest valid choice: lightgbm",
        recipe=model(ensemble={"members": [{"family": "linear"}, {"family": "lightgmb"}]}),
    ),
    "ensemble: a member twice": Row(
        "a.yaml: model.ensemble.members.1: must differ from the members before it; another seed or argument is enough, "
        "but got 'linear'",
        recipe=model(ensemble={"members": [{"family": "linear"}, {"family": "linear"}]}),
    ),
    "ensemble: beside a family": Row(
        "a.yaml: model.family: must be left out beside model.ensemble, whose members are simple models, but got "
        "'linear'",
        recipe=model(family="linear", ensemble={"members": [{"family": "linear"}, {"family": "lightgbm"}]}),
    ),
    "ensemble: stacking of quantiles": Row(
        "a.yaml: model.ensemble.kind: must be average where a quantile is predicted: least squares would find the "
        "mean, but got 'stacking'; nearest valid choice: average",
        recipe=model(
            quantile=0.9, ensemble={"kind": "stacking", "members": [{"family": "linear"}, {"family": "lightgbm"}]}
        ),
    ),
    "networks: one member": Row(
        "a.yaml: model.ensemble.members: must be at least 2: one network is no ensemble, but got 1; nearest valid "
        "choice: 2",
        recipe=model(ensemble={"members": 1}),
    ),
    "networks: a list of one": Row(
        "a.yaml: model.ensemble.members: needs more entries: at least 2, but got [{'factory': 'nets:linear'}]",
        recipe=model(ensemble={"members": [{"factory": "nets:linear"}]}),
    ),
    "networks: no number": Row(
        "a.yaml: model.ensemble.members: must be a number from 2 to 100, or a list of members, but got 'three'",
        recipe=model(ensemble={"members": "three"}),
    ),
    "networks: members named twice": Row(
        "a.yaml: model.ensemble.snapshots: must be left out beside members, which says the members already, but got 3",
        recipe=model(ensemble={"members": 2, "snapshots": 3}),
    ),
    "networks: more snapshots than epochs": Row(
        "a.yaml: model.ensemble.snapshots: must be at most train.epochs, which is 3: each snapshot ends a cycle of "
        "epochs, but got 5; nearest valid choice: 3",
        recipe={**model(ensemble={"snapshots": 5}), "train": {"epochs": 3}},
    ),
    "networks: snapshots of a rate that stays": Row(
        "a.yaml: train.schedule: must fall to its end where snapshots are taken at the end of each cycle, but got "
        "'constant'; nearest valid choice: cosine",
        recipe={**model(ensemble={"snapshots": 2}), "train": {"epochs": 4, "schedule": "constant"}},
    ),
    "networks: trials without a search": Row(
        "a.yaml: model.ensemble.trials: needs a search, whose best trials are the members, but got 3; nearest valid "
        "choice: members: 3",
        recipe=model(ensemble={"trials": 3}),
    ),
    "networks: more trials than the search has": Row(
        "a.yaml: model.ensemble.trials: must be at most the trials of the search, which are 3, but got 4; nearest "
        "valid choice: 3",
        recipe={
            **model(ensemble={"trials": 4}),
            "search": {"trials": 3, "space": {"train.learning_rate": {"loguniform": [1e-4, 1e-1]}}},
        },
    ),
    "networks: a search of given members": Row(
        "a.yaml: search: must be left out beside model.ensemble.members, which are given; nearest valid choice: "
        "model.ensemble: {trials: 3}",
        recipe={
            **model(ensemble={"members": [{"factory": "nets:linear"}, {"arguments": {"width": 8}}]}),
            "search": {"trials": 3, "space": {"train.learning_rate": {"loguniform": [1e-4, 1e-1]}}},
        },
    ),
    "networks: beside a simple model": Row(
        "a.yaml: model.ensemble.members.1.family: must be mlp or embedding_mlp, or left out: an ensemble has networks "
        "or simple models, not both, but got 'linear'",
        recipe=model(ensemble={"members": [{"factory": "nets:linear"}, {"family": "linear"}]}),
    ),
    "networks: a simple family": Row(
        "a.yaml: model.family: must be a network's beside model.ensemble, whose members are networks, but got "
        "'linear'; nearest valid choice: mlp",
        recipe=model(family="linear", ensemble={"members": 2}),
    ),
    "networks: a setting of a member": Row(
        "a.yaml: model.ensemble.members.1.train.epochz: is no setting of train",
        recipe=model(ensemble={"members": [{}, {"train": {"epochz": 3}}]}),
    ),
    "networks: weights of logits": Row(
        "a.yaml: model.ensemble.average: must be probabilities where weights are fitted: their error is that of "
        "probabilities, but got 'logits'; nearest valid choice: probabilities",
        recipe=model(ensemble={"members": 2, "average": "logits", "weights": "fitted"}),
    ),
    "networks: stacking": Row(
        "a.yaml: model.ensemble.kind: must be one of average, but got 'stacking'",
        recipe=model(ensemble={"members": 2, "kind": "stacking"}),
    ),
    "networks: trained ones": Row(
        "a.yaml: model.weights: must be left out beside model.ensemble, whose networks are trained, but got 'net.pt'",
        recipe=model(weights="net.pt", ensemble={"members": 2}),
    ),
    "networks: an unknown member": Row(
        "a.yaml: model.ensemble.members.1.factory: must name a function of the module nets, but got 'liner'; nearest "
        "valid choice: nets:linear",
        recipe=model(ensemble={"members": [{"factory": "nets:linear"}, {"factory": "nets:liner"}]}),
    ),
    "networks: members of other outputs": Row(
        "a.yaml: model.ensemble.members.1.factory: must answer two examples with outputs of shape (2, 2), one for each "
        "of the 2 classes of the data (no, yes), but got (2, 3); nearest valid choice: a parameter named outputs, "
        "which gets 2",
        recipe=model(ensemble={"members": [{"factory": "nets:linear"}, {"factory": "nets:wide"}]}),
    ),
    "networks: a member of probabilities": Row(
        "a.yaml: model.ensemble.members.1.factory: needs logits, but nets:shares answers with probabilities; nearest "
        "valid choice: the network without its softmax",
        recipe=model(ensemble={"members": [{"factory": "nets:linear"}, {"factory": "nets:shares"}]}),
    ),
    "taught by a network": Row(
        "a.yaml: compress.branches.0.steps.0.taught: needs a baseline that is a simple model of a family or an "
        "ensemble; a network teaches with step: distill, but got True; nearest valid choice: model: {family: lightgbm}",
        recipe={
            **model(factory="tasks.architectures:mlp"),
            "compress": {
                "branches": [{"name": "s", "steps": [{"step": "fit", "family": "lightgbm", "taught": True}]}],
            },
        },
    ),
    "factory: no such module": Row(
        "a.yaml: model.factory: must name a module that can be imported, from the current folder or "
        "installed, but got 'netz:linear'; nearest valid choice: nets:linear",
        recipe=model(factory="netz:linear"),
    ),
    "factory: no such module in a package": Row(
        "a.yaml: model.factory: must name a module that can be imported, from the current folder or "
        "installed, but got 'tasks.architecture:mlp'; nearest valid choice: tasks.architectures:mlp",
        recipe=model(factory="tasks.architecture:mlp"),
    ),
    "factory: no such name": Row(
        "a.yaml: model.factory: must name a function of the module nets, but got 'liner'; nearest valid "
        "choice: nets:linear",
        recipe=model(factory="nets:liner"),
    ),
    "factory: not module:name": Row(
        "a.yaml: model.factory: must have the form module:name, but got 'nets.linear'",
        recipe=model(factory="nets.linear"),
    ),
    "factory: takes no such argument": Row(
        "a.yaml: model.arguments.widht: is not an argument of tasks.architectures:mlp; nearest valid choice: width",
        recipe=model(arguments={"widht": 8}),
    ),
    "factory: raises": Row(
        "a.yaml: model.factory: nets:unlucky fails with the arguments {'outputs': 2} (RuntimeError: no network today)",
        recipe=model(factory="nets:unlucky"),
    ),
    "factory: gives no network": Row(
        "a.yaml: model.factory: nets:number must give a torch.nn.Module, or a scikit-learn estimator or Pipeline "
        "(with fit and predict), but got 'int'",
        recipe=model(factory="nets:number"),
    ),
    "factory: another input shape": Row(
        "a.yaml: model.factory: does not accept examples of shape (2,) (mat1 and mat2 shapes cannot be "
        "multiplied (2x2 and 7x2))",
        recipe=model(factory="nets:deaf"),
    ),
    "factory: another output shape": Row(
        "a.yaml: model.factory: must answer two examples with outputs of shape (2, 2), one for each of the 2 classes "
        "of the data (no, yes), but got (2, 3); nearest valid choice: a parameter named outputs, which gets 2",
        recipe=model(factory="nets:wide"),
    ),
    "factory: several outputs": Row(
        "a.yaml: model.factory: answers with several outputs that fit the data (0 (2, 2), 1 (2, 2)), so model.output "
        "must choose one; nearest valid choice: model.output: 0",
        recipe=model(factory="nets:pair"),
    ),
    "factory: probabilities": Row(
        "a.yaml: train: needs logits, but nets:shares answers with probabilities; nearest valid choice: the network "
        "without its softmax",
        recipe=model(factory="nets:shares"),
    ),
    "output: of one tensor": Row(
        "a.yaml: model.output: must be left out: the network answers with one tensor, but got 'logits'",
        recipe=model(output="logits"),
    ),
    "factory: module that crashes": Row(
        "a.yaml: model.factory: names the module crashing, which fails on import (RuntimeError: no module"
        " today), but got 'crashing:net'",
        recipe=model(factory="crashing:net"),
    ),
    "factory: module that exits": Row(
        "a.yaml: model.factory: names the module leaving, which fails on import (SystemExit: 0), but got 'leaving:net'",
        recipe=model(factory="leaving:net"),
    ),
    "weights: no such file": Row(
        "a.yaml: model.weights: names a file that does not exist, but got 'traind.pt'; nearest valid "
        "choice: trained.pt",
        recipe=model(weights="traind.pt"),
        make=saved(dict),
    ),
    "weights: tensor missing": Row(
        "a.yaml: model.weights: trained.pt: has no tensor '0.weight' of the model",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: dict(list(state.items())[1:])),
    ),
    "weights: tensor renamed": Row(
        "a.yaml: model.weights: trained.pt: must have the tensors of the model, but the file lacks '0.weight'; the "
        "network lacks 'net.0.weight'; nearest valid choice: net.0.weight",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {f"net.{name}" if name == "0.weight" else name: state[name] for name in state}),
    ),
    "weights: wrong shape": Row(
        "a.yaml: model.weights: trained.pt: must have the tensors of the model, but by shape '0.weight' is (64, 2) and "
        "not (16, 2), '0.bias' is (64,) and not (16,), '2.weight' is (64, 64) and not (16, 16), '2.bias' is (64,) and "
        "not (16,), '4.weight' is (2, 64) and not (2, 16)",
        recipe=model(weights="trained.pt", arguments={"width": 16}),
        make=saved(dict),
    ),
    "weights: tensor left over": Row(
        "a.yaml: model.weights: trained.pt: has a tensor 'extra' that the model lacks",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {**state, "extra": torch.zeros(1)}),
    ),
    "weights: pickle with code": Row(
        "a.yaml: model.weights: trained.pt: must hold tensors only, but it is a pickle with code (or no "
        "torch file), which is never executed",
        recipe=model(weights="trained.pt"),
        make=saved(lambda state: {**state, "code": Code()}),
    ),
    "weights: no torch file": Row(
        "a.yaml: model.weights: rows.csv: is not a readable torch file (pop from empty list)",
        recipe=model(weights="rows.csv"),
    ),
    "weights: no state dict": Row(
        "a.yaml: model.weights: trained.pt: must hold a state dict (names to tensors)",
        recipe=model(weights="trained.pt"),
        make=saved(list),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)


@pytest.mark.parametrize("name", ["within the flow"])
@pytest.mark.e2e
def test_optimize_says_the_same_in_a_process_of_its_own(name: str, place: Path) -> None:
    row = ROWS["factory: module that crashes"]
    check_optimize(write(row), row.says)
