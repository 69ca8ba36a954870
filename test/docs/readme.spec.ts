import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import {
  documentsIn,
  headingLevels,
  parseMarkdown,
  readMarkdown,
  sectionShapes,
  withoutComments,
  type CodeBlock,
} from '../support/markdown.js';

/** Runs in the repository's root, as every script of ours does. */
const root = process.cwd();

const samples = readdirSync(join(root, 'sample'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => `sample/${entry.name}/README.md`);
const documents = [
  'README.md',
  'README.zh-CN.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'emulator/README.md',
  ...samples,
  ...documentsIn(root, 'docs'),
].filter((file) => existsSync(join(root, file)));

const isTypeScript = (block: CodeBlock) => /^(?:ts|typescript)\b/.test(block.info);
const isUnchecked = (block: CodeBlock) => /\bno-check\b/.test(block.info);
/** Where a block lies for the compiler: beside this spec, so that it resolves what a test does. */
const placeOf = (block: CodeBlock) =>
  join(root, 'test', 'docs', `${block.file.replace(/[^\w-]+/g, '_')}_${block.line}.ts`);

/** Type-checks all blocks in one program; each is a module of its own. Gives `file:line message`. */
function check(blocks: readonly CodeBlock[]): ReadonlyMap<string, readonly string[]> {
  const places = new Map(blocks.map((block) => [placeOf(block), block]));
  const host = ts.createCompilerHost(options(), true);
  const { fileExists, readFile, getSourceFile } = host;
  const textOf = (path: string) => {
    const block = places.get(path);
    return block && `${block.code}\nexport {};\n`;
  };
  host.fileExists = (path) => places.has(path) || fileExists.call(host, path);
  host.readFile = (path) => textOf(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = textOf(path);
    if (text === undefined) return getSourceFile.call(host, path, target, ...rest);
    return ts.createSourceFile(path, text, target, true);
  };
  const program = ts.createProgram([...places.keys()], options(), host);
  const found = new Map<string, string[]>();
  for (const [path, block] of places) {
    const source = program.getSourceFile(path);
    const problems = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ].map((problem) => {
      const line = source?.getLineAndCharacterOfPosition(problem.start ?? 0).line ?? 0;
      const text = ts.flattenDiagnosticMessageText(problem.messageText, ' ');
      return `${block.file}:${block.line + line} ${text}`;
    });
    found.set(block.file, [...(found.get(block.file) ?? []), ...problems]);
  }
  return found;
}

function options(): ts.CompilerOptions {
  const path = join(root, 'tsconfig.json');
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config: object };
  const parsed = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, root);
  return {
    ...parsed.options,
    noEmit: true,
    declaration: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
}

describe('the documents', () => {
  const parsed = new Map(documents.map((file) => [file, readMarkdown(root, file)]));
  const blocks = [...parsed.values()].flatMap((document) => document.blocks).filter(isTypeScript);
  let problems: ReadonlyMap<string, readonly string[]>;

  beforeAll(() => {
    problems = check(blocks.filter((block) => !isUnchecked(block)));
  }, 120_000);

  it.each(documents)('%s has TypeScript that compiles', (file) => {
    expect(problems.get(file) ?? []).toEqual([]);
  });

  it('leave a block unchecked in decision records only', () => {
    const unchecked = blocks.filter((block) => isUnchecked(block));
    const places = unchecked.map((block) => `${block.file}:${block.line}`);
    expect(places.filter((place) => !place.startsWith('docs/adr/'))).toEqual([]);
  });

  it('notice a block that does not compile', () => {
    const text = "```ts\nimport { none } from 'nestjs-wechatpay';\n\nconst a: number = 'x';\n```\n";
    const found = check(parseMarkdown('broken.md', text).blocks).get('broken.md');
    expect(found).toContain("broken.md:4 Type 'string' is not assignable to type 'number'.");
    expect(found?.some((line) => line.startsWith('broken.md:2 '))).toBe(true);
  }, 120_000);
});

describe('the two READMEs', () => {
  const read = () =>
    [readMarkdown(root, 'README.md'), readMarkdown(root, 'README.zh-CN.md')] as const;

  it('show the same code, comments apart', () => {
    const [english, chinese] = read().map(({ blocks }) =>
      blocks.map(({ info, code }) => `${info}\n${withoutComments(code)}`),
    );
    expect(chinese).toEqual(english);
  });

  it('have the same headings, level by level', () => {
    const [english, chinese] = read().map(({ prose }) => headingLevels(prose));
    expect(chinese).toEqual(english);
  });

  it('have as many rows of tables and items of lists, section by section', () => {
    const [english, chinese] = read().map(({ prose }) => sectionShapes(prose));
    expect(chinese).toEqual(english);
    expect(english?.some(({ tableRows }) => tableRows > 10)).toBe(true);
    expect(english?.some(({ listItems }) => listItems > 5)).toBe(true);
  });

  it('count rows and items by their section', () => {
    const text = 'a\n- b\n# c\n| d |\n| - |\n| e |\n## f\n1. g\n   - h\n**i** j\n';
    expect(sectionShapes(parseMarkdown('x.md', text).prose)).toEqual([
      { level: 0, tableRows: 0, listItems: 1 },
      { level: 1, tableRows: 3, listItems: 0 },
      { level: 2, tableRows: 0, listItems: 2 },
    ]);
  });
});
