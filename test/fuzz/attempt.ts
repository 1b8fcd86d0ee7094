import { Refusal, refusalCodes } from '../../daemon/errors.ts';
import { ProtocolError, protocolErrorCodes } from '../../daemon/launch/protocol-error.ts';
import { expectThat } from './expect-that.ts';

/** What must be in no message; targets plant it where a secret is. */
export const plantedSecret = 'planted-secret-6b1f';

const longestLine = 4096;

/** The result of an action, or the code of its refusal; whatever else it throws is a finding. */
export function attempt<T>(action: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: action() };
  } catch (error) {
    if (error instanceof ProtocolError) {
      expectThat(protocolErrorCodes.includes(error.code), 'the code of a protocol error is a known one');
      checkLine(error.toRefusal().line);
      return { code: error.code };
    }
    if (!(error instanceof Refusal)) throw error;
    expectThat(refusalCodes.includes(error.code), 'the code of a refusal is a known one');
    checkLine(error.line);
    return { code: error.code };
  }
}

/** What a person is told: one line of bounded length, without a secret. */
function checkLine(line: string): void {
  expectThat(line.length <= longestLine, `a refusal has at most ${longestLine} characters`);
  expectThat(!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(line), 'a refusal is one line without control characters');
  expectThat(!line.includes(plantedSecret), 'a refusal does not tell the secret');
}
