import { Refusal } from '../../../daemon/errors.ts';
import { ProtocolError } from '../../../daemon/launch/protocol-error.ts';

/** The code of the ProtocolError or Refusal that an action throws, `null` when it throws nothing. */
export function codeOf(action: () => unknown): string | null {
  return refusalOf(action)?.code ?? null;
}

/** What an action throws, where that is a ProtocolError or a Refusal; anything else is thrown on. */
export function refusalOf(action: () => unknown): ProtocolError | Refusal | null {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof Refusal) return error;
    throw error;
  }
  return null;
}
