/** One thing that is wrong with a configuration; all are collected before any is reported. */
export interface Fault {
  readonly code: 'CONFIG_INVALID' | 'CONFIG_UNKNOWN_KEY';
  readonly text: string;
}
