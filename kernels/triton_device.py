"""Where Triton kernels can run: on a CUDA or ROCm device, and in Triton's interpreter on the CPU, for tests."""

from __future__ import annotations

import functools
import importlib.util
import os

import torch

from .dispatch import Call

# Tiles have a power of two of rows and of columns, and a program holds whole matrices.
LARGEST = 128


def refusal(call: Call) -> str:
    """Returns why Triton kernels cannot serve a call, or an empty string."""
    if call.device_type not in ('cuda', 'cpu'):
        return f'it runs on cuda tensors, got {call.device_type}'
    if call.head_dim > LARGEST:
        return f'head_dim is at most {LARGEST}, got {call.head_dim}'
    if call.device_type == 'cuda':
        return missing()
    return '' if interpreted() else 'it runs on cuda tensors, got cpu (tests set TRITON_INTERPRET=1)'


def reluctance(call: Call) -> str:
    """Returns why `auto` passes Triton kernels over where they could serve, or an empty string."""
    return "Triton's interpreter is for tests and serves by name only" if call.device_type == 'cpu' else ''


def describe() -> str:
    """Says what runs: `explain` quotes it."""
    if interpreted():
        return "Triton kernels in Triton's interpreter"
    return 'Triton kernels, compiled for the device at their first use'


@torch.compiler.assume_constant_result
def missing() -> str:
    """Returns why no device can run Triton kernels here, or an empty string; a constant to torch.compile."""
    if not installed():
        return 'Triton is not installed'
    if interpreted():
        return 'TRITON_INTERPRET is set, which keeps Triton kernels on the CPU'
    return '' if torch.cuda.is_available() else 'torch finds no CUDA or ROCm device here'


@torch.compiler.assume_constant_result
def interpreted() -> bool:
    """Returns whether this process runs Triton kernels in Triton's interpreter; a constant to torch.compile."""
    return os.environ.get('TRITON_INTERPRET', '0') == '1' and installed()


@functools.cache
def installed() -> bool:
    return importlib.util.find_spec('triton') is not None
