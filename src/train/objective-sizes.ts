/** What the graph of a loss is traced for. */
export interface ObjectiveSizes {
  /** Columns to choose from: the slots of an unroll, behind those that may be left over from former ones. */
  readonly numEnvs: number;
  readonly batchSize: number;
  readonly unrollLength: number;
  /** Steps at the start of the unroll that only warm the core state up. */
  readonly burnIn: number;
  /** The task of each of those columns; needed where values have units of their own (PopArt). */
  readonly tasks?: readonly number[];
}
