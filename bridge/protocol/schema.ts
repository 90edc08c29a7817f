/** The whole protocol as one JSON Schema, from the zod schemas. Source of the Python types and of the reference page. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { controlSchemas } from './control.ts';
import { envelopeSchemas } from './envelope.ts';
import { kinds, PROTOCOL_MAJOR } from './frames.ts';
import { verbs } from './messages.ts';

/** The part of JSON Schema that flat zod schemas turn into. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly const?: string | number;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  /** Properties that every value has; the others may be left out. */
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly description?: string;
}

export interface ProtocolSchema {
  readonly major: number;
  readonly kinds: Readonly<Record<string, number>>;
  /** Message kind to the name of its definition. */
  readonly messages: Readonly<Record<string, string>>;
  /** Verb to the names of the definitions of its request and reply. */
  readonly verbs: Readonly<Record<string, { readonly request: string; readonly reply: string }>>;
  readonly $defs: Readonly<Record<string, JsonSchema>>;
}

/** Builds the schema. Throws when a message or a verb's body has no `meta({ id })`. */
export function protocolSchema(): ProtocolSchema {
  const roots: Record<string, z.core.$ZodType> = {};
  for (const [kind, schema] of Object.entries({ ...controlSchemas, ...envelopeSchemas }))
    roots[kind] = schema;
  for (const [verb, { request, reply }] of Object.entries(verbs)) {
    roots[`${verb}.request`] = request;
    roots[`${verb}.reply`] = reply;
  }
  const whole = z.toJSONSchema(z.strictObject(roots), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const type = zodSchema._zod.def.type;
      if (type === 'bigint') Object.assign(jsonSchema, { type: 'integer', format: 'uint64', minimum: 0 });
      if (type === 'custom') Object.assign(jsonSchema, { type: 'number', format: 'float64' });
    },
  });
  const properties = whole.properties as Readonly<Record<string, JsonSchema>>;
  const nameOf = (root: string): string => {
    const reference = properties[root]?.$ref;
    if (reference === undefined) throw new Error(`protocol: ${root} must have a meta id.`);
    return definitionName(reference);
  };
  return {
    major: PROTOCOL_MAJOR,
    kinds,
    messages: Object.fromEntries(
      Object.keys({ ...controlSchemas, ...envelopeSchemas }).map((kind) => [kind, nameOf(kind)]),
    ),
    verbs: Object.fromEntries(
      Object.keys(verbs).map((verb) => [
        verb,
        { request: nameOf(`${verb}.request`), reply: nameOf(`${verb}.reply`) },
      ]),
    ),
    $defs: splitTypes(whole.$defs) as Readonly<Record<string, JsonSchema>>,
  };
}

/** Writes `type: ["string", "null"]` as a union of two, so that emitters meet one form only. */
function splitTypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(splitTypes);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, splitTypes(item)] as const);
  const types = entries.find(([key, item]) => key === 'type' && Array.isArray(item))?.[1] as
    string[] | undefined;
  if (types === undefined) return Object.fromEntries(entries);
  const rest = Object.fromEntries(entries.filter(([key]) => key !== 'type'));
  return { anyOf: types.map((type) => (type === 'null' ? { type } : { ...rest, type })) };
}

/** The name behind `#/$defs/<name>`. */
export function definitionName(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/** SHA-256 of the schema without its prose: driver and worker compare it in HELLO and WELCOME. */
export function protocolHash(schema: ProtocolSchema): string {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  );
  return createHash('sha256').update(text).digest('hex');
}
