/** Why the broker could not read a file: `step` as in docs/protocol.md, `code` an errno's name. */
export class ReadFileError extends Error {
  readonly code: string;
  readonly step: 'root' | 'open' | 'type' | 'size' | 'content' | 'deadline' | 'hanging';

  constructor(step: ReadFileError['step'], code: string) {
    super(`Cannot read a file of a pod: ${step} failed with ${code}`);
    this.step = step;
    this.code = code;
  }
}
