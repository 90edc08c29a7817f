"""Intervals and tests by resampling: reads one JSON request from stdin, writes one JSON answer to stdout.

Resampling itself is scipy's; here are only the statistics. Numbers of resamples, seeds and levels of confidence come
with the request. Every list of lists is by game: resampling is stratified, each game's values among themselves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

Samples = tuple[np.ndarray, ...]
_BATCH_ELEMENTS = 4_000_000
TRIMMED = 0.25
"""Of each end: what is left is the interquartile mean."""


def aggregates(*samples: np.ndarray, pooled: bool, axis: int = -1) -> tuple[np.ndarray, ...]:
    """Mean, median, interquartile mean and optimality gap (Agarwal et al. 2021) of scores by game.

    With `pooled` a game's values are scores of several runs; otherwise they are one agent's levels, whose mean is the
    game's only score.
    """
    means = np.stack([sample.mean(axis=axis) for sample in samples], axis=-1)
    scores = np.concatenate([np.moveaxis(s, axis, -1) for s in samples], axis=-1) if pooled else means
    return (
        means.mean(-1),
        np.median(means, -1),
        stats.trim_mean(scores, TRIMMED, axis=-1),
        1.0 - np.minimum(scores, 1.0).mean(-1),
    )


def mean_of_means(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean over games of each game's mean."""
    return np.stack([sample.mean(axis=axis) for sample in samples], axis=-1).mean(-1)


def difference_of_means(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Of the first half of the samples and the second."""
    half = len(samples) // 2
    return mean_of_means(*samples[:half], axis=axis) - mean_of_means(*samples[half:], axis=axis)


def improvement(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """P(X > Y) of runs X of the first half and Y of the second, ties count half; the mean over games."""
    half = len(samples) // 2
    shares = []
    for x, y in zip(samples[:half], samples[half:], strict=True):
        u = stats.mannwhitneyu(x, y, axis=axis, method='asymptotic').statistic
        shares.append(u / (x.shape[axis] * y.shape[axis]))
    return np.stack(shares, axis=-1).mean(-1)


def profile(*samples: np.ndarray, thresholds: np.ndarray, axis: int = -1) -> tuple[np.ndarray, ...]:
    """Share of scores above each threshold; the mean over games."""
    return tuple(mean_of_means(*[sample > tau for sample in samples], axis=axis) for tau in thresholds)


class Resampler:
    """Scipy's resampling with one request's settings."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._resamples = settings['resamples']
        self._confidence = settings['confidence']
        self._seed = settings['seed']

    def bootstrap(self, samples: Samples, statistic: Callable[..., Any]) -> dict[str, Any]:
        """Value and percentile interval of each number that the statistic gives."""
        result = stats.bootstrap(
            samples,
            statistic,
            n_resamples=self._resamples,
            batch=max(1, _BATCH_ELEMENTS // sum(map(len, samples))),
            vectorized=True,
            axis=-1,
            confidence_level=self._confidence,
            method='percentile',
            rng=np.random.default_rng(self._seed),
        )
        values = np.atleast_1d(np.asarray(statistic(*samples, axis=-1), np.float64))
        low = np.atleast_1d(result.confidence_interval.low)
        high = np.atleast_1d(result.confidence_interval.high)
        return {'value': values.tolist(), 'low': low.tolist(), 'high': high.tolist()}

    def signs(self, differences: np.ndarray) -> float:
        """p of paired differences whose signs are exchangeable if there is none; exact where they are few."""
        return self._permutations((differences,), lambda d, axis: d.mean(axis=axis), 'samples')

    def labels(self, a: np.ndarray, b: np.ndarray) -> float:
        """p of two lists of runs whose labels are exchangeable if there is no difference; exact where they are few."""
        return self._permutations(
            (a, b), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), 'independent'
        )

    def _permutations(self, samples: Samples, statistic: Callable[..., Any], kind: Any) -> float:
        result = stats.permutation_test(
            samples,
            statistic,
            permutation_type=kind,
            vectorized=True,
            n_resamples=self._resamples,
            batch=max(1, _BATCH_ELEMENTS // sum(map(len, samples))),
            axis=-1,
            rng=np.random.default_rng(self._seed),
        )
        return float(result.pvalue)


def answer(job: dict[str, Any], resampler: Resampler) -> dict[str, Any]:
    """One job's numbers."""
    a: Samples = tuple(np.asarray(values, np.float64) for values in job['a'])
    b: Samples = tuple(np.asarray(values, np.float64) for values in job.get('b', ()))
    match job['kind']:
        case 'aggregates':
            return resampler.bootstrap(a, lambda *s, axis=-1: aggregates(*s, pooled=job['pooled'], axis=axis))
        case 'profile':
            thresholds = np.asarray(job['thresholds'])
            return resampler.bootstrap(a, lambda *s, axis=-1: profile(*s, thresholds=thresholds, axis=axis))
        case 'mean':
            return resampler.bootstrap(a, mean_of_means)
        case 'paired':
            if list(map(len, a)) != list(map(len, b)):
                raise ValueError('paired values must be equally many on both sides')
            differences = tuple(x - y for x, y in zip(a, b, strict=True))
            # Each game counts the same, however many levels it has.
            count = sum(map(len, differences))
            weighted = [d * (count / (len(differences) * len(d))) for d in differences]
            p = resampler.signs(np.concatenate(weighted))
            return {**resampler.bootstrap(differences, mean_of_means), 'p': p}
        case 'independent':
            return resampler.bootstrap((*a, *b), difference_of_means)
        case 'runs':
            p = resampler.labels(np.stack(a).mean(0), np.stack(b).mean(0))
            return {
                **resampler.bootstrap((*a, *b), difference_of_means),
                'p': p,
                'improvement': resampler.bootstrap((*a, *b), improvement),
            }
        case kind:
            raise ValueError(f'no job of kind {kind!r}')


def main() -> None:
    """Answers the request on stdin."""
    request = json.load(sys.stdin)
    resampler = Resampler(request['settings'])
    json.dump([answer(job, resampler) for job in request['jobs']], sys.stdout, allow_nan=False)


if __name__ == '__main__':
    main()
