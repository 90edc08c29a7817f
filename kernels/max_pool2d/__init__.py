"""Largest numbers of windows of images: what is computed in README.md, the truth in reference.py."""

from .explain import Pooling, explain_max_pool2d
from .op import max_pool2d

__all__ = ['Pooling', 'explain_max_pool2d', 'max_pool2d']
