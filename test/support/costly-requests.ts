import { draftRequest, type RequestDraft } from '../fuzz/encode-request.ts';

/** Longest string that the kernel passes to a program, without its NUL. */
const LONGEST = 131_071;
/** So many of them fit into one request. */
const MANY = 30;
const state = '/var/lib/libvirt/qemu';
const masterKey = [
  '-name',
  'guest=costly',
  '-object',
  `{"qom-type":"secret","id":"masterKey0","format":"raw","file":"${state}/domain-1-costly/master-key.aes"}`,
];

/** One request of up to 4 MiB that is made to be costly to read. */
export interface CostlyRequest {
  readonly what: string;
  readonly args: readonly string[];
  readonly env?: readonly string[];
}

function fill(part: string, bytes = LONGEST, [begin, end]: readonly [string, string] = ['', '']): string {
  const left = bytes - Buffer.byteLength(begin + end);
  return begin + part.repeat(Math.floor(left / Buffer.byteLength(part))) + end;
}

function objects(key: string, bytes = LONGEST): string {
  return fill('{},', bytes, [`{"${key}":[`, '0]}']);
}

function times(...args: readonly string[]): readonly string[] {
  return Array.from({ length: MANY }, () => args).flat();
}

/** By their arguments, which libvirt, or whoever is in its place, gives. */
export const costlyRequests: readonly CostlyRequest[] = [
  { what: 'a name of 4 MiB', args: ['-name', fill('a,', 4_000_000, ['€', ''])] },
  { what: 'many long names', args: times('-name', fill('a,', LONGEST, ['€', ''])) },
  { what: 'a name of nothing but commas', args: ['-name', fill(',,')] },
  { what: 'an argument of 4 MiB of paths', args: [...masterKey, fill('/,', 4_000_000)] },
  { what: 'many arguments of paths', args: [...masterKey, ...times(fill('/,'))] },
  { what: 'JSON of 4 MiB of objects', args: [...masterKey, objects('/', 4_000_000)] },
  { what: 'much JSON of objects', args: [...masterKey, ...times(objects('/'))] },
  { what: 'much JSON with escapes', args: [...masterKey, ...times(objects('\\/'))] },
  {
    what: 'many arguments of the paths of a domain',
    args: [...masterKey, ...times(fill('/run/libvirt/qemu/x/1-costly,'))],
  },
  {
    what: 'many arguments of distinct paths of a domain',
    args: [
      ...masterKey,
      ...Array.from({ length: 4000 }, (_, index) => `/run/libvirt/qemu/x/1-costly-${index}`),
    ],
  },
  {
    what: 'much JSON that names a directory of libvirt',
    args: [...masterKey, ...times(objects('/run/libvirt/qemu/'))],
  },
  {
    what: 'deep JSON that names a directory of libvirt',
    args: [...masterKey, ...times(fill('[', LONGEST / 2, ['{"/run/libvirt/qemu/":', '']))],
  },
  { what: 'many objects that mention a master key', args: times('-object', objects('masterKey0')) },
  {
    what: 'many options that mention a master key',
    args: times('-object', fill('a,', LONGEST, ['masterKey0,', ''])),
  },
  { what: 'thousands of names', args: Array.from({ length: 4000 }, () => '-name') },
  {
    what: 'thousands of variables of the identity',
    args: [],
    env: Array.from({ length: 4000 }, () => 'KUBEVIRT_IO_VM_NAME=costly'),
  },
  { what: 'a long identity', args: [], env: [`KUBEVIRT_IO_VM_NAME=${fill('é', 131_000)}`] },
  { what: 'many long variables', args: [], env: times(fill('=', LONGEST)) },
];

/** @param env of the VM and its secret */
export function draftCostly({ args, env = [] }: CostlyRequest, identity: readonly string[]): RequestDraft {
  return draftRequest(['qemu', ...args], [...identity, ...env]);
}
