"""Brings every slot to where it belongs, whatever its environment or its host does."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ..pool import Progress
from .faults import Faults
from .history import History
from .hosts import Hosts, Loss
from .memory import RESETTING, map_file, slot_fields, unnamed_file
from .options import GymnasiumSpec


class Slots:
    """Opens, steps and restores slots, and replaces what fails.

    A fault costs its slot the running episode. A lost host costs that only to the slot that it was busy with: the
    others are led back to where they were, by their seeds and actions.
    """

    def __init__(self, spec: GymnasiumSpec, on_progress: Progress) -> None:
        """Returns once every slot stands at its first episode.

        Raises `EnvError`: ENV_IMPORT, ENV_SPACE, or the code of a fault that comes again and again.
        """
        self._spec = spec
        self._file = unnamed_file('gymnasium-pool')
        self.history = History(spec.num_envs)
        self.faults = Faults(spec.env, spec.num_envs, spec.max_faults)
        self.spaces: dict[str, Any] | None = None
        self.arrays: dict[str, np.ndarray] = {}
        """The fields of `slot_fields`, [num_envs, ...] each."""
        self._sent = np.zeros(spec.num_envs, np.int64)
        self._in_flight: set[int] = set()
        """Groups that were sent and not received."""
        self._owed: dict[int, set[int]] = {group: set() for group in range(spec.num_groups)}
        """By group: hosts that have not stepped it."""
        self._broken = dict.fromkeys(range(spec.num_envs), False)
        """Slots that need a new episode; True where they need a new environment, too."""
        self._cut: set[int] = set()
        """Slots in flight whose step no environment has answered."""
        self._forgotten: set[int] = set()
        self._unsettled = set(range(spec.num_hosts))
        """Hosts with slots that are not where they belong."""
        self._hosts = Hosts(spec, self._file, self._answered, on_progress)
        try:
            self._until(lambda: not self._unsettled)
        except BaseException:
            self.close()
            raise

    @property
    def host_pids(self) -> list[int]:
        """The process of each host."""
        return self._hosts.pids

    def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            loss = self._hosts.hear()
            if loss is not None:
                self._replace(loss)

    def send(self, group: int, slots: range) -> None:
        """Starts a step by the actions in shared memory."""
        self._sent[slots.start : slots.stop] += 1
        self._in_flight.add(group)
        for number, share in enumerate(self._hosts.shares):
            if share[group]:
                self._owed[group].add(number)
                self._hosts.ask(number, b'%d\n' % group, group)

    def first_to_answer(self, groups: Collection[int]) -> int:
        """Waits until the step of some group is done."""
        self._until(lambda: any(not self._owed[group] for group in groups))
        return next(group for group in groups if not self._owed[group])

    def receive(self, group: int, slots: range) -> set[int]:
        """Waits for a step; returns the slots that have no answer to it: their episode does not count."""
        self._until(lambda: not self._owed[group])
        self._in_flight.discard(group)
        rows = slice(slots.start, slots.stop)
        ended = self.arrays['is_first'][rows]
        self.history.add(slots, self.arrays['action'][rows], ended)
        if not ended.any():
            return set()
        cut = self._cut.intersection(slots)
        self._cut -= cut
        for slot in (np.flatnonzero(ended) + slots.start).tolist():
            if slot not in cut and slot not in self._broken:
                self.faults.ended(slot)
        return cut

    def restore(self) -> None:
        """Leads every slot back to what `arrays` and `history` say; no group may be in flight."""
        self._sent[:] = self.arrays['steps']
        for number in range(self._spec.num_hosts):
            self._unsettled.add(number)
            self._lead_back(number)
        self._until(lambda: not self._unsettled)

    def begin(self, slots: Collection[int]) -> None:
        """Gives up the running episodes of slots and begins the next; no group may be in flight."""
        for slot in slots:
            self._start_anew(slot)
            self.arrays['queued'][slot] = False
            self._broken.setdefault(slot, False)
        for number in range(self._spec.num_hosts):
            if not self._broken.keys().isdisjoint(self._hosts.slots_of(number)):
                self._unsettled.add(number)
                self._settle(number)
        self._until(lambda: not self._unsettled)

    def take_forgotten(self) -> set[int]:
        """Slots that had to begin a new episode between two steps, since the last call."""
        forgotten, self._forgotten = self._forgotten, set()
        return forgotten

    def close(self) -> None:
        """Ends the hosts."""
        self._hosts.close()
        os.close(self._file)

    def _answered(self, number: int, what: Any, answer: dict[str, Any]) -> None:
        if what == 'open':
            self._opened(number, answer)
            return
        faults = answer.get('faults', ())
        for fault in faults:
            self._fault(fault['slot'], fault['code'], fault['said'], fault['phase'])
        if isinstance(what, tuple):
            failed = {fault['slot'] for fault in faults}
            for slot in what:
                if slot not in failed:
                    del self._broken[slot]
        if isinstance(what, int) and not faults and number not in self._unsettled:
            self._owed[what].discard(number)
            return
        self._unsettled.add(number)
        if not self._hosts.owes(number):
            self._settle(number)

    def _opened(self, number: int, answer: dict[str, Any]) -> None:
        if 'refused' in answer:
            raise self.faults.error(*answer['refused'])
        spaces = answer['spaces']
        shape, dtype = spaces['observation_shape'], spaces['observation_dtype']
        if self.spaces is None:
            self.spaces = spaces
            self.arrays = map_file(self._file, slot_fields(tuple(shape), dtype), self._spec.num_envs)
            self.arrays['episode'][:] = self.arrays['next_level'][:] = -1
            self.arrays['is_first'][:] = True
        elif spaces != self.spaces:
            raise self.faults.error(
                'ENV_SPACE', f'all its spaces must be equal, got {spaces} and {self.spaces}'
            )
        self._hosts.ask(number, {'op': 'map', 'shape': shape, 'dtype': dtype}, 'map')
        self._lead_back(number)

    def _lead_back(self, number: int) -> None:
        slots = [slot for slot in self._hosts.slots_of(number) if slot not in self._broken]
        places = [self._place_of(slot) for slot in slots]
        self._hosts.ask(number, {'op': 'place', 'places': places}, 'place')

    def _place_of(self, slot: int) -> dict[str, Any]:
        """Where a slot was: behind the last step that was done, be it received or not."""
        actions = self.history.of(slot)
        if self._flies(slot) and self._is_done(slot):
            ended = bool(self.arrays['is_first'][slot])
            actions = [] if ended else [*actions, int(self.arrays['action'][slot])]
        what = {name: self.arrays[name][slot].item() for name in ('episode', 'level', 'queued')}
        return {'slot': slot, **what, 'actions': actions, 'verify': True, 'fresh': False}

    def _flies(self, slot: int) -> bool:
        return slot // (self._spec.num_envs // self._spec.num_groups) in self._in_flight

    def _is_done(self, slot: int) -> bool:
        return bool(self.arrays['steps'][slot] == self._sent[slot])

    def _settle(self, number: int) -> None:
        """Asks an idle host for the next thing that is missing, or finds that nothing is."""
        slots = self._hosts.slots_of(number)
        broken = [slot for slot in slots if slot in self._broken]
        behind = [slot for slot in slots if not self._is_done(slot)]
        if broken:
            places = [self._new_episode(slot) for slot in broken]
            self._hosts.ask(number, {'op': 'place', 'places': places}, tuple(broken))
        elif behind:
            self._hosts.ask(number, {'op': 'step', 'slots': behind}, 'step')
        else:
            self._unsettled.discard(number)
            for owed in self._owed.values():
                owed.discard(number)

    def _new_episode(self, slot: int) -> dict[str, Any]:
        self.arrays['episode'][slot] += 1
        self.arrays['steps'][slot] = self._sent[slot]
        episode = int(self.arrays['episode'][slot])
        # A queued level that a fault cut short is begun again: whoever queued it waits for its record.
        wanted = self.arrays['level' if self.arrays['queued'][slot] else 'next_level'][slot]
        level, queued = self._spec.next_level(slot, episode, int(wanted))
        what = {'slot': slot, 'episode': episode, 'level': level, 'queued': queued}
        return {**what, 'actions': [], 'verify': False, 'fresh': self._broken[slot]}

    def _fault(self, slot: int, code: str, said: str, phase: int) -> None:
        self.faults.add(slot, int(self.arrays['episode'][slot]), code, said)
        was_broken = slot in self._broken
        self._broken[slot] = True
        if was_broken:
            return
        if not self._flies(slot):
            self._forget(slot)
        elif phase != RESETTING:
            self._cut_short(slot)
        else:
            # The episode ended well; what failed is the start of the next.
            self.arrays['queued'][slot] = False

    def _cut_short(self, slot: int) -> None:
        """The step has no answer: the episode ends where it was, as if a limit had cut it."""
        self.arrays['final_observation'][slot] = self.arrays['observation'][slot]
        self.arrays['reward'][slot] = 0
        self.arrays['is_first'][slot] = self.arrays['is_truncated'][slot] = True
        self.arrays['completed'][slot] = False
        self._cut.add(slot)

    def _forget(self, slot: int) -> None:
        """The slot cannot go on from where it stood between two steps: it stands at a new episode instead."""
        self._start_anew(slot)
        self._forgotten.add(slot)

    def _start_anew(self, slot: int) -> None:
        self.arrays['reward'][slot] = 0
        self.arrays['is_first'][slot] = True
        self.arrays['is_truncated'][slot] = False
        self.history.clear(slot)

    def _replace(self, loss: Loss) -> None:
        """A new host for one that was lost."""
        if self.spaces is None:
            raise self.faults.error('ENV_IMPORT', loss.how)
        slot = self._hosts.slots_of(loss.number)[0] if loss.slot is None else loss.slot
        self._fault(slot, loss.code, loss.how, loss.phase)
        self._unsettled.add(loss.number)
        self._hosts.start(loss.number)
