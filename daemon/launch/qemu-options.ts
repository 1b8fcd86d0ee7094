/** One part of a QEMU argument such as `guest=vm,debug-threads=on`; `key` is `null` where only a value is written. */
export interface QemuOption {
  readonly key: string | null;
  readonly value: string;
}

/**
 * Splits `key=value,key=value` as QEMU does: a key ends at the first `=`, a value at the first single comma, and
 * `,,` in a value stands for one comma. Runs in linear time on any text, and only as far as it is asked to: an argument
 * of 128 KiB can hold as many options as half its bytes.
 */
export function* qemuOptions(text: string): Generator<QemuOption, void> {
  let at = 0;
  while (at < text.length) {
    const keyEnd = findKeyEnd(text, at);
    const hasKey = text[keyEnd] === '=';
    const begin = hasKey ? keyEnd + 1 : at;
    const end = findValueEnd(text, begin);
    yield {
      key: hasKey ? text.slice(at, keyEnd) : null,
      value: text.slice(begin, end).replaceAll(',,', ','),
    };
    at = end + 1;
  }
}

/** The value of the first option with this key. */
export function findQemuOption(options: Iterable<QemuOption>, key: string): string | null {
  for (const option of options) if (option.key === key) return option.value;
  return null;
}

function findKeyEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '=' && text[at] !== ',') at += 1;
  return at;
}

function findValueEnd(text: string, from: number): number {
  let comma = text.indexOf(',', from);
  while (comma !== -1 && text[comma + 1] === ',') comma = text.indexOf(',', comma + 2);
  return comma === -1 ? text.length : comma;
}
