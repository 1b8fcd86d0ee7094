import { expect } from 'chai';
import { Limited } from '../../../daemon/launch/launch-limits.ts';
import { SecretTries } from '../../../daemon/launch/secret-tries.ts';

describe('SecretTries', () => {
  let time: number;
  let tries: SecretTries;

  beforeEach(() => {
    time = 1000;
    tries = new SecretTries(() => time);
  });

  const isWrong = (error: unknown): boolean => error instanceof RangeError;
  const attempt = (error: Error | null, key = 'vm caller'): Promise<string> =>
    tries
      .count(key, () => (error === null ? Promise.resolve('right') : Promise.reject(error)), isWrong)
      .catch((reason: unknown) => (reason instanceof Limited ? reason.kind : String(reason)));
  const wrong = new RangeError('wrong');

  it('lets five wrong ones through, and one more each five seconds', async () => {
    const results = [];
    for (let count = 0; count < 7; count++) results.push(await attempt(wrong));
    expect(results).to.deep.equal([...Array<string>(5).fill('RangeError: wrong'), 'secrets', 'secrets']);
    time += 4999;
    expect(await attempt(wrong)).to.equal('secrets');
    time += 1;
    expect(await attempt(wrong)).to.equal('RangeError: wrong');
    expect(await attempt(wrong)).to.equal('secrets');
  });

  it('does not count right ones, nor what failed for another reason', async () => {
    for (let count = 0; count < 50; count++) {
      expect(await attempt(null)).to.equal('right');
      expect(await attempt(new Error('no pod'))).to.equal('Error: no pod');
    }
  });

  it('counts those that are not decided yet', async () => {
    let end = (): void => undefined;
    const undecided = new Promise<void>((resolve) => (end = resolve));
    const pending = Array.from({ length: 5 }, () => tries.count('vm caller', () => undecided, isWrong));
    expect(await attempt(null)).to.equal('secrets');
    end();
    await Promise.all(pending);
    expect(await attempt(null)).to.equal('right');
  });

  it('counts each VM and each caller alone', async () => {
    for (let count = 0; count < 6; count++) await attempt(wrong);
    expect(await attempt(wrong, 'vm other')).to.equal('RangeError: wrong');
    expect(await attempt(null, 'other caller')).to.equal('right');
    expect(await attempt(null)).to.equal('secrets');
  });

  it('forgets who was here longest ago, so that it stays bounded', async () => {
    for (let count = 0; count < 6; count++) await attempt(wrong);
    for (let count = 0; count < 4095; count++) await attempt(null, `vm ${count}`);
    expect(await attempt(null)).to.equal('secrets');
    for (let count = 0; count < 4096; count++) await attempt(null, `other ${count}`);
    expect(await attempt(null)).to.equal('right');
  });
});
