import { readFileSync, writeFileSync } from 'node:fs';

/** Does something while a setting of the whole node has another value; `name` is its path below `/proc/sys`. */
export async function withSysctl<Result>(
  name: string,
  value: string,
  action: () => Promise<Result>,
): Promise<Result> {
  const path = `/proc/sys/${name}`;
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, value);
  try {
    return await action();
  } finally {
    writeFileSync(path, before);
  }
}
