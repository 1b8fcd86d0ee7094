import { parseShimMessage, type ShimMessage } from './shim-message.ts';

/** Reads the lines of a shim one after the other, and puts together what two of them tell. */
export class ShimMessageReader {
  #inode: number | undefined;

  /** `null` for a line that this version does not know, or that belongs to a later one. */
  read(line: string): ShimMessage | null {
    const inode = /^inode (\d{1,15})$/.exec(line)?.[1];
    if (inode !== undefined) this.#inode = Number(inode);
    const message = parseShimMessage(line);
    if (message?.kind !== 'started' || this.#inode === undefined) return message;
    return { kind: 'started', qemu: { ...message.qemu, inode: this.#inode } };
  }
}
