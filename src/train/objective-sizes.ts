/** What the graph of a loss is traced for. */
export interface ObjectiveSizes {
  readonly numEnvs: number;
  readonly batchSize: number;
  readonly unrollLength: number;
  /** Steps at the start of the unroll that only warm the core state up. */
  readonly burnIn: number;
  /** The task of each slot; needed where values have units of their own (PopArt). */
  readonly tasks?: readonly number[];
}
