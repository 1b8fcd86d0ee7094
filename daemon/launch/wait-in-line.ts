import { Refusal } from '../errors.ts';
import { CrowdedError, type Asker, type FairQueue } from '../fair-queue.ts';

/**
 * Runs an action when its turn comes.
 *
 * @throws Refusal `busy` where the line is too long for who asks; or the reason why the asker is gone
 */
export async function waitInLine<Result>(
  line: FairQueue,
  key: string,
  action: () => Promise<Result>,
  asker: Asker,
): Promise<Result> {
  try {
    return await line.run(key, action, asker);
  } catch (error) {
    if (!(error instanceof CrowdedError)) throw error;
    throw new Refusal(
      'busy',
      'Cannot look for the pod of the VM now: this caller asks for more than can be answered',
      'ask again in a moment',
      { cause: error },
    );
  }
}
