/** Counters of one worker, for the share of time that the bridge costs: its times are those of all lanes but `act`. */

export class Statistics {
  calls = 0;
  bytesOut = 0;
  bytesIn = 0;
  /** Seconds that the worker itself spent on requests. */
  workerSeconds = 0;
  #waited = 0;
  #since: number | null = null;

  /** Seconds in which at least one call waited for its answer. */
  get waitSeconds(): number {
    return this.#waited + (this.#since === null ? 0 : (performance.now() - this.#since) / 1000);
  }

  /** Seconds in which a call waited and the worker was not at work: encoding, sockets, wake-ups. */
  get bridgeSeconds(): number {
    return Math.max(0, this.waitSeconds - this.workerSeconds);
  }

  waitBegins(): void {
    this.#since = performance.now();
  }

  waitEnds(): void {
    this.#waited = this.waitSeconds;
    this.#since = null;
  }
}
