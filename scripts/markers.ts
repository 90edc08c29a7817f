/** Parts of a page that a script writes, between two comments; everything else is a person's. */

/** @throws Error when the page lacks a comment. */
export function withParts(page: string, script: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, content]) => {
    const [start, end] = [`<!-- ${name}: made by ${script} -->`, `<!-- end of ${name} -->`];
    const [before, rest] = text.split(start);
    const after = rest?.split(end)[1];
    if (before === undefined || after === undefined)
      throw new Error(`the page must hold "${start}" and "${end}"`);
    return `${before}${start}\n\n${content}\n\n${end}${after}`;
  }, page);
}

/** Of Markdown. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
