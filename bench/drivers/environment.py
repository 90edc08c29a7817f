"""`python -m drivers.environment`: the ProcGen pool and bare processes on the same slots and actions, in turns."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from drivers.serve import serve
from srwm import envs
from srwm.envs.procgen.options import parse_spec
from srwm.worker.engine.time_steps import TimeSteps

ROWS = 51
_SEED = 7


class Bench:
    """A pool, and as many bare processes as it has hosts, each with its even share of the slots."""

    def open(self, *, spec: Mapping[str, Any], kept: bool) -> dict[str, Any]:
        """Opens both; the bare processes take over the pool's states. `kept`: every observation stays in an unroll."""
        self._pool = envs.open_pool(spec)
        self._draw = np.random.default_rng(_SEED)
        self._steps = TimeSteps(self._pool, ROWS, torch.device('cpu'), one_row=not kept)
        share = -(-self._pool.num_envs // spec['num_hosts'])
        self._shares = [
            (at, min(at + share, self._pool.num_envs)) for at in range(0, self._pool.num_envs, share)
        ]
        with tempfile.TemporaryDirectory() as folder:
            state = self._pool.get_state()
            states = Path(folder) / 'states'
            states.write_bytes(state['native'].tobytes())
            self._bare = [
                self._start(Path(folder) / f'{i}.json', spec, slots, states, state['native_offset'])
                for i, slots in enumerate(self._shares)
            ]
            for process in self._bare:
                if process.stdout.readline().strip() != 'ready':
                    raise RuntimeError('a bare process ended before it was ready')
        return {'threads': torch.get_num_threads()}

    def _start(
        self, config: Path, spec: Mapping[str, Any], slots: tuple[int, int], states: Path, offsets: np.ndarray
    ):
        options = parse_spec(spec).native_options(self._pool.games[0])
        config.write_text(
            json.dumps(
                {
                    'library': spec['library'],
                    'games': self._pool.games,
                    'options': options,
                    'slots': slots,
                    'states': str(states),
                    'offsets': offsets.tolist(),
                    'seed': _SEED,
                }
            )
        )
        return subprocess.Popen(
            [sys.executable, '-m', 'rivals.procgen_host', str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def pair(self, *, steps: int, ours_first: bool) -> dict[str, float]:
        """Env steps a second of each; raises where the two did not play the same levels."""
        sides = {'ours': self._step_pool, 'rival': self._step_bare}
        order = ('ours', 'rival') if ours_first else ('rival', 'ours')
        made = {name: sides[name](steps) for name in order}
        if made['ours'][1] != made['rival'][1]:
            raise RuntimeError('the pool and the bare processes must play the same levels, but they differ')
        return {name: rate for name, (rate, _) in made.items()}

    def _step_pool(self, steps: int) -> tuple[float, list[int]]:
        pool = self._pool
        actions = self._draw.integers(0, pool.num_actions, (steps, pool.num_envs), dtype=np.int32).astype(
            np.int64
        )
        groups = [slice(slots.start, slots.stop) for slots in map(pool.slots, range(pool.num_groups))]
        # As a network gives them: an array for each group and step.
        by_group = [list(actions[:, rows]) for rows in groups]
        seconds = [0.0] * len(groups)
        done = [0] * len(groups)
        started = time.perf_counter()
        for group in range(len(groups)):
            pool.send(group, by_group[group][0], self._steps.row_to_write(1))
        for _ in range(steps * len(groups)):
            group = pool.wait()
            rows = groups[group]
            done[group] = t = done[group] + 1
            # What collecting does with a time step: from here on it belongs to the network.
            self._steps.take(t % ROWS, pool.receive(group), rows, written=True)
            if t < steps:
                pool.send(group, by_group[group][t], self._steps.row_to_write((t + 1) % ROWS))
            else:
                seconds[group] = time.perf_counter() - started
        # The sum of each group's own rate, as of the bare processes: nobody waits for the slowest.
        rate = sum(steps * (rows.stop - rows.start) / end for rows, end in zip(groups, seconds, strict=True))
        pool.episodes()
        levels = pool.levels().astype(np.int32)
        return rate, [zlib.crc32(levels[a:b].tobytes()) for a, b in self._shares]

    def _step_bare(self, steps: int) -> tuple[float, list[int]]:
        for process in self._bare:
            process.stdin.write(f'{steps}\n')
            process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for process in self._bare]
        # The sum of each one's own rate: nobody waits for the slowest.
        rate = sum(
            steps * (end - first) / answer['seconds']
            for (first, end), answer in zip(self._shares, answers, strict=True)
        )
        return rate, [answer['levels'] for answer in answers]

    def close(self) -> None:
        """Ends everything that `open` started."""
        self._pool.close()
        for process in self._bare:
            process.stdin.close()
            process.wait()


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'pair': bench.pair, 'close': bench.close})
