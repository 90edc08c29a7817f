"""Convolutions of images: equations in README.md, the truth in reference.py."""

from .explain import Convolution, describe_conv2d, explain_conv2d, pools_at_once
from .op import conv2d

__all__ = ['Convolution', 'conv2d', 'describe_conv2d', 'explain_conv2d', 'pools_at_once']
