import { expect } from 'chai';
import { judgeStub } from '../../../daemon/profiles/judge-stub.ts';

/** Seconds, so that the cases can be read. */
const at = (seconds: number): bigint => BigInt(Math.round(seconds * 1000)) * 1_000_000n;

describe('judgeStub', () => {
  const cases: readonly (readonly [string, [number, number, number, boolean | null], string])[] = [
    ['leaves a stub that is newer', [20, 10, 30, null], 'current'],
    ['leaves it as long as nothing changes', [20, 10, 30, false], 'current'],
    ['bumps a stub that is older', [10, 20, 30, null], 'bump'],
    ['bumps it also when that was so at the last look, where it failed', [10, 20, 30, false], 'bump'],
    ['bumps a stub that is newer by less than libvirt sees', [20.9, 20.1, 30, null], 'bump'],
    ['leaves a stub of the next second', [21, 20.9, 30, null], 'current'],
    ['waits for the second after the change', [10, 20.1, 20.9, true], 'wait'],
    ['bumps at the beginning of the next second', [10, 20.1, 21, true], 'bump'],
    ['bumps for an older emulator, when it was another one before', [20, 10, 30, true], 'bump'],
    ["waits for the second after the stub's own, then", [20.1, 10, 20.9, true], 'wait'],
    ['bumps once for an emulator from the future', [10, 90, 30, null], 'bump'],
    ['bumps once more when that changes', [30, 90, 40, true], 'bump'],
    ['bumps not again and again for it', [30, 90, 40, false], 'current'],
    ['bumps a stub from the future, when the emulator is another one', [90, 10, 30, true], 'bump'],
    ['leaves a stub from the future', [90, 10, 30, false], 'current'],
  ];
  for (const [title, [stub, emulator, now, isChanged], verdict] of cases)
    it(title, () => {
      expect(judgeStub({ stub: at(stub), emulator: at(emulator), now: at(now), isChanged })).to.equal(
        verdict,
      );
    });

  it('comes to rest after one bump, whatever the moment', () => {
    const tenths = (count: number): bigint => BigInt(count) * 100_000_000n;
    for (let changed = 0; changed < 30; changed++)
      for (let first = changed; first < changed + 15; first++) {
        let stub = 0;
        const bumps: number[] = [];
        for (let now = first; now < first + 100; now += 5) {
          const verdict = judgeStub({
            stub: tenths(stub),
            emulator: tenths(changed),
            now: tenths(now),
            isChanged: false,
          });
          if (verdict === 'bump') bumps.push((stub = now));
        }
        expect(bumps).to.have.lengthOf(1);
        expect(Math.floor(stub / 10)).to.be.greaterThan(Math.floor(changed / 10));
      }
  });
});
