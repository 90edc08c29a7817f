/**
 * A throw-away base image of this machine's own distribution: what `node` and `python` images are elsewhere. It carries the
 * machine's package-client configuration, so that the Dockerfile needs none of it, and is deleted with the check.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { runProgram } from './program.ts';

/** Package clients read these, and the folders below them. */
const CONFIGURATION = ['/etc/apt', '/etc/pip.conf', '/etc/ssl/certs/ca-certificates.crt'];
const OF_THE_PERSON = ['.npmrc', '.config/pip', '.config/uv'];
const VARIABLES = /^(https?_proxy|no_proxy|PIP_|UV_|NODE_EXTRA_CA_CERTS|SSL_CERT_)/i;

export async function must(file: string, ...words: readonly string[]): Promise<string> {
  const result = await runProgram(file, words);
  if (!result.ok) throw new Error(`${file} ${words[0] ?? ''} failed:\n${result.output}`);
  return result.output;
}

/** Makes the image `name` with Python, Node and npm where the published images have them. */
export async function makeBase(name: string, folder: string): Promise<void> {
  const tree = path.join(folder, 'base');
  const suite = /VERSION_CODENAME=(\w+)/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
  const packages = ['ca-certificates', 'python3', 'python3-venv'].join(',');
  await must('debootstrap', '--variant=minbase', `--include=${packages}`, suite, tree);
  for (const place of CONFIGURATION) await copyIn(place, place, tree);
  for (const place of OF_THE_PERSON)
    await copyIn(path.join(homedir(), place), path.join('/root', place), tree);
  await copyIn(process.execPath, '/usr/local/bin/node', tree);
  const npm = path.join((await must('npm', 'root', '--global')).trim(), 'npm');
  await copyIn(npm, '/usr/local/lib/node_modules/npm', tree);

  const variables = Object.entries(process.env).filter(([key]) => VARIABLES.test(key));
  const container = (await must('buildah', 'from', 'scratch')).trim();
  await must('buildah', 'copy', '--quiet', container, tree, '/');
  const environment = variables.flatMap(([key, value]) => ['--env', `${key}=${value ?? ''}`]);
  if (environment.length > 0) await must('buildah', 'config', ...environment, container);
  await must('buildah', 'commit', '--quiet', '--rm', container, name);
  rmSync(tree, { recursive: true });
}

async function copyIn(from: string, to: string, tree: string): Promise<void> {
  if (!existsSync(from)) return;
  const target = path.join(tree, to);
  mkdirSync(path.dirname(target), { recursive: true });
  await must(
    'cp',
    '--recursive',
    '--dereference',
    '--remove-destination',
    '--no-target-directory',
    from,
    target,
  );
}
