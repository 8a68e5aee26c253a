"""The cells of a round are made in an order in which no training is made twice at a time."""

from __future__ import annotations

from flows.study.cells.cell_measurement import has_search, turns_of
from tasks.study.design import Cell


def test_cells_that_share_a_training_wait_for_it() -> None:
    baseline, pruned = Cell("baseline"), Cell("pruned", steps=({"step": "channels"},))
    faster, half = Cell("faster", {"train.learning_rate": 0.1}), Cell("half of the rows", train_share=0.5)
    chosen = Cell("sgd", {"train.optimizer": "sgd"}, options=({"train.learning_rate": 0.1},))
    same = Cell("faster, pruned", {"train.learning_rate": 0.1}, steps=({"step": "channels"},))
    first, then = turns_of([baseline, pruned, faster, half, chosen, same])
    assert [cell.name for cell in first] == ["baseline", "faster", "half of the rows", "sgd"]
    assert [cell.name for cell in then] == ["pruned", "faster, pruned"]


def test_a_search_has_the_machine_to_itself() -> None:
    assert has_search(Cell("random", {"search": {"trials": 2}}))
    assert has_search(Cell("more trials", {"search.trials": 4}))
    assert not has_search(Cell("as it is", {"train.epochs": 4}))
