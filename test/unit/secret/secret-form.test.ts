import { expect } from 'chai';
import { secretFormOf } from '../../../daemon/secret/secret-form.ts';

describe('secretFormOf', () => {
  const cases = [
    ['open-sesame', 'plain'],
    ['', 'plain'],
    ['a.b.c.d.e', 'plain'],
    ['eyJ.b.c.d', 'plain'],
    ['eyJ.b.c.d.e.f', 'plain'],
    ['RSA-OAEP-SHA256:AAAA', 'plain'],
    ['rsa-oaep-sha256', 'plain'],
    ['rsa-oaep-sha256:', 'rsa'],
    ['rsa-oaep-sha256:%', 'rsa'],
    ['eyJ.b.c.d.e', 'jwe'],
    ['eyJ....', 'jwe'],
    ['eyJ.%.\n.ö. ', 'jwe'],
    ['eyJ.b.c', 'plain'],
    ['service-account-token', 'plain'],
    ['service-account-token:', 'token'],
    ['service-account-token:eyJ.b.c', 'token'],
    ['service-account-token:eyJ.b.c.d.e', 'token'],
  ] as const;
  for (const [text, form] of cases)
    it(`says ${form} for ${JSON.stringify(text)}`, () => {
      expect(secretFormOf(text)).to.equal(form);
    });
});
