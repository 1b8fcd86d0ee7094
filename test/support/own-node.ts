import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Suite } from 'mocha';
import { runCommand } from './run-command.ts';

const root = join(import.meta.dirname, '../..');
const reaper = join(root, 'test/fixtures/build/reaper');
const TIMEOUT_MS = 240_000;

function canSeeNode(): boolean {
  try {
    readlinkSync('/proc/1/ns/mnt');
    return true;
  } catch {
    return false;
  }
}

/**
 * A suite whose daemon must tell the node's namespaces from its own, by process 1. Where that shows them to nobody, all
 * of the file runs below a first process of its own: in a PID and mount namespace that stand for the node.
 *
 * @param file of the suite, which has no other
 */
export function describeOnNode(file: string, title: string, body: (this: Suite) => void): void {
  if (canSeeNode()) {
    describe(title, body);
    return;
  }
  describe(title, function () {
    this.timeout(TIMEOUT_MS);
    it('passes all of its tests on a node of its own', async () => {
      const unshare = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', reaper];
      const mocha = [process.execPath, join(root, 'node_modules/mocha/bin/mocha.js'), file];
      const { status, stdout, stderr } = await runCommand('unshare', [...unshare, ...mocha], {
        allowFailure: true,
        // One file is not the whole run, of which the secret watch asks more.
        environment: { KND_WHOLE_RUN: '' },
        timeout: TIMEOUT_MS - 5000,
      });
      if (status !== 0) throw new Error(`${stdout}\n${stderr}`);
    });
  });
}
