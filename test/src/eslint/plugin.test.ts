/** The lint rules, with type information and without. */
import { ESLint, RuleTester } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import plugin from '../../../src/eslint/index.ts';
import { root } from '../../support/session.ts';

RuleTester.describe = describe;
RuleTester.it = it;

const typed = new RuleTester({
  languageOptions: {
    parser: tseslint.parser,
    parserOptions: {
      projectService: { allowDefaultProject: ['*.ts'], defaultProject: 'tsconfig.json' },
      tsconfigRootDir: root,
    },
  },
});
const untyped = new RuleTester();

const inside = (body: string) => `import { where, type Tensor } from 'srwm';
declare const t: Tensor; declare const u: Tensor; declare const maybe: Tensor | null; declare const n: number;
declare function use(...all: unknown[]): void;
${body}`;
const good = (body: string) => ({ code: inside(body), filename: 'drawn.ts' });
const bad = (body: string, messageId: string) => ({ ...good(body), errors: [{ messageId }] });
const rule = (name: string) => plugin.rules?.[name] as NonNullable<typeof plugin.rules>[string];

typed.run('tensor-condition, with types', rule('tensor-condition'), {
  valid: [
    good('if (n > 0) use(t);'),
    good('if (maybe) use(maybe); use(maybe ?? t, maybe && 1, !maybe);'),
    good('use(where(t.gt(0), t, 0));'),
    good('if (t.rank === 2) use(t);'),
  ],
  invalid: [
    bad('if (t) use(1);', 'condition'),
    bad('if (t.mean().gt(0)) use(1);', 'condition'),
    bad('while (t) use(1);', 'condition'),
    bad('do use(1); while (t);', 'condition'),
    bad('for (; t; ) use(1);', 'condition'),
    bad('use(t ? 1 : 2);', 'condition'),
    bad('use(t && u);', 'condition'),
    bad('use(t || u);', 'condition'),
    bad('use(!t);', 'condition'),
  ],
});

typed.run('tensor-operator, with types', rule('tensor-operator'), {
  valid: [
    good('use(t.add(1), n + 1, `${n}`, maybe === null, maybe !== undefined, t.shape[0], [...t.shape]);'),
    good("use(t['shape']);"),
    good('const [a, b] = t.unbind(0); use(a, b);'),
  ],
  invalid: [
    bad('use((t as any as number) + 1, t + (1 as never));', 'operator'),
    bad('use(1 - (t as never), (u as unknown as Tensor) * t);', 'operator'),
    bad('use(t < u);', 'operator'),
    bad('use(t === u);', 'identity'),
    bad('let s = 0 as any; s += t; use(s);', 'operator'),
    bad('use(`${t}`);', 'template'),
    bad('use(...(t as Tensor));', 'iterate'),
    bad('for (const x of t) use(x);', 'iterate'),
    bad('const [a] = t; use(a);', 'iterate'),
    bad('use(t[0]);', 'index'),
    bad('use(t[-1]);', 'index'),
    bad("use(t['1:3']);", 'index'),
    bad('use(t[n]);', 'index'),
  ],
});

untyped.run('tensor-condition, without types', rule('tensor-condition'), {
  valid: ['if (x) y();', 'if (x.gt) y();'],
  invalid: [
    { code: 'if (x.gt(0)) y();', errors: [{ messageId: 'condition' }] },
    { code: 'const z = x.sum().lt(1) ? a : b;', errors: [{ messageId: 'condition' }] },
  ],
});

untyped.run('async-trace', rule('async-trace'), {
  valid: ['trace("f", {}, () => ({}));', 'other(async () => ({}));', 'x.trace(async () => ({}));'],
  invalid: [
    {
      code: 'trace("f", {}, async () => ({}));',
      errors: [{ messageId: 'async', data: { tracer: 'trace' } }],
    },
    { code: 'scan({}, async function () {});', errors: [{ messageId: 'async' }] },
    { code: 'scan({}, function* () {});', errors: [{ messageId: 'async' }] },
  ],
});

describe('the recommended config', () => {
  it('is a flat config that switches every rule on', async () => {
    const eslint = new ESLint({
      overrideConfigFile: true,
      overrideConfig: [{ ...plugin.configs.recommended, files: ['**/*.js'] }],
    });
    const [result] = await eslint.lintText('if (x.gt(0)) trace("f", {}, async () => ({}));', {
      filePath: 'a.js',
    });
    expect(result?.messages.map(({ ruleId }) => ruleId)).toEqual([
      'srwm/tensor-condition',
      'srwm/async-trace',
    ]);
    expect(Object.keys(plugin.configs.recommended.rules ?? {})).toEqual(
      Object.keys(plugin.rules ?? {}).map((name) => `srwm/${name}`),
    );
  });
});
