"""Golden vectors of the published layer: float64, one head, batch 1, D = 4, three steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from ops import Precision

D = 4
Y = [
    [0.355747223, -0.227325477, -0.484714506, -0.047664875],
    [0.173368843, -0.175675779, -0.273033993, 0.020776940],
    [-0.192521389, 0.057698309, 0.225255046, 0.070094368],
]
END_ROW = [
    *[0.407935555, -0.126889131, -0.479922851, -0.145382798],
    *[0.479684234, -0.392756516, -0.152795471, 0.519927219],
    *[-0.518265939, 0.509420261, -0.490378533, 0.461521876],
    *[0.245175838, -0.509020396, 0.420260032, -0.040380181],
]
LOSS = -1.512711125678
DX = [
    [-0.458402956, 1.865565435, -2.843371642, 2.849118008],
    [-2.597622700, 3.471511968, -3.929608479, 3.689356334],
    [-4.888261725, 4.918085875, -5.111061688, 4.935747111],
]
DW_ROW = [
    *[-6.599977470, -6.438379480, -6.276781490, -6.115183500],
    *[1.249129023, -0.342122220, 0.395169305, -1.302176108],
    *[-0.797831838, 0.788531510, -0.790541027, 0.799841354],
    *[0.193397647, 0.001848699, -0.027284974, -0.001415212],
]


def golden_inputs() -> tuple[torch.Tensor, torch.Tensor]:
    i = torch.arange(D, dtype=torch.float64).unsqueeze(1)
    j = torch.arange(D, dtype=torch.float64).unsqueeze(0)
    parts = [
        torch.sin(1 + 3 * i + 5 * j),
        torch.sin(2 + 7 * i + 2 * j),
        torch.cos(3 + 2 * i + 3 * j),
        torch.sin(0.5 + i + 4 * j),
    ]
    w = 0.5 * torch.cat(parts, dim=1).unsqueeze(0)
    t = torch.arange(3, dtype=torch.float64).unsqueeze(1)
    x = torch.cos(0.3 + 1.1 * t + 0.7 * j).reshape(3, 1, 1, D)
    return x.requires_grad_(), w.requires_grad_()


def test_outputs_loss_and_gradients_equal_the_golden_vectors(run: Callable, precision: Precision) -> None:
    x, w = golden_inputs()
    y, delta = (t.double() for t in run(x.to(precision.dtype), w.to(precision.dtype), input_softmax=False))
    weights = 4 * torch.arange(3, dtype=torch.float64).unsqueeze(1) + torch.arange(1, 5, dtype=torch.float64)
    loss = (weights * y.reshape(3, D)).sum()
    loss.backward()
    atol = 1e-9 if precision.dtype == torch.float64 else 1e-5
    for found, expected in (
        (y.reshape(3, D), Y),
        ((w + delta)[0, 0, 0], END_ROW),
        (x.grad.reshape(3, D), DX),
        (w.grad[0, 0], DW_ROW),
    ):
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=atol)
    assert abs(loss.item() - LOSS) < (1e-9 if precision.dtype == torch.float64 else 1e-4)
