import { expect } from 'chai';
import { RequestReader } from '../../../daemon/launch/request-reader.ts';
import { draftRequest, encodeRequest } from '../../fuzz/encode-request.ts';
import { codeOf, refusalOf } from './code-of.ts';
import { ProtocolError } from '../../../daemon/launch/protocol-error.ts';

const bytes = encodeRequest(draftRequest(['qemu'], ['A=1']));
const earlyByte = Buffer.from('K');

describe('RequestReader', () => {
  it('needs more until the last byte, then returns the request', () => {
    const reader = new RequestReader();
    expect(reader.push(bytes.subarray(0, 5))).to.equal(null);
    expect(reader.push(bytes.subarray(5, -1))).to.equal(null);
    expect(reader.push(bytes.subarray(-1))?.argv.map(String)).to.deep.equal(['qemu']);
    expect(codeOf(() => reader.end())).to.equal(null);
  });

  it('needs more on an empty chunk, before and after the request', () => {
    const reader = new RequestReader();
    expect(reader.push(Buffer.alloc(0))).to.equal(null);
    reader.push(bytes);
    expect(reader.push(Buffer.alloc(0))).to.equal(null);
  });

  it('refuses a byte in the chunk of the request as trailing-bytes', () => {
    expect(codeOf(() => new RequestReader().push(Buffer.concat([bytes, earlyByte])))).to.equal(
      'trailing-bytes',
    );
  });

  it('refuses a byte that comes after the request as trailing-bytes', () => {
    const reader = new RequestReader();
    reader.push(bytes);
    expect(codeOf(() => reader.push(earlyByte))).to.equal('trailing-bytes');
  });

  it('refuses a valid frame of another type as unexpected-type', () => {
    const started = Buffer.from('4b4e44310100040000000000', 'hex');
    expect(codeOf(() => new RequestReader().push(started))).to.equal('unexpected-type');
  });

  it('end refuses every true prefix of a request as truncated', () => {
    for (const length of bytes.keys()) {
      const reader = new RequestReader();
      reader.push(bytes.subarray(0, length));
      expect(
        codeOf(() => reader.end()),
        `${length} bytes`,
      ).to.equal('truncated');
    }
  });

  it('refuses with an error that becomes the refusal "protocol"', () => {
    const error = refusalOf(() => new RequestReader().push(Buffer.from('GET / HTTP/1.1')));
    expect(error).to.be.instanceOf(ProtocolError);
    if (!(error instanceof ProtocolError)) return;
    expect(error.toRefusal()).to.include({ code: 'protocol', message: error.message, cause: error });
  });
});
