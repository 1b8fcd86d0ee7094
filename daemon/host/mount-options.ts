/**
 * The options of the mount that a path is on: `nosuid`, `noexec`, `ro` and such.
 *
 * @param mounts text of a `mountinfo` of `/proc`
 * @param path absolute and free of links, as the reader of that file sees it
 */
export function mountOptions(mounts: string, path: string): ReadonlySet<string> {
  let best = '';
  let options: readonly string[] = [];
  for (const line of mounts.split('\n')) {
    const [, , , , escaped, own] = line.split(' ');
    if (escaped === undefined || own === undefined) continue;
    const point = unescapeOctal(escaped);
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of those at one place the last one is on top.
    if (!isAbove || point.length < best.length) continue;
    best = point;
    options = [...own.split(','), ...superOptions(line)];
  }
  return new Set(options);
}

/** A file system may be read-only as a whole. */
function superOptions(line: string): readonly string[] {
  return line.split(' - ')[1]?.split(' ')[2]?.split(',') ?? [];
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/gu, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
