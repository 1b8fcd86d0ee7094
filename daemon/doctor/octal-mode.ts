/** As `stat -c %a` shows it, with a zero before it. */
export function octalMode(mode: number): string {
  return `0${(mode & 0o7777).toString(8)}`;
}
