import type { ResourceLimit } from './launch-plan.ts';

/** Numbers of `RLIMIT_*` (asm-generic; the same on x86 and arm64) by their names in `/proc/PID/limits`. */
const resources: Readonly<Record<string, number>> = {
  'Max cpu time': 0,
  'Max file size': 1,
  'Max data size': 2,
  'Max stack size': 3,
  'Max core file size': 4,
  'Max resident set': 5,
  'Max processes': 6,
  'Max open files': 7,
  'Max locked memory': 8,
  'Max address space': 9,
  'Max file locks': 10,
  'Max pending signals': 11,
  'Max msgqueue size': 12,
  'Max nice priority': 13,
  'Max realtime priority': 14,
  'Max realtime timeout': 15,
};

function limit(text: string): bigint | null {
  return text === 'unlimited' ? null : BigInt(text);
}

/** Reads the text of `/proc/PID/limits`. */
export function parseLimits(text: string): readonly ResourceLimit[] {
  return text.split('\n').flatMap((line) => {
    const [, name, soft, hard] = /^(Max [a-z ]+?) {2,}(unlimited|\d+) +(unlimited|\d+)/.exec(line) ?? [];
    const resource = resources[name ?? ''];
    if (resource === undefined || soft === undefined || hard === undefined) return [];
    return [{ resource, soft: limit(soft), hard: limit(hard) }];
  });
}
