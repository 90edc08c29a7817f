/** The wire form of a traced graph: what `src/graph` produces and the worker's engine builds. */
import { z } from 'zod';

export const dtypeSchema = z
  .enum(['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8', 'bool', 'key'])
  .meta({
    id: 'Dtype',
    description: 'Element type. `key` is a random key: an unsigned 64-bit integer, no tensor.',
  });
/** Element type of a tensor; `key` is a random key. */
export type Dtype = z.infer<typeof dtypeSchema>;

const dimension = z.int().min(0);

export const valueSpecSchema = z
  .strictObject({ shape: z.array(dimension), dtype: dtypeSchema })
  .meta({ id: 'ValueSpec', description: 'Shape and dtype of one value of a graph.' });
export type ValueSpec = z.infer<typeof valueSpecSchema>;

export const namedValueSchema = z
  .strictObject({ name: z.string(), shape: z.array(dimension), dtype: dtypeSchema })
  .meta({ id: 'NamedValue', description: 'A named input or parameter of a graph.' });
export type NamedValue = z.infer<typeof namedValueSchema>;

export const attributeSchema = z.union([
  z.boolean(),
  z.number(),
  z.string(),
  z.null(),
  z.array(z.number()),
  z.array(z.string()),
]);
export type Attribute = z.infer<typeof attributeSchema>;

/**
 * One node. Values are numbered: inputs first, then parameters, then every node's results in order.
 * `body` is set for `scan` only; its inputs are [carries, slices of xs, constants, parameters] in that order.
 */
export interface NodeSpec {
  op: string;
  inputs: number[];
  attrs: Record<string, Attribute>;
  results: ValueSpec[];
  loc: number;
  scope: string;
  body: GraphSpec | null;
}
export interface GraphOutput {
  name: string;
  value: number;
}
export interface GraphSpec {
  version: 1;
  name: string;
  inputs: NamedValue[];
  parameters: NamedValue[];
  nodes: NodeSpec[];
  outputs: GraphOutput[];
  /** `file:line:column` of the author's code, indexed by `NodeSpec.loc`. Not part of the graph's hash. */
  locs: string[];
}

/** A schema without its methods: comparing those takes the type checker more than a second. */
type Schema<T> = z.core.$ZodType<T>;

export const graphOutputSchema: Schema<GraphOutput> = z
  .strictObject({ name: z.string(), value: z.int().min(0) })
  .meta({ id: 'GraphOutput', description: 'A named result of a graph: the number of a value.' });

export const nodeSpecSchema: Schema<NodeSpec> = z
  .strictObject({
    op: z.string(),
    inputs: z.array(z.int().min(0)),
    attrs: z.record(z.string(), attributeSchema),
    results: z.array(valueSpecSchema),
    loc: z.int().min(0),
    scope: z.string(),
    get body(): Schema<GraphSpec | null> {
      return z.nullable<Schema<GraphSpec>>(graphSpecSchema);
    },
  })
  .meta({
    id: 'NodeSpec',
    description: 'One operation: op name, value numbers, static attributes, result specs.',
  });

export const graphSpecSchema: Schema<GraphSpec> = z
  .strictObject({
    version: z.literal(1),
    name: z.string(),
    inputs: z.array(namedValueSchema),
    parameters: z.array(namedValueSchema),
    nodes: z.array(nodeSpecSchema),
    outputs: z.array(graphOutputSchema),
    locs: z.array(z.string()),
  })
  .meta({ id: 'GraphSpec', description: 'A traced program with concrete shapes.' });
