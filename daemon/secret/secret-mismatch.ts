import { Refusal } from '../errors.ts';

/**
 * The one answer to a secret that does not count, whatever is wrong with it: whoever tries secrets learns nothing from
 * it.
 *
 * @param detail what is wrong, for the node's log.
 */
export function secretMismatch(secretFile: string, detail: string): Refusal {
  return new Refusal(
    'secret-mismatch',
    'Cannot accept the secret of the domain: it is not the one in the pod, or not for this VM and pod',
    `set KUBEVIRT_IO_SECRET to what "${secretFile}" of the pod holds, or seal that anew; the log of the node driver ` +
      'has the reason',
    { detail },
  );
}

/**
 * The one answer to a token of a ServiceAccount that does not count.
 *
 * @param detail what is wrong, for the node's log.
 */
export function tokenMismatch(detail: string): Refusal {
  return new Refusal(
    'secret-mismatch',
    'Cannot accept the token of the domain: Kubernetes does not accept it, or not for this pod',
    'set KUBEVIRT_IO_SECRET to a token that is bound to the pod, for the audience of "kubernetes-token-audience"; the ' +
      'log of the node driver has the reason',
    { detail },
  );
}
