import { expect } from 'chai';
import { constants } from 'node:os';

import { isMachineSignal, machineSignals } from '../../../daemon/machines/machine-signals.ts';

describe('isMachineSignal()', () => {
  it('allows what libvirt sends, by the numbers of this system, and nothing else', () => {
    const { SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM } = constants.signals;
    const allowed = Array.from({ length: 130 }, (_, number) => number - 1).filter(isMachineSignal);
    expect(allowed).to.deep.equal([SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM]);
    expect(Object.values(machineSignals)).to.deep.equal(allowed);
  });
});
