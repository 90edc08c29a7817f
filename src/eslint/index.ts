/**
 * `srwm/eslint-plugin`: the mistakes that no run can notice.
 *
 * @example
 * // eslint.config.js
 * import srwm from 'srwm/eslint-plugin';
 * export default [srwm.configs.recommended];
 *
 * With typescript-eslint's type information every tensor is known; without it only results of comparisons such as
 * `x.gt(0)`, and functions given to `trace` and `scan`.
 */
import type { ESLint, Linter, Rule } from 'eslint';
import { asyncTrace, tensorCondition, tensorOperator } from './rules.ts';

const rules: Readonly<Record<string, Rule.RuleModule>> = {
  'tensor-condition': tensorCondition,
  'tensor-operator': tensorOperator,
  'async-trace': asyncTrace,
};
const plugin = { meta: { name: 'srwm' }, rules: { ...rules } } satisfies ESLint.Plugin;

const recommended: Linter.Config = {
  name: 'srwm/recommended',
  plugins: { srwm: plugin },
  rules: Object.fromEntries(Object.keys(rules).map((name) => [`srwm/${name}`, 'error'])),
};

const exported: ESLint.Plugin & { readonly configs: { readonly recommended: Linter.Config } } = {
  ...plugin,
  configs: { recommended },
};

// eslint-disable-next-line no-restricted-syntax -- ESLint loads plugins by their default export
export default exported;
