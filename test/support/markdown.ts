import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of a document. */
export interface CodeBlock {
  readonly file: string;
  /** The first line inside the fence, counted from 1. */
  readonly line: number;
  /** The language and what follows it: `ts`, `ts no-check`. */
  readonly info: string;
  readonly code: string;
}

const fence = /^(\s*)(`{3,}|~{3,})\s*(.*)$/;

/** Splits a document in its fenced blocks and the lines outside them. */
export function parseMarkdown(
  file: string,
  text: string,
): { readonly blocks: readonly CodeBlock[]; readonly prose: readonly string[] } {
  const blocks: CodeBlock[] = [];
  const prose: string[] = [];
  let open:
    { indent: string; mark: string; info: string; line: number; code: string[] } | undefined;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, indent = '', mark = '', info = ''] = fence.exec(line) ?? [];
    if (open === undefined) {
      if (mark === '') prose.push(line);
      else open = { indent, mark, info: info.trim(), line: index + 2, code: [] };
    } else if (mark.startsWith(open.mark) && info === '') {
      blocks.push({ file, line: open.line, info: open.info, code: open.code.join('\n') });
      open = undefined;
    } else {
      const { indent: outer } = open;
      open.code.push(line.startsWith(outer) ? line.slice(outer.length) : line);
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: a fence is not closed`);
  return { blocks, prose };
}

/** The levels of a document's headings in their order: `[1, 2, 2, 3]`. */
export function headingLevels(prose: readonly string[]): readonly number[] {
  return prose.flatMap((line) => /^(#{1,6})\s/.exec(line)?.[1]?.length ?? []);
}

/** How much of each kind stands in a section, under its heading and before the next one. */
export interface SectionShape {
  readonly level: number;
  readonly tableRows: number;
  readonly listItems: number;
}

/** The sections of a document in their order; the first is what stands before any heading. */
export function sectionShapes(prose: readonly string[]): readonly SectionShape[] {
  const sections: { level: number; tableRows: number; listItems: number }[] = [];
  let section = { level: 0, tableRows: 0, listItems: 0 };
  for (const line of prose) {
    const level = /^(#{1,6})\s/.exec(line)?.[1]?.length;
    if (level !== undefined) {
      sections.push(section);
      section = { level, tableRows: 0, listItems: 0 };
    } else if (/^\s*\|/.test(line)) section.tableRows += 1;
    else if (/^\s*(?:[-*+]|\d+[.)])\s/.test(line)) section.listItems += 1;
  }
  return [...sections, section];
}

/** A block without its comments, so that a translation may translate them. */
export function withoutComments(code: string): string {
  return code
    .split('\n')
    .map((line) => line.replace(/(^|\s+)(?:\/\/|#)\s.*$/, '').trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

/** Every document of a folder and its subfolders, as paths relative to the root, with `/`. */
export function documentsIn(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return documentsIn(root, path);
      return entry.name.endsWith('.md') ? [path] : [];
    })
    .sort();
}

/** A document's blocks and prose. */
export function readMarkdown(root: string, file: string): ReturnType<typeof parseMarkdown> {
  return parseMarkdown(file, readFileSync(join(root, file), 'utf8'));
}
