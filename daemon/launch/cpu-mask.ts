/**
 * The bit mask of a CPU list such as `0-3,8`, in the form of `sched_setaffinity(2)`: whole 8-byte words, the lowest
 * CPU in the lowest bit of the first byte. Empty for a list that makes no sense.
 */
export function cpuMask(list: string): Uint8Array {
  const bits = new Set<number>();
  for (const part of list.split(',')) {
    const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (first === undefined) return new Uint8Array();
    if (Number(last ?? first) < Number(first)) return new Uint8Array();
    for (let cpu = Number(first); cpu <= Number(last ?? first); cpu++) bits.add(cpu);
  }
  const highest = [...bits].reduce((a, b) => Math.max(a, b));
  const mask = new Uint8Array(Math.ceil((highest + 1) / 64) * 8);
  for (const cpu of bits) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return mask;
}
