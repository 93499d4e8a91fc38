import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from './service/registry-process.ts';

/** A command that a document shows: its lines as they are, but for the comments at their ends. */
export interface Example {
  /** From the project's folder. */
  readonly document: string;
  readonly command: string;
}

/** Every command of the blocks of shell in README.md and docs/, in their order. */
export function shellExamples(): readonly Example[] {
  const documents = [
    'README.md',
    ...readdirSync(join(projectFolder, 'docs'))
      .sort()
      .map((name) => `docs/${name}`),
  ];
  return documents
    .filter((document) => document.endsWith('.md'))
    .flatMap((document) => {
      const text = readFileSync(join(projectFolder, document), 'utf8');
      const blocks = [...text.matchAll(/^```(?:sh|bash|shell|console)\n([^]*?)^```$/gm)];
      return blocks.flatMap(([, block = '']) => commandsIn(block).map((command) => ({ document, command })));
    });
}

/** The names in the table of README.md that says what names are. */
export function namesInReadme(): readonly string[] {
  const text = readFileSync(join(projectFolder, 'README.md'), 'utf8');
  const [table = ''] = /^\| name \| image \|\n[^]*?\n\n/m.exec(text) ?? [];
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].flatMap(([, name]) => name ?? []);
}

/** A command ends with its line, unless that ends with a backslash or begins a document that is here (`<<EOF`). */
function commandsIn(block: string): readonly string[] {
  const found: string[] = [];
  let command = '';
  let end: string | undefined;
  for (const line of block.split('\n')) {
    command += `${command === '' ? '' : '\n'}${end === undefined ? line.replace(/(?:^|\s+)# .*$/, '') : line}`;
    if (end === undefined) end = /<<'?(\w+)'?/.exec(line)?.[1];
    else if (line === end) end = undefined;
    if (end !== undefined || command.endsWith('\\')) continue;
    if (command.trim() !== '') found.push(command.trim());
    command = '';
  }
  return found;
}
