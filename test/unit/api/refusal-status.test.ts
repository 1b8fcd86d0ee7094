import { status } from '@grpc/grpc-js';
import { expect } from 'chai';

import { refusalStatus } from '../../../daemon/api/refusal-status.ts';
import { Refusal, refusalCodes, type RefusalCode } from '../../../daemon/errors.ts';

describe('refusalStatus()', () => {
  const refuse = (code: RefusalCode): Refusal => new Refusal(code, 'Cannot do it', 'do that');

  it('carries the line and the stable code', () => {
    const { details, metadata } = refusalStatus(refuse('target-gone'));
    expect(details).to.equal('Cannot do it; do that');
    expect(metadata?.get('refusal-code')).to.deep.equal(['target-gone']);
  });

  it('carries nothing of the detail, which is for the log of the node', () => {
    const refusal = new Refusal('secret-mismatch', 'Cannot do it', 'do that', {
      detail: 'the token is used',
    });
    expect(JSON.stringify(refusalStatus(refusal))).to.not.include('token');
  });

  const expected: readonly (readonly [RefusalCode, status])[] = [
    ['invalid-identity', status.INVALID_ARGUMENT],
    ['target-not-found', status.NOT_FOUND],
    ['target-ambiguous', status.FAILED_PRECONDITION],
    ['secret-mismatch', status.PERMISSION_DENIED],
    ['secret-expired', status.PERMISSION_DENIED],
    ['busy', status.RESOURCE_EXHAUSTED],
    ['internal', status.INTERNAL],
  ];
  for (const [code, wanted] of expected)
    it(`answers ${code} with ${status[wanted]}`, () => {
      expect(refusalStatus(refuse(code)).code).to.equal(wanted);
    });

  it('has an answer for every code that is neither OK nor UNKNOWN', () => {
    for (const code of refusalCodes)
      expect(refusalStatus(refuse(code)).code, code).to.be.greaterThan(status.UNKNOWN);
  });
});
