import type { Config } from '../config/config.ts';
import type { Libc } from '../host/libc.ts';
import type { Logger } from '../observe/logger.ts';
import { makeDirectory } from '../run-directory.ts';
import { KeyRing } from './key-ring.ts';
import { heldForms, type SecretForm } from './secret-form.ts';
import { SecretOpener } from './secret-opener.ts';
import { TokenLedger } from './token-ledger.ts';

/** What secrets are opened and tokens are noted with. */
export interface Secrets {
  readonly opener: SecretOpener;
  /** `null` where tokens are not accepted. */
  readonly ledger: TokenLedger | null;
  close(): Promise<void>;
}

type SecretConfig = Pick<Config, 'secretForms' | 'secretKeys' | 'stateDirectory'>;

/** The forms that are accepted: as configured, or all that there are keys for. `token` has to be asked for. */
export function acceptedForms({ secretForms: chosen, secretKeys }: SecretConfig): readonly SecretForm[] {
  return chosen ?? (secretKeys.length > 0 ? heldForms : ['plain']);
}

/** @throws Error with cause and remedy when a key or the ledger can't be used */
export async function openSecrets(
  config: SecretConfig,
  libc: Pick<Libc, 'lock'>,
  logger: Logger,
): Promise<Secrets> {
  const forms = acceptedForms(config);
  const keys = forms.some((form) => form === 'rsa' || form === 'jwe')
    ? await KeyRing.open(config.secretKeys, (cause) => logger.error('A private key is not used', { cause }))
    : { current: () => Promise.resolve([]) };
  const ledger = forms.includes('jwe') ? openLedger(config.stateDirectory, libc) : null;
  return {
    opener: new SecretOpener(forms, keys),
    ledger,
    close: async () => ledger?.close(),
  };
}

function openLedger(directory: string, libc: Pick<Libc, 'lock'>): TokenLedger {
  makeDirectory(directory, 0o700, 0);
  return TokenLedger.open({ directory, lock: (fd) => libc.lock(fd) });
}
