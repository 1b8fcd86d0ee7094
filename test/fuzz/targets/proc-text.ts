import { parseStat } from '../../../daemon/target/parse-stat.ts';
import { parseStatus } from '../../../daemon/target/parse-status.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const stat = '(qemu) S 1 17 17 0 -1 4194304 101 0 0 0 0 0 0 0 20 0 1 0 126551 2998272 390';
const status = `Umask:\t0022
State:\tS (sleeping)
Tgid:\t17
Ngid:\t0
Pid:\t17
PPid:\t1
Uid:\t107\t107\t107\t107
Gid:\t107\t107\t107\t107
Groups:\t107 36 
NSpid:\t17\t3
CapInh:\t0000000000000000
CapEff:\t000001ffffffffff
NoNewPrivs:\t1
Seccomp:\t2
Cpus_allowed_list:\t0-3,8
`;

/** `/proc/PID/stat` and `/proc/PID/status`, in which a process chooses its own name. */
export const procText: FuzzTarget = {
  name: 'proc-text',
  files: ['target/parse-stat.ts', 'target/parse-status.ts'],
  seeds: [
    `17 ${stat}\n`,
    `17 (a) b (c)) R 2 3`,
    '1 (',
    `Name:\tqemu\n${status}`,
    `Name:\tq\n${status.replace('NSpid:\t17\t3\n', '').replace('Umask', 'Xmask')}`,
    status.replace('Pid:', 'Qid:'),
    status.replace('Uid:\t107', 'Uid:\tx'),
    status.replace('17\t3', ''),
    'no colon\n',
  ],
  run: (input) => {
    const text = input.toString('utf8');
    const parsed = parseStat(text);
    if (parsed !== null) {
      const numbers = [parsed.pid, parsed.ppid, parsed.startTime];
      expectThat(numbers.every(isCount), 'the numbers of a process are numbers');
      expectThat(
        /^[A-Za-z]$/.test(parsed.state) && text.includes(`(${parsed.comm})`),
        'name and state are its own',
      );
    }
    const details = parseStatus(text);
    if (details !== null) checkStatus(details);
    checkNames(text);
  },
};

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkStatus({
  pid,
  ppid,
  uid,
  gid,
  groups,
  nspid,
  umask,
}: NonNullable<ReturnType<typeof parseStatus>>): void {
  const numbers = [
    pid,
    ppid,
    ...[uid, gid].flatMap(({ real, effective, saved, fs }) => [real, effective, saved, fs]),
    ...groups,
    ...nspid,
    umask ?? 0,
  ];
  expectThat(numbers.every(isCount), 'ids are numbers');
  expectThat(
    nspid.length > 0 && (umask ?? 0) <= 0o7777,
    'there is an id of its own, and a umask has its bits',
  );
}

/** Whatever a process calls itself, the other fields are the kernel's. */
function checkNames(name: string): void {
  const named = parseStat(`17 (${name}) ${stat.slice('(qemu) '.length)}\n`);
  expectThat(named?.comm === name && named.pid === 17 && named.startTime === 126551, 'a name is just a name');
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  const details = parseStatus(`Name:\t${escaped}\n${status}`);
  expectThat(
    details?.name === escaped && details.pid === 17 && details.uid.real === 107,
    'a name adds no line',
  );
}
