/** The reference page of the protocol, `docs/protocol.md`. */
import { errorCodes } from './codes.ts';
import { definitionName, type JsonSchema, type ProtocolSchema } from './schema.ts';

/** Markdown with every message, verb, type and error code. */
export function emitDocs(schema: ProtocolSchema): string {
  const verbs = Object.entries(schema.verbs);
  const messages = Object.entries(schema.messages);
  const shown = new Set([
    ...messages.map(([, name]) => name),
    ...verbs.flatMap(([, verb]) => [verb.request, verb.reply]),
  ]);
  const types = Object.keys(schema.$defs).filter((name) => !shown.has(name));
  return [
    '# Protocol of the bridge',
    '',
    'Generated from `bridge/protocol` by `npm run protocol`: do not edit.',
    '',
    `Major version ${schema.major}. A message is a 16-byte preamble (magic \`SRWM\`, major u8, kind u8, flags u16, epoch u32,`,
    'frame count u16, reserved u16; little endian), one MessagePack header, and one raw frame for each tensor (little endian,',
    'C order), except those that the driver wrote into the arena of READY. The driver binds two ROUTER sockets, the worker connects a DEALER with the routing id `worker` to each.',
    '`control` is answered by a thread that never touches torch; `work` carries READY, then requests, whose replies come in the order of their lane.',
    '',
    '## Messages',
    '',
    ...messages.flatMap(([kind, name]) => [
      `### ${kind} (${schema.kinds[kind]})`,
      '',
      ...describe(name, schema),
    ]),
    '## Verbs',
    '',
    ...verbs.flatMap(([verb, { request, reply }]) => [
      `### ${verb}`,
      '',
      ...describe(request, schema),
      ...(Object.keys(schema.$defs[reply]?.properties ?? {}).length === 0
        ? ['The reply has no fields.', '']
        : ['Reply:', '', ...fieldTable(schema.$defs[reply] ?? {})]),
    ]),
    '## Types',
    '',
    ...types.flatMap((name) => [`### ${name}`, '', ...describe(name, schema)]),
    '## Error codes',
    '',
    '| code | meaning | remedy |',
    '| --- | --- | --- |',
    ...Object.entries(errorCodes).map(
      ([code, entry]) => `| \`${code}\` | ${entry.meaning} | ${entry.remedy} |`,
    ),
    '',
  ].join('\n');
}

function describe(name: string, schema: ProtocolSchema): string[] {
  const definition = schema.$defs[name] ?? {};
  const text = definition.description === undefined ? [] : [definition.description, ''];
  if (definition.properties === undefined) return [...text, escaped(typeText(definition)), ''];
  return Object.keys(definition.properties).length === 0 ? [...text] : [...text, ...fieldTable(definition)];
}

function fieldTable(definition: JsonSchema): string[] {
  const rows = Object.entries(definition.properties ?? {});
  return [
    '| field | type |',
    '| --- | --- |',
    ...rows.map(([field, type]) => {
      const absent = definition.required?.includes(field) === true ? '' : ', or left out';
      return `| \`${field}\` | ${escaped(typeText(type))}${absent} |`;
    }),
    '',
  ];
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}

function typeText(type: JsonSchema): string {
  if (type.$ref !== undefined) return definitionName(type.$ref);
  if (type.const !== undefined) return `\`${JSON.stringify(type.const)}\``;
  if (type.enum !== undefined) return type.enum.map((item) => `\`${item}\``).join(', ');
  const members = type.anyOf ?? type.oneOf;
  if (members !== undefined) return members.map(typeText).join(' or ');
  switch (type.type) {
    case 'array':
      return `list of ${typeText(type.items ?? {})}${type.minItems === undefined ? '' : `, at least ${type.minItems}`}`;
    case 'object':
      return `map from name to ${typeText(type.additionalProperties || {})}`;
    case undefined:
      return 'body of the verb';
    default:
      return `${type.format ?? type.type}${range(type)}`;
  }
}

function range(type: JsonSchema): string {
  const isBound = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER;
  const parts = [
    isBound(type.minimum) ? `>= ${type.minimum}` : '',
    isBound(type.maximum) ? `<= ${type.maximum}` : '',
    isBound(type.minLength) ? `${type.minLength} to ${type.maxLength ?? 'any'} characters` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` ${parts.join(', ')}`;
}
