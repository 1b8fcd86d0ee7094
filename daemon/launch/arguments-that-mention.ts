import { Refusal } from '../errors.ts';
import { decodeUtf8 } from './decode-utf8.ts';

/** What libvirt itself writes about the files and sockets of a domain is some hundred bytes for each. */
const MOST_BYTES = 256 * 1024;

/**
 * The texts among some arguments that may name what is looked for. A command line can be megabytes, and taking all of it
 * apart would keep the daemon from everything else: most arguments are passed over as the bytes that they are, and of
 * the others, which the author of a domain can add to, only so much is read.
 *
 * @throws Refusal `launch-failed` when that is not enough
 */
export function* argumentsThatMention(
  argv: readonly Buffer[],
  mentions: (argument: Buffer) => boolean,
): Generator<string, void> {
  let bytes = 0;
  for (const argument of argv) {
    if (!mentions(argument)) continue;
    bytes += argument.length;
    if (bytes > MOST_BYTES)
      throw new Refusal(
        'launch-failed',
        `Cannot look through the arguments of the domain: those about its files and sockets have more than ${MOST_BYTES} bytes`,
        'remove arguments from <qemu:commandline>',
      );
    const text = decodeUtf8(argument);
    if (text !== null) yield text;
  }
}

/** The arguments behind each of those that are one of these words. */
export function argumentsBehind(argv: readonly Buffer[], words: readonly string[]): readonly Buffer[] {
  const names = words.map((word) => Buffer.from(word));
  return argv.slice(1).filter((_, index) => names.some((name) => argv[index]?.equals(name) === true));
}
