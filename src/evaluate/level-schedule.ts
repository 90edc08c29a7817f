/** Which slot plays which level next, so that every level of every game is played once and no slot waits long. */
import type { Episode } from '../../bridge/protocol/messages.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';

/** What `queue_levels` takes for one slot. */
export interface LevelOrder {
  readonly slot: number;
  readonly levels: number[];
  readonly restart: boolean;
}

interface Slot {
  readonly index: number;
  readonly game: string;
  running: number | null;
  /** Queued behind the running level, so that a short episode does not leave the slot idle. */
  next: number | null;
  /** Env steps since the running level began, at most. */
  steps: number;
}

/**
 * Levels are handed out as slots come free, and taken back from a slot that has not begun one when another is idle. What
 * a level returns does not depend on its slot or on what was played before, so neither does any result.
 */
export class LevelSchedule {
  readonly rows: Episode[] = [];
  readonly #slots: readonly Slot[];
  readonly #waiting: Map<string, number[]>;
  readonly #maxSteps: number;
  readonly #count: number;

  /**
   * @param games of each slot
   * @param levels in the order in which every game plays them
   * @param maxSteps after which an episode counts as endless
   */
  constructor(games: readonly string[], levels: readonly number[], maxSteps: number) {
    this.#slots = games.map((game, index) => ({ index, game, running: null, next: null, steps: 0 }));
    this.#waiting = new Map([...new Set(games)].map((game) => [game, [...levels]]));
    this.#count = this.#waiting.size * levels.length;
    this.#maxSteps = maxSteps;
  }

  get done(): boolean {
    return this.rows.length === this.#count;
  }

  /** What to queue before the next unroll. */
  orders(): LevelOrder[] {
    const began = new Set<Slot>();
    const changed = new Set<Slot>();
    for (const slot of this.#slots.filter(({ running }) => running === null)) {
      const level = this.#waiting.get(slot.game)?.shift() ?? this.#takeBack(slot.game, changed);
      if (level === null) continue;
      Object.assign(slot, { running: level, steps: 0 });
      began.add(slot);
    }
    for (const slot of this.#slots.filter(({ running, next }) => running !== null && next === null)) {
      const level = this.#waiting.get(slot.game)?.shift();
      if (level === undefined) continue;
      slot.next = level;
      changed.add(slot);
    }
    return [...new Set([...began, ...changed])].map((slot) => ({
      slot: slot.index,
      levels: [began.has(slot) ? slot.running : null, slot.next].filter((level) => level !== null),
      restart: began.has(slot),
    }));
  }

  /** A slot whose environment failed begins its level again. */
  failed(index: number): void {
    const slot = this.#slots[index];
    if (slot !== undefined) slot.steps = 0;
  }

  /** Takes what an unroll of `steps` env steps finished. */
  take(episodes: readonly Episode[], steps: number): void {
    for (const slot of this.#slots) slot.steps += steps;
    for (const episode of episodes) {
      const slot = this.#slots[episode.slot];
      if (!episode.queued || slot === undefined) continue;
      if (episode.level !== slot.running) {
        throw new Error(`internal: slot ${slot.index} played level ${episode.level}, not ${slot.running}`);
      }
      this.rows.push(episode);
      Object.assign(slot, { running: slot.next, next: null, steps });
    }
    const endless = this.#slots.find(
      ({ running, steps: taken }) => running !== null && taken > this.#maxSteps,
    );
    if (endless === undefined) return;
    throw new SrwmError(
      'RUN_EVALUATION',
      `evaluate: every episode must end within ${this.#maxSteps} steps (evaluation.maxEpisodeSteps), but level ${endless.running} of ${endless.game} did not.`,
    );
  }

  /** A level that a slot of the game has queued and not begun. */
  #takeBack(game: string, changed: Set<Slot>): number | null {
    const former = this.#slots.find((slot) => slot.game === game && slot.next !== null);
    if (former === undefined) return null;
    const level = former.next;
    former.next = null;
    changed.add(former);
    return level;
  }
}
