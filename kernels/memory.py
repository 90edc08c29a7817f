"""Where tensors lie in memory: what an op that writes in place must know."""

from __future__ import annotations

from torch import Tensor


def is_apart(tensor: Tensor, dense: int) -> bool:
    """Returns whether the last `dense` dimensions are dense and no two of the blocks they form share memory."""
    if tensor.numel() == 0:
        return True
    block = 1
    for size, stride in reversed(list(zip(tensor.shape, tensor.stride(), strict=True))[-dense:]):
        if size != 1 and stride != block:
            return False
        block *= size
    for stride, size in sorted(zip(tensor.stride()[:-dense], tensor.shape[:-dense], strict=True)):
        if size != 1:
            if stride < block:
                return False
            block = stride * size
    return True


def overlap(a: Tensor, b: Tensor) -> bool:
    """Returns whether the memory from first to last element of one meets that of the other."""
    if a.numel() == 0 or b.numel() == 0 or a.device != b.device or a.device.type == 'meta':
        return False
    (a_from, a_to), (b_from, b_to) = span(a), span(b)
    return a_from < b_to and b_from < a_to


def span(tensor: Tensor) -> tuple[int, int]:
    """Returns the address of the first element, and the one past the last."""
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    start = tensor.data_ptr()
    return start, start + (reach + 1) * tensor.element_size()
