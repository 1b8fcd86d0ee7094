import type { Machine } from '../machines/machine.ts';
import type { Target, VmIdentity } from '../target/target.ts';

/** A secret that was found to be valid. */
export interface ValidSecret {
  /** The pod that holds it. */
  readonly target: Target;
  /** From then on it is refused; `null` when it does not expire. */
  readonly validUntil: Date | null;
}

/** What the API asks of the daemon. Both promises reject with `Refusal` when the answer is no. */
export interface ApiBackend {
  resolve(vm: VmIdentity): Promise<Target>;
  validateSecret(vm: VmIdentity, secret: string): Promise<ValidSecret>;
  readonly machines: {
    /** In the order in which they were launched. */
    list(): readonly Machine[];
    get(launchId: string): Machine | undefined;
  };
}
