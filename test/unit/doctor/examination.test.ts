import { expect } from 'chai';

import { Examination } from '../../../daemon/doctor/examination.ts';
import { newFinding, type Finding } from '../../../daemon/doctor/finding.ts';

const fine = newFinding('ok', 'all is well');

describe('Examination', () => {
  it('gives the findings in the order of the checks, with their names', async () => {
    const examination = new Examination(
      [
        { name: 'kernel', look: () => new Promise((resolve) => setTimeout(resolve, 20, [fine])) },
        { name: 'clock', look: () => [fine, newFinding('warning', 'late', { subject: 'a' })] },
      ],
      4000,
    );
    const found = await examination.run();
    expect(found.map(({ check, status, subject }) => [check, status, subject])).to.deep.equal([
      ['kernel', 'ok', ''],
      ['clock', 'ok', ''],
      ['clock', 'warning', 'a'],
    ]);
  });

  it('waits for none longer than its time, and starts none again that has not ended', async () => {
    let started = 0;
    let end: (findings: readonly Finding[]) => void = () => undefined;
    const hanging = (): Promise<readonly Finding[]> => {
      started += 1;
      return new Promise((resolve) => (end = resolve));
    };
    const examination = new Examination([{ name: 'stub', look: hanging }], 10);
    for (let round = 0; round < 3; round++)
      expect((await examination.run())[0]?.message).to.match(/^there was no answer within 0\.01 s/u);
    expect(started).to.equal(1);
    end([fine]);
    await new Promise(setImmediate);
    void examination.run();
    await new Promise(setImmediate);
    expect(started).to.equal(2);
  });

  it('makes findings of errors', async () => {
    const fail = (message: string, code?: string) => (): never => {
      throw Object.assign(new Error(message), code === undefined ? {} : { code });
    };
    const examination = new Examination(
      [
        { name: 'stub', look: fail('not yours', 'EACCES') },
        { name: 'state', look: fail('broken', 'EIO') },
      ],
      1000,
    );
    const found = await examination.run();
    expect(found.map(({ status, message, command }) => [status, message, command])).to.deep.equal([
      ['skipped', "it can't be looked at by this user: not yours", 'sudo node-driver check'],
      ['warning', "it can't be looked at: broken", null],
    ]);
  });
});
