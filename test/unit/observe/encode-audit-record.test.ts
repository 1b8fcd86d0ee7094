import { expect } from 'chai';
import { auditText, type AuditRecord, type AuditValue } from '../../../daemon/observe/audit-record.ts';
import { encodeAuditRecord } from '../../../daemon/observe/encode-audit-record.ts';
import { Secret } from '../../../daemon/secret/secret.ts';

const secret = Secret.fromText('never to be seen');
const record: AuditRecord = {
  event: 'launch',
  decision: 'refused',
  launchId: null,
  code: 'secret-mismatch',
  cause: auditText('No'),
  detail: null,
  checks: [{ check: 'caller', verdict: 'ok' }],
  caller: null,
  vm: null,
  domain: null,
  pod: null,
  mode: null,
  qemuPid: null,
  seconds: 0.5,
  suppressed: 0,
};

describe('encodeAuditRecord', () => {
  const hostile = [
    'a\nb\r\n{"decision":"allowed"}',
    '"},{"decision":"allowed',
    '\u0000\u001b[2J\u007f\u009b31m',
    '\u2028\u2029\u0085',
    '\u202egnp.exe\u2066\u200f\u061c\ufeff\u00ad',
    '\ud800 \udfff \u{1f600}',
    '\\u000a \\',
  ];
  for (const text of hostile)
    it(`writes one line of printable ASCII for ${JSON.stringify(text)}, and loses nothing`, () => {
      const line = encodeAuditRecord({ ...record, domain: auditText(text) }, new Date());
      expect(line).to.match(/^[\x20-\x7e]+$/);
      expect(JSON.parse(line)).to.include({ decision: 'refused', domain: text });
    });

  it('begins with the time', () => {
    expect(encodeAuditRecord(record, new Date(0))).to.match(
      /^\{"time":"1970-01-01T00:00:00.000Z","event":"launch",/,
    );
  });

  it('takes no secret: the compiler refuses one, and so does the program', () => {
    // @ts-expect-error -- a Secret is no AuditText
    const held: AuditRecord = { ...record, domain: secret };
    // @ts-expect-error -- nor may it be hidden in an object
    const nested: AuditValue = { inner: secret };
    // @ts-expect-error -- nor is text that nobody has looked at
    const plain: AuditRecord = { ...record, domain: 'a text' };
    expect(() => encodeAuditRecord(held, new Date())).to.throw(TypeError, 'Secret');
    const hidden = { ...record, pod: nested } as unknown as AuditRecord;
    expect(() => encodeAuditRecord(hidden, new Date())).to.throw(TypeError, 'Secret');
    expect(plain.domain).to.equal('a text');
    expect(auditText(`${String(secret)} ${JSON.stringify({ secret })}`)).to.not.include('never');
  });

  it('cuts what is long', () => {
    expect(auditText('x'.repeat(1_000_000))).to.have.lengthOf(256);
  });
});
