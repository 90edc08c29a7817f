/** Each failure of pythonia that was measured before it was taken in, and what this project makes of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { closePython, keywords, python } from 'srwm';
import { afterAll, expect, onTestFinished, test } from 'vitest';

const FILE = './fixtures/colleague.py';
const PLACE = new URL(FILE, import.meta.url);

afterAll(() => closePython());

/** Without an init process the dead stay as zombies: those do not count. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] !== 'Z';
  } catch {
    return false;
  }
}

test("calls a colleague's function in the project's own .venv", async () => {
  interface Colleague {
    summary(returns: readonly number[]): { mean: number; lost: number };
    loaded(): { times: number; neighbour: string; proxy: string; python: string };
  }
  const colleague = await python<Colleague>(FILE);
  expect(await colleague.summary([1, 2, Number.NaN, Number.POSITIVE_INFINITY])).toEqual({
    mean: 1.5,
    lost: 2,
  });
  const again = await python<Colleague>(PLACE);
  const loaded = await again.loaded();
  expect(loaded.python).toContain(`${path.sep}.venv${path.sep}`);
  expect(loaded.times).toBe(1);
  // Its own folder is on the path, and pythonia's files of the same names do not stand before them.
  expect(loaded.neighbour).toBe('a neighbour of the file');
  expect(loaded.proxy).toBe("the proxy.py of the colleague's folder");
});

test('passes arguments by name', async () => {
  const colleague = await python(FILE);
  expect(await colleague.named('a', keywords({ title: 'b', scale: 2 }))).toBe('a b 2');
  await expect(colleague.named('a', keywords({ colour: 'red' }))).rejects.toMatchObject({
    code: 'PYTHON_EXCEPTION',
    message: expect.stringContaining("unexpected keyword argument 'colour'") as string,
  });
});

test('says how each kind of number arrives', async () => {
  const colleague = await python(FILE);
  // JavaScript has no 1.0: whole numbers are ints, as indices and sizes need them; 2**60 stays the float that it is.
  expect(await colleague.kinds(1, 1.5, Number.NaN, 2 ** 60, -0, 'x', null, true, [], {})).toEqual(
    'int float float float float str NoneType bool list dict'.split(' '),
  );
});

test('carries every value that JSON can say, and NaN, infinities and -0 beside them', async () => {
  const colleague = await python(FILE);
  const leaf = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
  );
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, tie('list'), tie('record')),
    list: fc.array(tie('value'), { maxLength: 5 }),
    record: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$float', '$$', '__proto__')), tie('value'), {
      maxKeys: 5,
    }),
  })).value;
  await fc.assert(
    fc.asyncProperty(value, async (sent) => {
      expect(await colleague.echo(sent)).toEqual(sent);
    }),
    { numRuns: 300 },
  );
  expect(await colleague.strange()).toEqual({
    nan: Number.NaN,
    up: Number.POSITIVE_INFINITY,
    down: Number.NEGATIVE_INFINITY,
    zero: -0,
    $key: [Number.NaN],
    numpy: 1.5,
  });
});

test.each([
  ['array', 'PYTHON_VALUE', 'numpy.ndarray', '.tolist()'],
  ['bytes', 'PYTHON_VALUE', 'bytes', 'to a file'],
  ['set', 'PYTHON_VALUE', 'set', 'list(...)'],
  ['date', 'PYTHON_VALUE', 'datetime.datetime', '.isoformat()'],
  ['key', 'PYTHON_VALUE', 'key 1', 'str(key)'],
  ['huge', 'PYTHON_VALUE', '2**53', 'str or float'],
  ['object', 'PYTHON_VALUE', '_thread.lock', 'numbers, text'],
  ['endless', 'PYTHON_VALUE', 'nested deeper', 'holds itself'],
  ['many', 'PYTHON_SIZE', '16384 values', 'to a file'],
  ['text', 'PYTHON_SIZE', '1048576 characters', 'to a file'],
])('refuses a result that is %s, and the interpreter lives on', async (kind, code, what, mend) => {
  const colleague = await python(FILE);
  const before = await colleague.pid();
  const failure = await colleague.values(kind).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code, message: expect.stringContaining(what) as string });
  expect((failure as Error).message).toContain(mend);
  expect(await colleague.pid()).toBe(before);
});

test('refuses an argument before Python hears of it', async () => {
  const colleague = await python(FILE);
  for (const value of [new Float32Array(3), Buffer.alloc(1_000_000), new Map(), new Date(), 1n, undefined]) {
    await expect(colleague.echo(value)).rejects.toMatchObject({ code: 'PYTHON_VALUE' });
  }
});

test('an exception says type, message and line of the colleague, and where it was called from', async () => {
  const colleague = await python(FILE);
  const line = (text: string): number =>
    readFileSync(PLACE, 'utf8')
      .split('\n')
      .findIndex((one) => one.includes(text)) + 1;
  const failure = (await colleague.fails('no data').catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({
    code: 'PYTHON_EXCEPTION',
    message: `python: fails of colleague.py must return, got ValueError: no data\n    at ${PLACE.pathname}:${line('ValueError')}`,
    detail: { type: 'ValueError', message: 'no data', line: line('ValueError'), function: 'fails' },
  });
  expect(failure.stack).toContain('calls.test.ts');
  // Raised inside a library, it still names the colleague's line.
  await expect(colleague.fails_in_library()).rejects.toMatchObject({ detail: { line: line('@ np.zeros') } });
  await expect(colleague.leaves()).rejects.toMatchObject({ detail: { type: 'SystemExit' } });
  expect(await colleague.echo('alive')).toBe('alive');
});

test('a name that is no function is answered with those that are', async () => {
  const colleague = await python(FILE);
  await expect(colleague.sumary()).rejects.toMatchObject({
    code: 'PYTHON_FUNCTION',
    message: expect.stringMatching(/got nothing; it has .*summary/) as string,
  });
  await expect(colleague.COUNT()).rejects.toThrow('got a dict');
});

test('a file that is not there, fails or does not parse is an error at once', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-python-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  const syntax = write('syntax.py', 'x = 1\ndef half(:\n');
  await expect(python(syntax)).rejects.toMatchObject({
    code: 'PYTHON_IMPORT',
    message: expect.stringContaining(`SyntaxError: invalid syntax\n    at ${syntax}:2`) as string,
  });
  await expect(python(write('needs.py', 'import no_such_package.part'))).rejects.toMatchObject({
    code: 'PYTHON_IMPORT',
    remedy: expect.stringContaining('pip install no_such_package') as string,
  });
  await expect(python('./nothing.py')).rejects.toMatchObject({ code: 'PYTHON_FILE' });
  await expect(python(folder)).rejects.toMatchObject({ code: 'PYTHON_FILE' });
  await expect(python(FILE, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'PYTHON_VALUE' });
});

test('a coroutine is awaited, in one event loop', async () => {
  const colleague = await python(FILE);
  expect(await colleague.later(3)).toBe(3);
  expect(await colleague.loop()).toBe(await colleague.loop());
});

test('a call made during another waits its turn, and its time counts from there', async () => {
  const colleague = await python(FILE);
  const brief = await python(FILE, { timeoutMs: 1_000 });
  const order: string[] = [];
  const note = async (call: Promise<string>): Promise<number> => order.push(await call);
  await Promise.all([
    note(colleague.sleeps(1.5, 'slow')),
    note(brief.echo('quick')),
    note(brief.echo('third')),
  ]);
  expect(order).toEqual(['slow', 'quick', 'third']);
});

test('an aborted call that still waits leaves the others alone', async () => {
  const colleague = await python(FILE);
  const stop = new AbortController();
  const impatient = await python(FILE, { signal: stop.signal });
  const slow = colleague.sleeps(0.3, 'done');
  const waiting = expect(impatient.echo(1)).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
  stop.abort();
  await waiting;
  expect(await slow).toBe('done');
  await expect(impatient.echo(1)).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
});

test('a call past its time is ended with its interpreter and all that this one started', async () => {
  const colleague = await python(FILE, { timeoutMs: 1_000 });
  const [pid, child] = (await colleague.starts_child()) as [number, number];
  // The GIL is held, so that nothing inside Python could end it.
  const hung = expect(colleague.holds_the_lock(600)).rejects.toMatchObject({ code: 'PYTHON_TIMEOUT' });
  await expect(colleague.echo(1)).rejects.toMatchObject({ code: 'PYTHON_LOST' });
  await hung;
  await expect.poll(() => [isAlive(pid), isAlive(child)]).toEqual([false, false]);
  await expect(colleague.echo(1)).rejects.toMatchObject({ code: 'PYTHON_LOST' });
  const next = await python(FILE);
  expect(await next.echo('anew')).toBe('anew');
});

test('an abort ends the call that is in progress', async () => {
  const stop = new AbortController();
  const colleague = await python(FILE, { signal: stop.signal });
  const call = colleague.sleeps(600);
  stop.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
});

test.each([
  ['exits', 'exit code 7', (colleague: { dies(code: number): Promise<void> }) => colleague.dies(7)],
  ['crashes', 'signal SIGSEGV', (colleague: { crashes(): Promise<void> }) => colleague.crashes()],
])('a Python that %s during a call rejects it and whatever waits', async (_, how, call) => {
  const colleague = await python(FILE);
  const waiting = expect(Promise.resolve().then(() => colleague.echo(1))).rejects.toMatchObject({
    code: 'PYTHON_LOST',
  });
  await expect(call(colleague as never)).rejects.toMatchObject({
    code: 'PYTHON_LOST',
    message: expect.stringContaining(how) as string,
  });
  await waiting;
});

test('the last to leave closes the interpreter; calls after that are refused', async () => {
  const first = await python(FILE);
  const pid = await first.pid();
  {
    await using second = await python(FILE);
    expect(await second.pid()).toBe(pid);
  }
  expect(await first.pid()).toBe(pid);
  await closePython();
  expect(isAlive(pid)).toBe(false);
  await expect(first.echo(1)).rejects.toMatchObject({ code: 'PYTHON_CLOSED' });
  {
    await using third = await python(FILE);
    expect(await third.pid()).not.toBe(pid);
  }
  await closePython();
});

test('a fork that comes back from a call does not answer it twice', async () => {
  const colleague = await python(FILE);
  expect([await colleague.forks(), await colleague.echo('next')]).toEqual(['from the parent', 'next']);
});
