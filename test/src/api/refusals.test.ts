/** What JavaScript and `any` let through to the public functions is refused there, with a code and the author's line. */
import { expect, test } from 'vitest';
import * as srwm from '../../../src/index.ts';

const { trace, tensorSpec, parameter, constant, linear, stepCore, objective, gradientTransform } = srwm;
/** As JavaScript sees it. */
const any = (value: unknown) => value as never;
const core = stepCore(
  'one',
  { size: 4 },
  any((_: srwm.Tensor, h: srwm.Tensor) => h),
);
const run = (body: (x: srwm.Tensor) => srwm.Tensor) =>
  trace('t', { x: tensorSpec([3, 4]) }, ({ x }) => ({ y: body(x) }));

test.each<[string, () => unknown, string, RegExp]>([
  ['a size that is no whole number', () => tensorSpec([3.5]), 'GRAPH_SHAPE', /tensorSpec.*got \[3\.5\]/],
  ['a size below 0', () => tensorSpec([-3]), 'GRAPH_SHAPE', /got \[-3\]/],
  ['a size that is NaN', () => tensorSpec([NaN]), 'GRAPH_SHAPE', /got \[NaN\]/],
  ['no list', () => tensorSpec(any(4)), 'GRAPH_SHAPE', /got 4/],
  ['an unknown dtype', () => tensorSpec([3], any('float')), 'GRAPH_DTYPE', /got "float"/],
  [
    'an input without a spec',
    () =>
      trace(
        't',
        { x: any(undefined) },
        any(() => ({})),
      ),
    'GRAPH_TRACE',
    /"x"/,
  ],
  [
    'a spec of another make',
    () =>
      trace(
        't',
        { x: any({ shape: [0.5] }) },
        any(() => ({})),
      ),
    'GRAPH_SHAPE',
    /"x"/,
  ],
  [
    'a parameter of no size',
    () => run((x) => x.add(parameter('p', [-4], constant(1)))),
    'GRAPH_SHAPE',
    /"p"/,
  ],
  [
    'a parameter of no name',
    () => run((x) => x.add(parameter('', [4], constant(1)))),
    'GRAPH_NAME',
    /got ""/,
  ],
  ['a layer of half a size', () => run(linear('dense', 2.5)), 'GRAPH_SHAPE', /\[2\.5, 4\]/],
  ['a list beside a tensor', () => run((x) => x.mul(any([1, 2]))), 'GRAPH_TRACE', /got \[1, 2\]/],
  [
    'a core without a name',
    () =>
      stepCore(
        '',
        { size: 4 },
        any(() => []),
      ),
    'GRAPH_NAME',
    /stepCore/,
  ],
  [
    'a core of no size',
    () =>
      stepCore(
        'c',
        any({}),
        any(() => []),
      ),
    'GRAPH_SHAPE',
    /got \[undefined\]/,
  ],
  [
    'a step that returns one tensor',
    () =>
      trace(
        't',
        { x: tensorSpec([5, 2, 4]), f: tensorSpec([5, 2], 'bool'), h: tensorSpec([2, 4]) },
        ({ x, f, h }) => ({
          y: core.apply(x, f, { one: h }).y,
        }),
      ),
    'GRAPH_TRACE',
    /must return \[output, next\].*got one tensor/,
  ],
  ['an objective without a function', () => objective('l', any(3)), 'GRAPH_ARGUMENT', /got 3/],
  ['a transform without a function', () => gradientTransform('g', any({})), 'GRAPH_ARGUMENT', /an object/],
  ['an unknown part of a policy', () => srwm.policy(any({ coree: core })), 'GRAPH_ARGUMENT', /got coree/],
  ['an unknown scheme', () => srwm.policy(any({ initialization: 'he' })), 'GRAPH_ARGUMENT', /got "he"/],
])('%s', (_, call, code, message) => {
  expect(call).toThrow(expect.objectContaining({ code }) as Error);
  expect(call).toThrow(message);
  expect(call).toThrow(/at test\/src\/api\/refusals\.test\.ts:\d+/);
});

test.each<[string, () => unknown, string, RegExp]>([
  [
    'an unknown part of a run',
    () => srwm.defineRun(srwm.presets.tiny(), any({ head: 1 })),
    'CONFIG_INVALID',
    /head/,
  ],
  [
    'a loss that is none',
    () => srwm.defineRun(srwm.presets.tiny(), any({ loss: 3 })),
    'CONFIG_INVALID',
    /got 3/,
  ],
  [
    'an unknown option of a run',
    () => srwm.train(srwm.presets.tiny(), any({ onupdate: 3 })),
    'CONFIG_UNKNOWN_KEY',
    /got onupdate/,
  ],
  [
    'no configuration',
    () => srwm.train(any(undefined)),
    'CONFIG_INVALID',
    /^config must be object, got nothing/,
  ],
  ['numbers among booleans', () => srwm.fromArray(any([1, true])), 'PROTOCOL_TENSOR', /got both/],
])('%s', (_, call, code, message) => {
  expect(call).toThrow(expect.objectContaining({ code }) as Error);
  expect(call).toThrow(message);
});

test.each<[string, object, RegExp]>([
  ['no environment', {}, /"env" must be made by procgen/],
  ['another environment', { env: { kind: 'atari' } }, /got \{"kind":"atari"\}/],
  ['a loss that is none', { env: srwm.catchGame(), loss: 3 }, /"loss" must be made by objective.*got 3/],
])('a loop with %s', async (_, settings, message) => {
  for (const rule of [srwm.impala, srwm.ppo]) {
    const first = rule(any(settings)).next();
    await expect(first).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message) as string,
    });
  }
});

test.each<[object, RegExp]>([
  [{ device: 'tpu' }, /hardware\.device must be auto, cpu or cuda:N, got "tpu"/],
  [{ threads: 0 }, /hardware\.threads .*got 0/],
])('a session with %j', async (options, message) => {
  const opened = srwm.openSession(any(options));
  await expect(opened).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message) as string,
  });
});

test.each<[string, Parameters<typeof srwm.sequenceCore>[0], RegExp]>([
  ['a kind that there is not', { kind: any('gru') }, /model\.core\.kind must be .*got "gru"/],
  ['heads that do not divide', { kind: 'delta_net', numHeads: 3 }, /multiple of model\.core\.numHeads \(3\)/],
  [
    'a key of other kinds',
    any({ kind: 'fake_sr', carry: 'step' }),
    /model\.core\.kind is fake_sr; lstm, .* have that key/,
  ],
  ['an unroll of no length', { kind: 'lstm', carry: 'unroll' }, /carry "unroll" needs the number of steps/],
])('sequenceCore refuses %s', (_, options, message) => {
  expect(() => srwm.sequenceCore(options)).toThrow(message);
  expect(() => srwm.sequenceCore(options)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^CONFIG_/) }),
  );
});
