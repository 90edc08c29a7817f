/** What an editor shows: every public name has a docstring, every function an example. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const INDEX = fileURLToPath(new URL('../../../src/index.ts', import.meta.url));

function publicNames(): { name: string; isFunction: boolean; text: string; hasExample: boolean }[] {
  const program = ts.createProgram([INDEX], {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(INDEX);
  const module = source && checker.getSymbolAtLocation(source);
  if (!source || !module) throw new Error('src/index.ts must be a module');
  return checker.getExportsOfModule(module).map((exported) => {
    const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
    const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
    const isValue = (symbol.flags & ts.SymbolFlags.Value) !== 0;
    const isFunction =
      isValue && checker.getTypeOfSymbolAtLocation(symbol, source).getCallSignatures().length > 0;
    return {
      name: exported.name,
      isFunction,
      text: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
      hasExample: symbol.getJsDocTags(checker).some((tag) => tag.name === 'example'),
    };
  });
}

test('every public name says what it is, and every function shows a call', () => {
  const names = publicNames();
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter(({ text }) => text.trim() === '').map(({ name }) => name)).toEqual([]);
  const silent = names.filter(({ isFunction, hasExample }) => isFunction && !hasExample);
  expect(silent.map(({ name }) => name)).toEqual([]);
});
