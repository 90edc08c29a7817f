/** What the packed file promises to whoever imports it: types, ESM, no scripts, no more than is used. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pack, root, run } from './tarball.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'srwm-shape-'));
let tarball = '';
beforeAll(async () => {
  tarball = await pack(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('its exports hold, under publint', async () => {
  expect((await run('publint', ['run', tarball, '--strict'], root)).stdout).toContain('All good!');
});

test('its types resolve under nodenext and bundler, by arethetypeswrong', async () => {
  const { stdout } = await run('attw', [tarball, '--profile', 'esm-only', '--format', 'json'], root);
  const { problems } = (JSON.parse(stdout) as { analysis: { problems: { resolutionKind?: string }[] } })
    .analysis;
  // ESM only: the two resolutions of CommonJS are not offered.
  const offered = problems.filter(
    ({ resolutionKind }) => !['node10', 'node16-cjs'].includes(resolutionKind ?? ''),
  );
  expect(offered).toEqual([]);
});

test('it runs nothing when it is installed', async () => {
  const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  // npm runs `prepare` in a checkout only, never for a package from a tarball or a registry.
  for (const name of ['preinstall', 'install', 'postinstall']) expect(scripts).not.toHaveProperty(name);
});

test('a bundle of one function holds neither bridge nor Python, and works', async () => {
  await run('tar', ['-xzf', tarball], folder);
  const entry = path.join(folder, 'entry.mjs');
  await writeFile(
    entry,
    `import { tensorSpec, trace } from './package/dist/src/index.js';
     const graph = trace('sum', { x: tensorSpec([2, 3]) }, ({ x }) => ({ y: x.mul(2).sum([1]) }));
     console.log(graph.text());`,
  );
  const bundle = path.join(folder, 'bundle.mjs');
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    metafile: true,
    logLevel: 'error',
  });
  const [output] = Object.values(metafile.outputs);
  const used = Object.entries(output?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [file] : [],
  );
  const packages = (output?.imports ?? []).map((one) => one.path).filter((name) => !name.startsWith('node:'));
  for (const heavy of ['zeromq', 'pythonia', 'execa', 'msgpackr', 'listr2'])
    expect(packages).not.toContain(heavy);
  expect(
    used.filter((file) => /dist\/(bridge\/client|src\/(train|runs|python|setup|evaluate))\//.test(file)),
  ).toEqual([]);
  // The methods of a tensor are a side effect: a bundler that drops them leaves a tracer without them.
  expect((await run(process.execPath, [bundle], folder)).stdout).toContain('float32[2]');
});
