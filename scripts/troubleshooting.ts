/**
 * docs/troubleshooting.md: one heading an error code, with its meaning and mend from `bridge/protocol/codes.ts`. What
 * people wrote below a mend stays when the rest is made again: `npm run docs`.
 */
import { errorCodes } from '../bridge/protocol/codes.ts';

export const FILE = 'docs/troubleshooting.md';

const OPENING = `# Troubleshooting, by error code

Every failure has a code, a sentence and a mend; \`--debug\` adds the stacks of both languages, and \`srwm doctor\` says what a machine lacks. Headings and the first two lines below each
come from \`bridge/protocol/codes.ts\` (\`npm run docs\`); what follows them is written by hand.
`;

const FAMILIES: Readonly<Record<string, string>> = {
  CONFIG: 'Configuration',
  USAGE: 'Usage',
  GRAPH: 'Traced programs',
  WORKER: 'The worker process',
  DEADLINE: 'Requests',
  REQUEST: 'Requests',
  PROTOCOL: 'The protocol',
  HANDLE: 'Handles',
  ENV: 'Environments',
  KERNEL: 'Kernels',
  NUMERICS: 'Numbers',
  RUN: 'Runs',
  EVALUATE: 'Evaluation',
  COMPARE: 'Evaluation',
  STATISTICS: 'Evaluation',
  SWEEP: 'Sweeps',
  SETUP: 'Set-up',
  PYTHON: 'Calls into Python',
  CLI: 'The command line',
};

/** Returns the whole page, with the hand-written parts of `existing`. */
export function troubleshooting(existing: string): string {
  const notes = notesOf(existing);
  const parts = [OPENING];
  let family = '';
  for (const [code, { meaning, remedy }] of Object.entries(errorCodes)) {
    const next = FAMILIES[code.split('_')[0] ?? ''] ?? 'Others';
    if (next !== family) parts.push(`## ${next}\n`);
    family = next;
    const note = notes.get(code);
    parts.push(
      `### ${code}\n\n${meaning}\\\n**Mend:** ${remedy}\n${note === undefined ? '' : `\n${note}\n`}`,
    );
  }
  return parts.join('\n');
}

/** What stands below the mend of each code. */
function notesOf(text: string): ReadonlyMap<string, string> {
  const sections = text.split(/^### /m).slice(1);
  return new Map(
    sections.flatMap((section) => {
      const [code = '', body = ''] = section.split(/\n([\s\S]*)/);
      const below =
        body
          .split(/^\*\*Mend:\*\*.*$/m)[1]
          ?.split(/^## /m)[0]
          ?.trim() ?? '';
      return below === '' ? [] : [[code, below] as const];
    }),
  );
}
