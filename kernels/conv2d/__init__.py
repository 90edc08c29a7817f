"""Convolutions of images: equations in README.md, the truth in reference.py."""

from .explain import Convolution, explain_conv2d
from .op import conv2d

__all__ = ['Convolution', 'conv2d', 'explain_conv2d']
