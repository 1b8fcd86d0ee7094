import type { CommandIo } from './command-io.ts';
import { secretKeygenCommand } from './secret-keygen.ts';
import { secretNewCommand } from './secret-new.ts';
import { secretSealCommand } from './secret-seal.ts';
import { secretVerifyCommand } from './secret-verify.ts';
import { quoteText } from '../quote-text.ts';
import { UsageError } from './usage-error.ts';

const usage = `Usage: node-driver secret new|keygen|seal|verify [OPTIONS]

Makes and checks what a VM and its pod share. No daemon is asked.

Commands:
  new     make a random secret
  keygen  make a key pair: the private key for nodes, the public one for whoever
          seals
  seal    seal a secret for one VM in one pod, for its domain
  verify  check what a domain carries, and say what is wrong with it

Options:
  --help  print this text; after a command, that command's

Example:
  node-driver secret new --out secret
  node-driver secret seal --key node.pub.pem --uuid UUID --pod-uid UID < secret
`;

const commands: Readonly<Record<string, (args: readonly string[], io: CommandIo) => Promise<number>>> = {
  new: secretNewCommand,
  keygen: secretKeygenCommand,
  seal: secretSealCommand,
  verify: secretVerifyCommand,
};

/** `node-driver secret`. Returns the exit status. */
export async function secretCommand([name, ...args]: readonly string[], io: CommandIo): Promise<number> {
  if (name === '--help' || name === '-h') {
    io.stdout(usage);
    return 0;
  }
  const run = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (run !== undefined) return run(args, io);
  const cause = name === undefined ? 'the command is missing' : `${quoteText(name)} is none of its commands`;
  throw new UsageError(
    `Cannot run secret: ${cause}; say new, keygen, seal or verify, see node-driver secret --help`,
  );
}
