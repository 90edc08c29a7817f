"""`python -m srwm.envs.gymnasium.host COMMANDS REPLIES CONTROL MEMORY PARENT NUMBER`: environments of some slots.

COMMANDS and REPLIES are pipes of lines, CONTROL and MEMORY the files of `memory`; PARENT is the pid to die with, or 0.
The first command is the plan. Every command is answered by one line: a group's number, as soon as its step is done, or
a JSON object with `faults`.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..processes import die_with_parent
from .factory import factory_of
from .memory import CONTROL_FIELDS, IDLE, map_file, slot_fields
from .misbehaviour import Misbehaviour, describe
from .options import GymnasiumSpec
from .slot import Slot


class Host:
    """Answers commands; a fault of one environment is part of an answer, its death is the host's."""

    def __init__(self, plan: dict[str, Any], control: int, memory: int, number: int) -> None:
        self._spec = GymnasiumSpec(**plan['spec'])
        self._memory = memory
        busy = map_file(control, CONTROL_FIELDS, plan['spec']['num_hosts'])
        self._progress = busy['progress'][number : number + 1]
        self._slot = busy['slot'][number : number + 1]
        self._phase = busy['phase'][number : number + 1]
        self._groups = [range(*bounds) for bounds in plan['groups']]
        self._slots: dict[int, Slot] = {}

    def _watch(self, slot: int, phase: int) -> None:
        self._slot[0] = slot
        self._phase[0] = phase
        self._progress[0] += 1

    def open(self) -> dict[str, Any]:
        """Makes every environment; says their spaces, or what is wrong."""
        try:
            factory = factory_of(self._spec.env)
            for group in self._groups:
                for index in group:
                    self._slots[index] = Slot(index, self._spec, factory, self._watch)
            kinds = [slot.spaces for slot in self._slots.values()]
            for kind in kinds:
                if kind != kinds[0]:
                    raise Misbehaviour(
                        'ENV_SPACE', f'all its spaces must be equal, got {kind} and {kinds[0]}'
                    )
        except (Exception, SystemExit) as error:  # noqa: BLE001
            said = describe(error, 'making it')
            return {'refused': [said.code, said.requirement]}
        self._phase[0] = IDLE
        return {'spaces': kinds[0].as_json()}

    def map(self, shape: list[int], dtype: str) -> None:
        """Maps the memory, once the pool knows how large it is."""
        arrays = map_file(self._memory, slot_fields(tuple(shape), dtype), self._spec.num_envs)
        for slot in self._slots.values():
            slot.use(arrays)

    def step_group(self, number: int) -> list[dict[str, Any]]:
        """Steps the host's slots of a group."""
        return self._each(self._groups[number], lambda index: self._slots[index].step())

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """What a command other than a group's number comes to."""
        match command['op']:
            case 'map':
                self.map(command['shape'], command['dtype'])
                return {'faults': []}
            case 'place':
                places = {place['slot']: place for place in command['places']}
                return {'faults': self._each(places, lambda index: self._place(places[index]))}
            case 'step':
                return {'faults': self._each(command['slots'], lambda index: self._slots[index].step())}
            case op:
                raise ValueError(f'no such command: {op}')

    def _place(self, place: dict[str, Any]) -> None:
        slot = self._slots[place['slot']]
        if place['fresh']:
            slot.make()
        slot.place(
            place['episode'],
            place['level'],
            place['actions'],
            queued=place['queued'],
            verify=place['verify'],
        )

    def _each(self, slots: Iterable[int], do: Callable[[int], None]) -> list[dict[str, Any]]:
        faults: list[dict[str, Any]] = []
        for index in slots:
            try:
                do(index)
            except (Exception, SystemExit) as error:  # noqa: BLE001
                said = describe(error, _CALLS[int(self._phase[0])])
                fault = {'slot': index, 'code': said.code, 'said': said.requirement}
                faults.append({**fault, 'phase': int(self._phase[0])})
        self._phase[0] = IDLE
        return faults


_CALLS = ('waiting', 'making it', 'reset', 'step', 'coming back to an episode')


def main() -> None:
    """Runs until the pool closes its end of the pipe or dies."""
    commands, replies, control, memory, parent, number = map(int, sys.argv[1:])
    if parent:
        die_with_parent(parent)
    faulthandler.enable()
    with open(commands, 'rb') as lines:
        host = Host(json.loads(lines.readline()), control, memory, number)
        os.write(replies, json.dumps(host.open()).encode() + b'\n')
        for line in lines:
            if line[:1] != b'{':
                faults = host.step_group(int(line))
                reply = line if not faults else json.dumps({'faults': faults}).encode() + b'\n'
            else:
                reply = json.dumps(host.answer(json.loads(line))).encode() + b'\n'
            os.write(replies, reply)


if __name__ == '__main__':
    main()
