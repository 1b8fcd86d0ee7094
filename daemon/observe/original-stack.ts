import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';
import { findPackageRoot } from '../package-root.ts';

/** The end of a line of a stack: `file:///app/dist/daemon/main.js:1:2345`, perhaps in parentheses. */
const place = /(file:\/\/[^\s()]+):(\d+):(\d+)(?=\)?$)/gmu;

/**
 * A stack that names the source's files and lines, where there is a `.map` beside what was bundled. Read only now, because
 * Node's `--enable-source-maps` reads all of them at the start and keeps them: 3 MiB, and a tenth of the time to ready.
 *
 * @param root directory below which there are maps; what an error says of others may be a stranger's word
 */
export function originalStack(stack: string, root = findPackageRoot()): string {
  const maps = new Map<string, SourceMap | null>();
  return stack.replace(place, (generated, url: string, line: string, column: string) => {
    if (!maps.has(url)) maps.set(url, readMap(url, root));
    const entry = maps.get(url)?.findOrigin(Number(line), Number(column));
    if (entry === undefined || !('fileName' in entry)) return generated;
    // Where the source was when it was bundled is of no interest.
    const path = entry.fileName.replace(/^(?:\.\.?\/)+/u, '');
    return `${path}:${entry.lineNumber}:${entry.columnNumber}`;
  });
}

function readMap(url: string, root: string): SourceMap | null {
  try {
    const path = fileURLToPath(url);
    if (!path.startsWith(`${root}/`)) return null;
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return null; // the source itself runs, or the place is told as it is
  }
}
