import type { ChildProcess } from 'node:child_process';
import { runSecretWatch } from './run-secret-watch.ts';

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

const ours = /(^|\/)(daemon\/main\.[jt]s|node-driver|qemu-kube[a-z-]*)$|\/emulators\//;
/** Commands whose standard output is for the secret, or for what it is sealed in. */
const tellers: readonly string[] = ['domain-xml', 'secret'];

/**
 * Has the watch hear what a program has written to the test: all of it where it is one of the driver's, else standard
 * error alone, in which virsh, for one, says what a stub has said. Standard output of others may be a domain's XML.
 */
export function hearOutput(
  words: readonly string[],
  { stdout, stderr }: Output,
  watch = runSecretWatch,
): void {
  const isOurs = words.some((word) => ours.test(word));
  if (isOurs && !words.some((word) => tellers.includes(word))) watch.hear('output of a command', stdout);
  if (stderr !== '') watch.hear(isOurs ? 'output of a command' : 'stderr', stderr);
}

/** The same for a child whose output the test takes as it comes. */
export function hearChild(child: ChildProcess, words: readonly string[], watch = runSecretWatch): void {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (chunk: Buffer | string) => (output[name] += chunk.toString('latin1')));
  child.once('close', () => hearOutput(words, output, watch));
}
