"""The optimizer of ``tools/muon.py``, where PyTorch is installed."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
sys.path.append(str(Path(__file__).parents[2] / "tools"))
muon = pytest.importorskip("muon")


def network() -> Any:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(16, 32, 3), torch.nn.PReLU(32), torch.nn.Conv2d(32, 4, 3))


def learn(model: Any, optimizer: Any, steps: int) -> None:
    for step in range(steps):
        torch.manual_seed(step)
        optimizer.zero_grad()
        model(torch.randn(2, 16, 12, 12)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(32, 90), (90, 32), (48, 48)])
def test_singular_values_become_about_one_and_the_vectors_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    core = left.T @ muon.orthogonal(matrix) @ right.T
    assert core.diagonal().min() > 0.3
    assert core.diagonal().max() < 1.3
    assert (core - torch.diag(core.diagonal())).abs().max() < 1e-3


def test_smaller_parameters_learn_as_with_adamw() -> None:
    models = [torch.nn.Sequential(torch.nn.Conv2d(16, 4, 3), torch.nn.PReLU(4)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    for model, kind in zip(models, (muon.Muon, torch.optim.AdamW), strict=True):
        learn(model, kind(model.parameters(), lr=1e-3, weight_decay=1e-2), 4)
    for own, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-6)


def test_a_resumed_run_equals_an_uninterrupted_one() -> None:
    whole, first = network(), network()
    learn(whole, muon.Muon(whole.parameters(), lr=1e-3, weight_decay=1e-4), 2)
    before = muon.Muon(first.parameters(), lr=1e-3, weight_decay=1e-4)
    learn(first, before, 1)
    second = copy.deepcopy(first)
    after = muon.Muon(second.parameters(), lr=1e-3, weight_decay=1e-4)
    after.load_state_dict(before.state_dict())
    torch.manual_seed(1)
    after.zero_grad()
    second(torch.randn(2, 16, 12, 12)).square().mean().backward()
    after.step()
    for own, other in zip(second.parameters(), whole.parameters(), strict=True):
        assert torch.equal(own, other)
