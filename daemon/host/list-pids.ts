import fs from 'node:fs';

/**
 * The processes of the node. By their names alone: to ask for the types of the entries, too, fails where one of them has
 * ended meanwhile.
 *
 * @param proc the node's procfs
 */
export async function listPids(proc: string): Promise<readonly number[]> {
  const names = await fs.promises.readdir(proc);
  return names.map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
}
