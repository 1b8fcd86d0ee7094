/** Why a token does not count: for the node's log alone, and without anything that was secret in it. */
export class TokenFault extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'TokenFault';
  }
}
