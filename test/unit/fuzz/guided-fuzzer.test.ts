import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { instrument } from '../../fuzz/instrument.ts';

describe('instrument', () => {
  it('counts each branch, and tells what is compared', () => {
    const source = `
      export const kind = (text: string): number => {
        if (text === 'deep') return 1;
        for (const each of text) if (each !== 'x' && each < 'c') return 2;
        return text.length > 3 ? 3 : 4;
      };`;
    const { code, edges, literals } = instrument('kind.ts', source, 5);
    const counts = new Uint32Array(5 + edges);
    const compared: unknown[] = [];
    const compare = (left: unknown, right: unknown): boolean => {
      compared.push(right);
      return left === right;
    };
    const body = code.replace('export const kind =', 'return');
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the code is the subject
    const make = new Function('__edges', '__compare', body) as (
      ...args: unknown[]
    ) => (text: string) => number;
    const kind = make(counts, compare);
    expect(['deep', 'b', 'xx', 'xxxx'].map(kind)).to.deep.equal([1, 2, 4, 3]);
    expect(counts.subarray(0, 5).some(Boolean)).to.equal(false);
    expect(counts.subarray(5).every((count) => count > 0)).to.equal(true);
    expect(compared).to.include.members(['deep', 'x']);
    expect(literals).to.include.members(['deep', 'x', 'c', '3']);
  });
});

describe('the guided fuzzer', () => {
  it('finds what is behind a comparison, and says with which input', function () {
    this.timeout(60_000);
    const script = `
      import { CoverageMap } from './test/fuzz/coverage-map.ts';
      import { GuidedFuzzer } from './test/fuzz/guided-fuzzer.ts';
      import { Xorshift } from './test/fuzz/xorshift.ts';
      const coverage = new CoverageMap();
      coverage.install();
      const { parseShimMessage } = await import('./daemon/machines/shim-message.ts');
      const run = (input) => {
        const message = parseShimMessage(input.toString());
        if (message?.kind === 'exited' && message.exit.reason === 'pod-gone') throw new Error('reached');
      };
      const fuzzer = new GuidedFuzzer({ name: 'x', files: [], seeds: [], maxLength: 200, run }, coverage, new Xorshift(1));
      fuzzer.start([Buffer.from('exited exit 0 qemu')]);
      try { fuzzer.run(30000); } catch (error) { console.log(error.input.toString(), error.cause.message); }
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).to.match(/^exited \w+ \d+ pod-gone reached/);
  });
});
