/** What the table of error codes says of each. */
export interface ErrorCodeEntry {
  readonly meaning: string;
  readonly remedy: string;
}
