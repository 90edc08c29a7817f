/** Python types of the protocol: one frozen msgspec Struct for each definition that a worker receives. */
import { errorCodes } from './codes.ts';
import { itemBytes } from './envelope.ts';
import { MAX_FRAME_BYTES, MAX_FRAMES } from './frames.ts';
import { definitionName, protocolHash, type JsonSchema, type ProtocolSchema } from './schema.ts';

const LINE_LENGTH = 110;

/** Text of `bridge/worker/messages_gen.py`. */
export function emitPython(schema: ProtocolSchema): string {
  const roots = [
    ...Object.values(schema.messages),
    ...Object.values(schema.verbs).map((verb) => verb.request),
  ];
  const names = reachable(schema, roots);
  const requests = Object.entries(schema.verbs).map(([verb, { request }]) => `    '${verb}': ${request},`);
  const kinds = Object.entries(schema.kinds).map(([kind, value]) => `    ${kind} = ${value}`);
  return [
    '"""Messages of the bridge, generated from bridge/protocol by `npm run protocol`: do not edit."""',
    '',
    'from __future__ import annotations',
    '',
    'from enum import IntEnum',
    'from typing import Annotated, Literal, TypeAlias',
    '',
    'from msgspec import Meta, Raw, Struct',
    '',
    `PROTOCOL_MAJOR = ${schema.major}`,
    `PROTOCOL_HASH = '${protocolHash(schema)}'`,
    `MAX_FRAMES = ${MAX_FRAMES}`,
    `MAX_FRAME_BYTES = ${MAX_FRAME_BYTES}`,
    '',
    '',
    'class Kind(IntEnum):',
    '    """What a message is; the number stands in its preamble."""',
    '',
    ...kinds,
    '',
    ...names.map((name) => emitDefinition(name, schema)),
    '',
    'REQUESTS: dict[str, type[Struct]] = {',
    ...requests,
    '}',
    '',
    'ITEM_BYTES: dict[str, int] = {',
    ...Object.entries(itemBytes).map(([dtype, bytes]) => `    '${dtype}': ${bytes},`),
    '}',
    '',
    'REMEDIES: dict[str, str] = {',
    ...Object.entries(errorCodes).map(([code, { remedy }]) => emitRemedy(code, remedy)),
    '}',
    '',
  ].join('\n');
}

/** Names of all definitions that `roots` need, each after the unions and enums it names. */
function reachable(schema: ProtocolSchema, roots: readonly string[]): string[] {
  const seen = new Set<string>();
  const ordered: string[] = [];
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const reference of references(schema.$defs[name])) visit(definitionName(reference));
    ordered.push(name);
  };
  roots.forEach(visit);
  return ordered;
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === '$ref' && typeof item === 'string' ? [item] : references(item),
  );
}

function emitDefinition(name: string, schema: ProtocolSchema): string {
  const definition = schema.$defs[name];
  if (definition === undefined) throw new Error(`protocol: definition ${name} is missing.`);
  if (definition.properties === undefined) return emitAlias(name, definition);
  const fields = Object.entries(definition.properties);
  const tag = fields.find(([field, type]) => field === 'kind' && typeof type.const === 'string');
  const options = [
    'frozen=True',
    'kw_only=True',
    'forbid_unknown_fields=True',
    // What was left out stays left out.
    ...(fields.some(([field]) => definition.required?.includes(field) !== true)
      ? ['omit_defaults=True']
      : []),
    ...(tag === undefined ? [] : [`tag_field='kind'`, `tag='${String(tag[1].const)}'`]),
  ];
  const body = fields
    .filter(([field]) => field !== tag?.[0])
    .map(([field, type]) =>
      definition.required?.includes(field) === true
        ? wrapField(`    ${field}: `, pythonType(type))
        : `    ${field}: ${pythonType(type)} | None = None`,
    );
  const bases = `Struct, ${options.join(', ')}`;
  const head = `class ${name}(${bases}):`;
  const lines = [
    '',
    head.length <= LINE_LENGTH ? head : `class ${name}(\n${brokenBases(bases)}\n):`,
    ...docstring(definition.description),
  ];
  if (body.length > 0) lines.push(...(definition.description === undefined ? [] : ['']), ...body);
  else if (definition.description === undefined) lines.push('    pass');
  return [...lines, ''].join('\n');
}

/** Ruff's way: on one line of their own, or a line each. */
function brokenBases(bases: string): string {
  const together = `    ${bases}`;
  return together.length <= LINE_LENGTH
    ? together
    : bases
        .split(', ')
        .map((base) => `    ${base},`)
        .join('\n');
}

function docstring(text: string | undefined): string[] {
  return text === undefined ? [] : [`    """${text}"""`];
}

function emitAlias(name: string, definition: JsonSchema): string {
  return wrapField(`\n${name}: TypeAlias = `, pythonType(definition)) + '\n';
}

/** Ruff's way to break a subscript that is too long for one line. */
function wrapField(head: string, type: string): string {
  const indent = /^\s*/.exec(head.replace(/^\n/, ''))?.[0] ?? '';
  if (head.length + type.length <= LINE_LENGTH) return head + type;
  const open = type.indexOf('[');
  if (open < 0) return `${head}(\n${indent}    ${type}\n${indent})`;
  return `${head}${type.slice(0, open)}[\n${indent}    ${type.slice(open + 1, -1)}\n${indent}]`;
}

function pythonType(type: JsonSchema): string {
  if (type.$ref !== undefined) return definitionName(type.$ref);
  if (type.const !== undefined) return `Literal[${JSON.stringify(type.const).replaceAll('"', "'")}]`;
  if (type.enum !== undefined) return `Literal[${type.enum.map((item) => `'${item}'`).join(', ')}]`;
  const members = type.anyOf ?? type.oneOf;
  if (members !== undefined) return union(members);
  switch (type.type) {
    case 'string':
      return annotated('str', [bound('min_length', type.minLength), bound('max_length', type.maxLength)]);
    case 'integer':
      return annotated('int', [bound('ge', type.minimum), bound('le', type.maximum)]);
    case 'number':
      return annotated('float', [bound('ge', type.minimum), bound('le', type.maximum)]);
    case 'boolean':
      return 'bool';
    case 'null':
      return 'None';
    case 'array':
      return annotated(`list[${pythonType(type.items ?? {})}]`, [bound('min_length', type.minItems)]);
    case 'object':
      return `dict[str, ${pythonType(type.additionalProperties || {})}]`;
    case undefined:
      // An unknown body stays bytes until its verb is known.
      return 'Raw';
    default:
      throw new Error(`protocol: JSON Schema type ${type.type} has no Python form.`);
  }
}

/** In a union a number keeps the type it arrived with, because an integral attribute is an index or a size. */
function union(members: readonly JsonSchema[]): string {
  const plain = members.filter((member) => member.type !== 'null');
  const arrays = plain.filter((member) => member.type === 'array');
  const single = plain.length === 1;
  const scalar = (member: JsonSchema): string =>
    member.type === 'number' && !single ? 'int | float' : pythonType(member);
  const parts = plain.filter((member) => member.type !== 'array').map(scalar);
  // msgspec allows one array type in a union: the element types are merged.
  if (arrays.length === 1 && single) parts.push(...arrays.map(pythonType));
  else if (arrays.length > 0) {
    const items = arrays.flatMap((member) => (member.items === undefined ? [] : [scalar(member.items)]));
    parts.push(`list[${items.join(' | ')}]`);
  }
  if (plain.length < members.length) parts.push('None');
  return [...new Set(parts)].join(' | ');
}

function bound(name: string, value: number | undefined): string | undefined {
  // zod writes the safe range of integers into every z.int(): that is no bound of the field.
  return value === undefined || !Number.isSafeInteger(value) || Math.abs(value) === Number.MAX_SAFE_INTEGER
    ? undefined
    : `${name}=${value}`;
}

function annotated(type: string, bounds: readonly (string | undefined)[]): string {
  const set = bounds.filter((item) => item !== undefined);
  return set.length === 0 ? type : `Annotated[${type}, Meta(${set.join(', ')})]`;
}

function emitRemedy(code: string, remedy: string): string {
  const line = `    '${code}': ${quoted(remedy)},`;
  if (line.length <= LINE_LENGTH) return line;
  const middle = remedy.indexOf(' ', remedy.length / 2) + 1;
  const whole = `        ${quoted(remedy)}`;
  const halves = [remedy.slice(0, middle), remedy.slice(middle)].map((part) => `        ${quoted(part)}`);
  const parts = whole.length <= LINE_LENGTH ? [whole] : halves;
  return `    '${code}': (\n${parts.join('\n')}\n    ),`;
}

function quoted(text: string): string {
  return text.includes("'") ? JSON.stringify(text) : `'${text}'`;
}
