/** The notation of `einsum`: https://pytorch.org/docs/stable/generated/torch.einsum.html */
import { argumentFault, shapeFault } from '../errors.ts';
import { broadcast, formatShape } from '../shape.ts';

const ELLIPSIS = '...';

/** Labels before the ellipsis, whether there is one, and labels after it. */
interface Subscript {
  readonly before: readonly string[];
  readonly ellipsis: boolean;
  readonly after: readonly string[];
}

function parseSubscript(text: string): Subscript {
  const [before = '', after, ...more] = text.split(ELLIPSIS);
  if (more.length > 0 || !/^[A-Za-z]*$/.test(before + (after ?? ''))) {
    argumentFault(`"${text}" must be letters with at most one "..."`);
  }
  return { before: [...before], ellipsis: after !== undefined, after: [...(after ?? '')] };
}

/** The shape of an Einstein sum; throws a RuleFault that names the label or operand that does not fit. */
export function einsumShape(equation: string, shapes: readonly (readonly number[])[]): number[] {
  const [left = '', right, ...more] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',').map(parseSubscript);
  if (more.length > 0) argumentFault(`"${equation}" must have at most one "->"`);
  if (terms.length !== shapes.length) {
    argumentFault(`"${equation}" names ${terms.length} operands, got ${shapes.length}`);
  }
  const sizes = new Map<string, number>();
  const counts = new Map<string, number>();
  const rests = terms.map((term, i) => bindLabels(term, shapes[i] ?? [], sizes, counts));
  const rest = broadcast(rests);
  const hasRest = terms.some((term) => term.ellipsis);
  const target = right === undefined ? implicitTarget(counts, hasRest) : parseSubscript(right);
  const labels = [...target.before, ...target.after];
  const twice = labels.find((label, index) => labels.indexOf(label) !== index);
  if (twice !== undefined) argumentFault(`the result names "${twice}" twice`);
  if (target.ellipsis && !hasRest) argumentFault('the result has "...", no operand has');
  const sizesOf = (names: readonly string[]) =>
    names.map((label) => sizes.get(label) ?? argumentFault(`the result names "${label}", no operand does`));
  return [...sizesOf(target.before), ...(target.ellipsis ? rest : []), ...sizesOf(target.after)];
}

/** Learns the sizes of the labels of one operand and returns what its ellipsis stands for. */
function bindLabels(
  { before, ellipsis, after }: Subscript,
  shape: readonly number[],
  sizes: Map<string, number>,
  counts: Map<string, number>,
): readonly number[] {
  const named = before.length + after.length;
  const own = new Map<string, number>();
  if (ellipsis ? shape.length < named : shape.length !== named) {
    shapeFault(`an operand with ${named} labels does not fit ${formatShape(shape)}`);
  }
  const at = (label: string, size: number) => {
    const twice = own.get(label);
    if (twice !== undefined && twice !== size) {
      shapeFault(`"${label}" is ${twice} and ${size} in one operand`);
    }
    own.set(label, size);
    const known = sizes.get(label);
    if (known !== undefined && known !== size && known !== 1 && size !== 1) {
      shapeFault(`"${label}" is ${known} in one operand and ${size} in another`);
    }
    sizes.set(label, known === undefined || known === 1 ? size : known);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  };
  before.forEach((label, i) => at(label, shape[i] ?? 0));
  const end = shape.length - after.length;
  after.forEach((label, i) => at(label, shape[end + i] ?? 0));
  return shape.slice(before.length, end);
}

/** Without "->": the broadcast dimensions, then every label that occurs once, in the order A-Z, a-z. */
function implicitTarget(counts: ReadonlyMap<string, number>, hasRest: boolean): Subscript {
  const once = [...counts].filter(([, count]) => count === 1).map(([label]) => label);
  return { before: [], ellipsis: hasRest, after: once.sort() };
}
