/** A value of `qemu.conf`: texts without their quotes, numbers as they are written. */
export interface QemuSetting {
  readonly values: readonly string[];
  readonly isList: boolean;
  /** It goes on after its line. */
  readonly isLong: boolean;
}

/** Reads libvirt's `qemu.conf` as far as settings are concerned. Of one that is set twice the last counts, as in libvirt. */
export function parseQemuConf(text: string): ReadonlyMap<string, QemuSetting> {
  const settings = new Map<string, QemuSetting>();
  const pattern = /^[ \t]*([a-z_0-9]+)[ \t]*=[ \t]*(?:\[([^\]]*)\]|("[^"\n]*"|'[^'\n]*'|[^\s#]+))/gmu;
  for (const [whole, name = '', list, single] of text.matchAll(pattern)) {
    const source = (list ?? single ?? '').replace(/^[ \t]*#.*$/gmu, '');
    const values = [...source.matchAll(/"([^"\n]*)"|'([^'\n]*)'|([^\s,"']+)/gu)].map(
      ([, double, quoted, bare]) => double ?? quoted ?? bare ?? '',
    );
    settings.set(name, { values, isList: list !== undefined, isLong: whole.includes('\n') });
  }
  return settings;
}
