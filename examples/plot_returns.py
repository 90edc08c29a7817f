"""A colleague's plot: mean return over env steps, with its 95 % interval. Knows nothing of TypeScript."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt


def curve(
    steps: list[int], mean: list[float], low: list[float], high: list[float], *, title: str, file: str
) -> dict:
    """Draws the curve into `file` and returns its size on disk and where the mean ends."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout='constrained')
    axes.fill_between(steps, low, high, alpha=0.25, linewidth=0, label='95 % interval')
    axes.plot(steps, mean, label='last 200 episodes')
    axes.set(title=title, xlabel='env steps', ylabel='return')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, loc='lower right')
    figure.savefig(file, dpi=150)
    plt.close(figure)
    return {'bytes': Path(file).stat().st_size, 'final': mean[-1]}
