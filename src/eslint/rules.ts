/** Mistakes that JavaScript lets pass: each says what to write instead. */
import type { Rule } from 'eslint';
import type { CallExpression, Expression, Node } from 'estree';
import { isTensor } from './tensor-types.ts';

const docs = (description: string) => ({ description, url: 'docs/javascript-mistakes.md' });

/** `if (tensor)`: an object is always true, and JavaScript offers no way to notice it at run time. */
export const tensorCondition: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: docs('a tensor is no condition: JavaScript takes every object for true'),
    messages: {
      condition:
        'A tensor is always true here, whatever it holds. Write where(condition, a, b), or logicalAnd, logicalOr, logicalNot.',
    },
    schema: [],
  },
  create(context) {
    const check = (node: Node | null | undefined) => {
      if (node && isTensor(context, node)) context.report({ node, messageId: 'condition' });
    };
    return {
      IfStatement: (node) => check(node.test),
      WhileStatement: (node) => check(node.test),
      DoWhileStatement: (node) => check(node.test),
      ForStatement: (node) => check(node.test),
      ConditionalExpression: (node) => check(node.test),
      LogicalExpression: (node) => {
        if (node.operator !== '??') check(node.left);
      },
      UnaryExpression: (node) => {
        if (node.operator === '!') check(node.argument);
      },
    };
  },
};

const METHOD: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'remainder',
  '**': 'pow',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '==': 'eq',
  '===': 'eq',
  '!=': 'ne',
  '!==': 'ne',
};
const EQUALITY = new Set(['==', '===', '!=', '!==']);

const isNothing = (node: Node) =>
  (node.type === 'Literal' && node.value === null) ||
  (node.type === 'Identifier' && node.name === 'undefined');

/** `a + b`, `a < b`, `a === b`, texts, spreading, loops and brackets. */
export const tensorOperator: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: docs('operators, texts, loops and brackets need numbers, which a traced tensor does not have'),
    messages: {
      operator: '"{{operator}}" does not work on tensors. Write a.{{method}}(b).',
      identity:
        '"{{operator}}" asks whether two tensors are one object. Write a.{{method}}(b) for their elements.',
      template: 'A tensor has no text. Write tensor.shape.join(), or print the graph with text().',
      iterate:
        'A tensor cannot be iterated or spread. Write unbind(x, dim), split(x, sizes, dim) or x.slice(dim, start, end).',
      index: 'A tensor has no index access. Write x.select(dim, index) or x.slice(dim, start, end).',
    },
    schema: [],
  },
  create(context) {
    const tensor = (node: Node) => isTensor(context, node);
    const iterated = (node: Node) => {
      if (tensor(node)) context.report({ node, messageId: 'iterate' });
    };
    return {
      BinaryExpression(node) {
        const { operator, left, right } = node;
        const method = METHOD[operator];
        if (method === undefined || (!tensor(left) && !tensor(right))) return;
        const equality = EQUALITY.has(operator);
        if (equality && (isNothing(left) || isNothing(right))) return;
        context.report({ node, messageId: equality ? 'identity' : 'operator', data: { operator, method } });
      },
      AssignmentExpression(node) {
        const method = METHOD[node.operator.slice(0, -1)];
        if (method !== undefined && node.operator !== '=' && tensor(node.right)) {
          context.report({ node, messageId: 'operator', data: { operator: node.operator, method } });
        }
      },
      TemplateLiteral(node) {
        for (const part of node.expressions)
          if (tensor(part)) context.report({ node: part, messageId: 'template' });
      },
      SpreadElement: (node) => iterated(node.argument),
      ForOfStatement: (node) => iterated(node.right),
      ForInStatement: (node) => iterated(node.right),
      ArrayPattern(node) {
        const { parent } = node as unknown as { readonly parent: Node };
        if (parent.type === 'VariableDeclarator' && parent.init) iterated(parent.init);
      },
      MemberExpression(node) {
        const computed = node.computed && !isWellKnown(node.property as Expression);
        if (computed && tensor(node.object)) context.report({ node, messageId: 'index' });
      },
    };
  },
};

/** x['shape'] and x[Symbol.iterator] are plain properties. */
function isWellKnown(property: Expression): boolean {
  if (property.type === 'Literal')
    return typeof property.value === 'string' && /^[A-Za-z_]/.test(property.value);
  return property.type === 'MemberExpression';
}

const TRACERS = new Set([
  'trace',
  'scan',
  'checkpoint',
  'scope',
  'stepCore',
  'objective',
  'gradientTransform',
]);

/** `trace(..., async () => ...)`: tracing is synchronous. */
export const asyncTrace: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: docs('a traced function runs once, synchronously'),
    messages: { async: 'A function that {{tracer}} traces must not be async. Leave out async and await.' },
    schema: [],
  },
  create: (context) => ({
    CallExpression(node: CallExpression) {
      if (node.callee.type !== 'Identifier' || !TRACERS.has(node.callee.name)) return;
      for (const argument of node.arguments) {
        const written = argument.type === 'ArrowFunctionExpression' || argument.type === 'FunctionExpression';
        if (written && (argument.async === true || argument.generator === true)) {
          context.report({ node: argument, messageId: 'async', data: { tracer: node.callee.name } });
        }
      }
    },
  }),
};
