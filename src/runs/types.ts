/** Type-checks a person's file with the TypeScript of their own project, before anything slow begins. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as TypeScript from 'typescript';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { formatFrame, quoteSource } from '../graph/index.ts';

const SOURCE = fileURLToPath(new URL('../', import.meta.url));
const INDEX = path.join(SOURCE, import.meta.url.endsWith('.ts') ? 'index.ts' : 'index.d.ts');
const OURS = path.join(SOURCE, import.meta.url.endsWith('.ts') ? '..' : '../..');

/**
 * Does nothing where the project has no TypeScript: the file runs without it.
 *
 * @throws SrwmError CONFIG_TYPES with every fault and its line.
 */
export async function requireTypes(file: string): Promise<void> {
  const ts = await typescriptOf(file);
  if (ts === null) return;
  const program = ts.createProgram([file], optionsOf(ts, file));
  const isTheirs = ({ category, file: at }: TypeScript.Diagnostic): boolean =>
    category === ts.DiagnosticCategory.Error &&
    at !== undefined &&
    !at.fileName.includes('/node_modules/') &&
    (at.fileName === file || !at.fileName.startsWith(OURS));
  const theirs = ts.getPreEmitDiagnostics(program).filter(isTheirs);
  if (theirs.length === 0) return;
  const name = path.relative(process.cwd(), file);
  const texts = theirs.slice(0, 5).map((one) => describe(ts, one));
  throw new SrwmError(
    'CONFIG_TYPES',
    `${name}: must pass the type check, got ${theirs.length} fault${theirs.length === 1 ? '' : 's'}:\n${texts.join('\n')}`,
  );
}

function describe(ts: typeof TypeScript, { file, start, messageText }: TypeScript.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(messageText, '\n  ');
  if (file === undefined) return `  ${text}`;
  const { line, character } = file.getLineAndCharacterOfPosition(start ?? 0);
  const frame = { file: file.fileName, line: line + 1, column: character + 1 };
  return `  ${text}\n    at ${formatFrame(frame)}\n${quoteSource(frame)}`;
}

async function typescriptOf(file: string): Promise<typeof TypeScript | null> {
  try {
    const found = createRequire(file).resolve('typescript');
    const loaded = ((await import(found)) as { readonly default: typeof TypeScript }).default;
    // Version 7 has no such interface any more.
    return typeof (loaded.createProgram as unknown) === 'function' ? loaded : null;
  } catch {
    return null;
  }
}

function optionsOf(ts: typeof TypeScript, file: string): TypeScript.CompilerOptions {
  const found = ts.findConfigFile(path.dirname(file), (name) => ts.sys.fileExists(name));
  const own =
    found === undefined
      ? {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.NodeNext,
          moduleResolution: ts.ModuleResolutionKind.NodeNext,
          strict: true,
        }
      : ts.parseJsonConfigFileContent(
          ts.readConfigFile(found, (name) => ts.sys.readFile(name)).config,
          ts.sys,
          path.dirname(found),
        ).options;
  // As when it runs: `srwm` is the package that is running.
  const paths = { ...own.paths, srwm: [INDEX] };
  return { ...own, paths, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true };
}
