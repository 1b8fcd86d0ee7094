import { Secret } from '../secret/secret.ts';
import type { CommandIo } from './command-io.ts';
import { parseUsage } from './usage-error.ts';
import { writePrivateFile } from './write-private-file.ts';

const usage = `Usage: node-driver secret new [--out FILE] [--force] [--json]

Makes a secret of 256 random bits, as text of 43 letters, digits, "-" and "_".

Options:
  --out FILE  write it to this file, readable for its owner alone, instead of
              printing it
  --force     replace the file if it exists
  --json      print {"secret":…}, or {"file":…} with --out
  --help      print this text

Exit status: 0 done, 1 failed, 2 wrong usage

Example:
  node-driver secret new --out secret
  kubectl create secret generic testvm-node-driver --from-file=secret
`;

/** `node-driver secret new`. Returns the exit status. */
export async function secretNewCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('secret new', {
    args: [...args],
    options: {
      out: { type: 'string' },
      force: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return Promise.resolve(0);
  }
  const secret = Secret.random().reveal().toString();
  const { out } = values;
  if (out === undefined) io.stdout(values.json ? `${JSON.stringify({ secret })}\n` : `${secret}\n`);
  else {
    writePrivateFile(out, secret, { force: values.force });
    if (values.json) io.stdout(`${JSON.stringify({ file: out })}\n`);
  }
  return Promise.resolve(0);
}
