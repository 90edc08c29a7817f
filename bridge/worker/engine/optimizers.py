"""torch.optim behind one fixed order: transform, clip by global norm, step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import Adam, Rmsprop

Transform = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


class Optimizer:
    """One optimizer over a parameter set; `version` counts the steps that were applied."""

    def __init__(self, parameters: dict[str, Tensor], algorithm: Rmsprop | Adam) -> None:
        self.parameters = parameters
        self.version = 0
        self._loss: Tensor | None = None
        self._optimizer = _make(list(parameters.values()), algorithm)

    def accumulate(self, loss: Tensor) -> None:
        """Adds the gradients of a scalar loss."""
        loss.backward()
        # Kept because a NaN can hide from the gradients: that of log(-1) is finite.
        self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()

    def apply(
        self,
        expected_version: int,
        learning_rate: float,
        max_grad_norm: float | None,
        transform: Transform | None,
    ) -> tuple[float, bool]:
        """Returns the gradient norm before clipping, and whether it and the loss were finite; if not, no step."""
        if expected_version != self.version:
            raise WorkerError(
                'REQUEST_CONFLICT',
                f'apply: the parameters must be at version {expected_version}, got {self.version}.',
            )
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        if transform is not None:
            for name, gradient in transform(gradients).items():
                self.parameters[name].grad = gradient
            gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        norm_tensor = torch.nn.utils.get_total_norm(gradients.values())
        norm = float(norm_tensor)
        finite = math.isfinite(norm) and (self._loss is None or math.isfinite(float(self._loss)))
        if finite:
            if max_grad_norm is not None:
                touched = [p for p in self.parameters.values() if p.grad is not None]
                torch.nn.utils.clip_grads_with_norm_(touched, max_grad_norm, norm_tensor)
            for group in self._optimizer.param_groups:
                group['lr'] = learning_rate
            self._optimizer.step()
            self.version += 1
        self._clear()
        return norm, finite

    def _clear(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        self._loss = None

    def state(self) -> dict[str, Tensor]:
        """Every state tensor as `parameter/slot`; empty before the first step."""
        return {
            f'{name}/{slot}': value
            for name, parameter in self.parameters.items()
            for slot, value in self._optimizer.state.get(parameter, {}).items()
        }

    def set_state(self, state: Mapping[str, Tensor], version: int) -> None:
        """Takes back what `state` gave."""
        self.version = version
        self._clear()
        self._optimizer.state.clear()
        for name, parameter in self.parameters.items():
            slots = {
                key.rpartition('/')[2]: value
                for key, value in state.items()
                if key.rpartition('/')[0] == name
            }
            if slots:
                self._optimizer.state[parameter] = {
                    slot: _like(value, parameter) for slot, value in slots.items()
                }


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """Slots have the memory order of their parameter; step counters stay as they are, on the CPU."""
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def _make(parameters: list[Tensor], algorithm: Rmsprop | Adam) -> torch.optim.Optimizer:
    # The learning rate comes with every apply; torch wants a number at construction.
    match algorithm:
        case Rmsprop():
            return torch.optim.RMSprop(
                parameters,
                lr=0.0,
                alpha=algorithm.alpha,
                eps=algorithm.epsilon,
                momentum=algorithm.momentum,
                centered=algorithm.centered,
                weight_decay=algorithm.weight_decay,
                foreach=True,
            )
        case Adam():
            return torch.optim.Adam(
                parameters,
                lr=0.0,
                betas=(algorithm.beta1, algorithm.beta2),
                eps=algorithm.epsilon,
                weight_decay=algorithm.weight_decay,
                fused=True,
            )
