/** One assignment and who made it. */
export interface Assignment {
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
}
