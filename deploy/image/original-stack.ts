import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';

/** A place in a stack: `file:///app/dist/daemon/main.js:1:2345`. */
const place = /file:\/\/[^\s()]*\/([^\s()/]+\.js):(\d+):(\d+)/gu;

/**
 * A stack that names the source's files and lines.
 *
 * @param directory where the `.map` files of the bundle are that it is of
 */
export function originalStack(stack: string, directory: string): string {
  const maps = new Map<string, SourceMap | null>();
  return stack.replace(place, (generated, file: string, line: string, column: string) => {
    if (!maps.has(file)) maps.set(file, readMap(join(directory, `${file}.map`)));
    const entry = maps.get(file)?.findOrigin(Number(line), Number(column));
    if (entry === undefined || !('fileName' in entry)) return generated;
    // Where the source was when it was bundled is of no interest.
    return `${entry.fileName.replace(/^(?:\.\.?\/)+/u, '')}:${entry.lineNumber}:${entry.columnNumber}`;
  });
}

function readMap(path: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload);
  } catch {
    return null; // of another bundle, or the source itself
  }
}
