import { decodeUtf8 } from './decode-utf8.ts';
import { guestName } from './guest-name.ts';

/**
 * The name of a domain in the arguments of its emulator; `null` when there is none. The first `-name` is libvirt's: the
 * author of a domain can only add arguments behind it.
 */
export function domainName(argv: readonly Buffer[]): string | null {
  const index = argv.findIndex((argument) => argument.equals(Buffer.from('-name')));
  const argument = index === -1 ? null : decodeUtf8(argv[index + 1] ?? Buffer.alloc(0));
  return argument === null ? null : guestName(argument);
}
