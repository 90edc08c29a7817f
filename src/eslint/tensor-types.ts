/** Whether an expression is a traced tensor: by the type checker where ESLint has it, by the shape of the code otherwise. */
import type { Rule } from 'eslint';
import type { Node } from 'estree';

/** The parts of TypeScript's types that are read here; typescript itself is never imported. */
interface Type {
  readonly symbol?: { readonly name: string; readonly declarations?: readonly Declaration[] };
  readonly types?: readonly Type[];
  isUnion(): boolean;
}
interface Declaration {
  getSourceFile(): { readonly fileName: string };
}
interface Services {
  readonly program?: { getTypeChecker(): { getTypeAtLocation(node: unknown): Type } } | null;
  readonly esTreeNodeToTSNodeMap?: { get(node: unknown): unknown };
}

/** Methods that give a bool tensor and that little else has: what can be told without types. */
const COMPARISONS = new Set(['gt', 'lt', 'ge', 'le', 'eq', 'ne', 'logicalAnd', 'logicalOr', 'logicalNot']);

function isTensorType(type: Type): boolean {
  // `Tensor | null` is a question of presence, which JavaScript answers well.
  if (type.isUnion()) return (type.types ?? []).every(isTensorType);
  const { symbol } = type;
  if (symbol?.name !== 'Tensor') return false;
  return (symbol.declarations ?? []).some((declaration) =>
    /\/graph\/(tensor|methods)\.(d\.)?ts$/.test(declaration.getSourceFile().fileName),
  );
}

export function isTensor(context: Rule.RuleContext, node: Node): boolean {
  const services = context.sourceCode.parserServices as Services;
  const checker = services.program?.getTypeChecker();
  const typed = services.esTreeNodeToTSNodeMap?.get(node);
  if (checker !== undefined && typed !== undefined) return isTensorType(checker.getTypeAtLocation(typed));
  return (
    node.type === 'CallExpression' &&
    node.callee.type === 'MemberExpression' &&
    node.callee.property.type === 'Identifier' &&
    COMPARISONS.has(node.callee.property.name)
  );
}
