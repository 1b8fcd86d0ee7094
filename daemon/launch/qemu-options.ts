/** One part of a QEMU argument such as `guest=vm,debug-threads=on`; `key` is `null` where only a value is written. */
export interface QemuOption {
  readonly key: string | null;
  readonly value: string;
}

/**
 * Splits `key=value,key=value` as QEMU does: a key ends at the first `=`, a value at the first single comma, and
 * `,,` in a value stands for one comma. Runs in linear time on any text.
 */
export function parseQemuOptions(text: string): readonly QemuOption[] {
  const options: QemuOption[] = [];
  let at = 0;
  while (at < text.length) {
    const keyEnd = findKeyEnd(text, at);
    const hasKey = text[keyEnd] === '=';
    const { value, next } = readValue(text, hasKey ? keyEnd + 1 : at);
    options.push({ key: hasKey ? text.slice(at, keyEnd) : null, value });
    at = next;
  }
  return options;
}

/** The value of the first option with this key. */
export function findQemuOption(options: readonly QemuOption[], key: string): string | null {
  return options.find((option) => option.key === key)?.value ?? null;
}

function findKeyEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '=' && text[at] !== ',') at += 1;
  return at;
}

function readValue(text: string, from: number): { readonly value: string; readonly next: number } {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    const comma = text.indexOf(',', at);
    const end = comma === -1 ? text.length : comma;
    if (text[end + 1] !== ',' || comma === -1) {
      parts.push(text.slice(at, end));
      return { value: parts.join(''), next: end + 1 };
    }
    parts.push(text.slice(at, end + 1));
    at = end + 2;
  }
}
