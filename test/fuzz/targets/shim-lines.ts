import { parseExitRecord, parseShimMessage } from '../../../daemon/machines/shim-message.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

/** What a shim tells, and the record that it leaves. */
export const shimLines: FuzzTarget = {
  name: 'shim-lines',
  files: ['machines/shim-message.ts'],
  seeds: [
    'shim 1 17 126551',
    'shim 2 17 126551 new',
    'shim 77',
    'started 18 126552',
    'failed 2 Cannot execute it',
    'exited signal 9 pod-gone\nat 1750000000\n',
    'exited exit 0 qemu',
    'exited exit 0 other\nat 1\n',
    'exited exit 1 stub-gone\nat x\n',
  ],
  run: (input) => {
    const text = input.toString('utf8');
    const message = parseShimMessage(text);
    const record = parseExitRecord(text);
    if (record !== null)
      expectThat(
        isCount(record.value ?? -1) && !Number.isNaN(Date.parse(record.at)),
        'a record has a time and a number',
      );
    if (message === null) return;
    if (message.kind === 'shim' || message.kind === 'started') {
      const { pid, startTime } = message.kind === 'shim' ? message.shim : message.qemu;
      expectThat(isCount(pid) && isCount(startTime), 'a process is told by two numbers');
      const written = message.kind === 'shim' ? 'shim 1' : 'started';
      expectThat(text.startsWith(`${written} `), 'a line is of its own kind');
    } else if (message.kind === 'exited')
      expectThat(isCount(message.exit.value ?? -1), 'an end has a number');
    else if (message.kind === 'incompatible') expectThat(message.version !== 1, 'this version is compatible');
    else expectThat(text.endsWith(message.text), 'a failure is told as it came');
  },
};

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
