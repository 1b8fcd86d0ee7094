import { expectContainedDaemon } from '../support/contained-daemon.ts';
import { describeOnNode } from '../support/own-node.ts';
import { Scratch } from '../support/scratch.ts';

describeOnNode(import.meta.filename, 'a daemon in a container', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  beforeEach(() => {
    scratch = Scratch.open('test');
  });
  afterEach(() => scratch.close());

  for (const [mode, where] of [
    ['fork', 'on the node'],
    ['fork', 'in another container'],
    ['exec', 'in another container'],
  ] as const)
    it(`starts the VM of a libvirt ${where} in ${mode} mode, which outlives it and is known to the next`, () =>
      expectContainedDaemon(scratch, { mode, where, asDaemonSet: false }));
});
