/** The TypeScript of a page is one program: it is type-checked as a file beside the examples, and run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import ts from 'typescript';
import { expect, onTestFinished, test } from 'vitest';
import { needsPython, python, root } from '../bridge/start-worker.ts';

const PAGES = ['docs/writing-a-model.md', 'docs/coming-from-pytorch.md'];
/** The front page trains into the reader's folder: its code is only checked. */
const CHECKED = [...PAGES, 'README.md', 'docs/environments.md'];

/** Lines keep their numbers, so that a fault names the line of the page. */
function programOf(page: string): string {
  let inside = false;
  return readFileSync(path.join(root, page), 'utf8')
    .split('\n')
    .map((line) => {
      const fence = line.startsWith('```');
      const isCode = inside && !fence;
      if (fence) inside = line === '```ts';
      return isCode ? line : '';
    })
    .join('\n');
}

test('the code of every page passes the type check', () => {
  const read = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name));
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, root);
  const files = new Map(
    CHECKED.map((page) => [path.join(root, page.replace('.md', '.ts')), programOf(page)]),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name);
    return text === undefined ? getSourceFile(name, ...rest) : ts.createSourceFile(name, text, rest[0]);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const faults = [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  const texts = faults.map(({ file, start, messageText }) => {
    const line = file?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0;
    return `${path.basename(file?.fileName ?? '')}:${line + 1} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
  expect(texts).toEqual([]);
});

test.skipIf(python === null).for(PAGES)(`the code of %s runs (${needsPython})`, async (page) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-page-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, path.basename(page).replace('.md', '.mts'));
  const index = path.join(root, 'src/index.ts');
  // Outside the project, `srwm` has no other meaning than this copy.
  writeFileSync(file, programOf(page).replaceAll("from 'srwm'", `from ${JSON.stringify(index)}`));
  const run = await execa(process.execPath, ['--import', import.meta.resolve('tsx'), file], {
    cwd: root,
    reject: false,
  });
  expect(run.exitCode, run.stderr).toBe(0);
});
