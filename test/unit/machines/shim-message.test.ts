import { expect } from 'chai';
import { parseExitRecord, parseShimMessage } from '../../../daemon/machines/shim-message.ts';

describe('parseShimMessage', () => {
  const messages: readonly (readonly [string, object])[] = [
    ['shim 1 42 1000', { kind: 'shim', shim: { pid: 42, startTime: 1000 } }],
    ['shim 2 42 1000', { kind: 'incompatible', version: 2 }],
    ['shim 0', { kind: 'incompatible', version: 0 }],
    ['shim 99 whatever comes then', { kind: 'incompatible', version: 99 }],
    ['started 43 1001', { kind: 'started', qemu: { pid: 43, startTime: 1001 } }],
    ['failed 13 Cannot x: y; do z', { kind: 'failed', text: 'Cannot x: y; do z' }],
    ['failed 0 ', { kind: 'failed', text: '' }],
    ['exited exit 0 qemu', { kind: 'exited', exit: { kind: 'exit', value: 0, reason: 'qemu' } }],
    [
      'exited signal 9 stub-gone',
      { kind: 'exited', exit: { kind: 'signal', value: 9, reason: 'stub-gone' } },
    ],
    ['exited signal 9 oom', { kind: 'exited', exit: { kind: 'signal', value: 9, reason: 'oom' } }],
    ['exited exit 255 pod-gone', { kind: 'exited', exit: { kind: 'exit', value: 255, reason: 'pod-gone' } }],
  ];
  for (const [line, message] of messages)
    it(`reads "${line}"`, () => {
      expect(parseShimMessage(line)).to.deep.equal(message);
    });

  for (const line of [
    '',
    'shim 1 42',
    'shim 1 -42 1000',
    'shim 1 42 99999999999999999999',
    `started ${'9'.repeat(400)} 1000`,
    'exited exit 99999999999999999999 qemu',
    'started 43 1001 x',
    'started',
    'exited exit 0',
    'exited exit 0 constructor',
    'exited exit 0 shim-gone',
    'exited killed 9 qemu',
    'exited exit -1 qemu',
    'failed x',
    'hello',
  ])
    it(`passes over "${line}"`, () => {
      expect(parseShimMessage(line)).to.equal(null);
    });
});

describe('parseExitRecord', () => {
  it('reads how QEMU ended, and when', () => {
    expect(parseExitRecord('exited signal 15 pod-gone\nat 1700000000\n')).to.deep.equal({
      kind: 'signal',
      value: 15,
      reason: 'pod-gone',
      at: '2023-11-14T22:13:20.000Z',
    });
  });

  for (const text of [
    '',
    'exited exit 0 qemu',
    'exited exit 0 qemu\nat\n',
    'started 1 2\nat 1\n',
    '\nat 1\n',
  ])
    it(`takes ${JSON.stringify(text)} for no record`, () => {
      expect(parseExitRecord(text)).to.equal(null);
    });
});
