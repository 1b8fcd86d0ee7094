import { chmodSync } from 'node:fs';
import { StartBench } from '../support/start-bench.ts';

describe('the ways in for a stub that libvirt starts', function () {
  this.timeout(90_000);
  let bench: StartBench;

  before(async () => {
    bench = await StartBench.open();
  });
  after(() => bench.scratch.close());
  afterEach(() => bench.removePods());

  for (const [way, mode] of [
    ['by setuid', 0o4750],
    ["by libvirt's group", 0o755],
  ] as const)
    it(`lead to its pod ${way}`, async () => {
      chmodSync(bench.driver.emulator, mode);
      await bench.start(await bench.startPod());
    });
});
