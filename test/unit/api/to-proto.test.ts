import { expect } from 'chai';

import { fromDuration, toDuration } from '../../../daemon/api/duration.ts';
import { kindFromProto, logLevelFromProto, wordFromProto } from '../../../daemon/api/from-proto.ts';
import { launchSteps, type LaunchStep } from '../../../daemon/machines/launch-step.ts';
import { logLevels } from '../../../daemon/observe/log-level.ts';
import {
  logLevelNames,
  machineToProto,
  namespaceKindNames,
  targetToProto,
} from '../../../daemon/api/to-proto.ts';
import { namespaceKinds } from '../../../daemon/target/target.ts';
import { exampleMachine, exampleTarget } from '../../support/api-fixtures.ts';

describe('targetToProto()', () => {
  it('converts every field', () => {
    expect(targetToProto(exampleTarget)).to.deep.equal({
      process: { pid: 4242, startTime: '9007199254740991' },
      vm: { uuid: '6f0b2d6e-1111-4222-8333-444455556666', name: 'testvm' },
      podUid: exampleTarget.podUid,
      containerId: exampleTarget.containerId,
      containerInit: { pid: 4200, startTime: '123000' },
      namespaces: [
        { kind: 'NAMESPACE_KIND_MNT', inode: '4026532100' },
        { kind: 'NAMESPACE_KIND_NET', inode: '4026532101' },
        { kind: 'NAMESPACE_KIND_TIME', inode: '4026531834' },
      ],
      cgroups: exampleTarget.cgroups,
      uid: 107,
      gid: 108,
      groups: [107, 36],
    });
  });

  it('leaves empty what a node without Kubernetes does not know', () => {
    const proto = targetToProto({ ...exampleTarget, podUid: null, containerId: null, vm: {} });
    expect(proto).to.include({ podUid: '', containerId: '' });
    expect(proto.vm).to.deep.equal({ uuid: '', name: '' });
  });
});

describe('machineToProto()', () => {
  it('leaves out the processes that do not run yet, and the exit', () => {
    const {
      launchId,
      vm,
      podUid,
      containerId,
      mode,
      emulator,
      stub,
      target,
      namespaces,
      cgroups,
      createdAt,
    } = exampleMachine;
    const known = {
      launchId,
      vm,
      podUid,
      containerId,
      mode,
      emulator,
      stub,
      target,
      namespaces,
      cgroups,
      createdAt,
    };
    const proto = machineToProto({ ...known, state: 'starting' });
    expect(proto).to.not.have.any.keys('shim', 'qemu', 'exit');
    expect(proto.state).to.equal('MACHINE_STATE_STARTING');
    expect(proto.profile).to.equal('');
    expect(machineToProto(exampleMachine).profile).to.equal('default');
  });

  const exits = [
    [
      { kind: 'exit', value: 0, reason: 'qemu' },
      { exitStatus: 0, reason: 'MACHINE_EXIT_REASON_QEMU' },
    ],
    [
      { kind: 'signal', value: 9, reason: 'pod-gone' },
      { signal: 9, reason: 'MACHINE_EXIT_REASON_POD_GONE' },
    ],
    [{ kind: 'unknown', reason: 'shim-gone' }, { reason: 'MACHINE_EXIT_REASON_SHIM_GONE' }],
  ] as const;
  for (const [exit, wanted] of exits)
    it(`converts an exit of kind ${exit.kind}`, () => {
      const at = '2026-11-23T19:06:00.000Z';
      const proto = machineToProto({ ...exampleMachine, state: 'exited', exit: { ...exit, at } });
      expect(proto.exit).to.deep.equal({ ...wanted, at: { seconds: '1795460760', nanos: 0 } });
    });
});

describe('duration.ts', () => {
  it('carries seconds to the microsecond', () => {
    for (const seconds of [0, 0.000001, 0.0123456, 1.999999, 12])
      expect(fromDuration({ nanos: 0, seconds: '0', ...toDuration(seconds) } as never)).to.be.closeTo(
        seconds,
        5e-7,
      );
    expect(toDuration(1.9999999)).to.deep.equal({ seconds: '2', nanos: 0 });
    expect([toDuration(-1), fromDuration(null)]).to.deep.equal([{ seconds: '0', nanos: 0 }, 0]);
  });
});

describe('logLevelFromProto()', () => {
  it('undoes logLevelNames for every level, and knows no other', () => {
    expect(logLevels.map((level) => logLevelFromProto(logLevelNames[level]))).to.deep.equal(logLevels);
    expect(['', 'LOG_LEVEL_UNSPECIFIED', 'info'].map(logLevelFromProto)).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('kindFromProto()', () => {
  it('undoes namespaceKindNames for every kind', () => {
    expect(namespaceKinds.map((kind) => kindFromProto(namespaceKindNames[kind]))).to.deep.equal(
      namespaceKinds,
    );
  });

  it('passes on what a newer daemon may send', () => {
    expect(kindFromProto('NAMESPACE_KIND_DREAM')).to.equal('NAMESPACE_KIND_DREAM');
  });
});

describe('wordFromProto()', () => {
  it('reads states and reasons', () => {
    expect(wordFromProto('MACHINE_STATE_RUNNING')).to.equal('running');
    expect(wordFromProto('MACHINE_EXIT_REASON_STUB_GONE')).to.equal('stub-gone');
    expect(launchSteps.map((step) => stepWord(step))).to.deep.equal(launchSteps);
    expect(wordFromProto('LOG_LEVEL_DEBUG')).to.equal('debug');
  });
});

/** As the word of a step comes back. */
function stepWord(step: LaunchStep): string {
  const { steps } = machineToProto({ ...exampleMachine, steps: [{ step, seconds: 1 }] });
  return wordFromProto(String(steps?.[0]?.step));
}
