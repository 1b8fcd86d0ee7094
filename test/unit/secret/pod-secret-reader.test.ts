import { expect } from 'chai';
import { Refusal } from '../../../daemon/errors.ts';
import type { Broker } from '../../../daemon/host/broker.ts';
import { ReadFileError } from '../../../daemon/host/read-file-error.ts';
import { PodSecretReader } from '../../../daemon/secret/pod-secret-reader.ts';

const owner = { directory: 3, credentials: { uid: 1, gid: 2, groups: [] }, podUid: 'the-pod' };

async function refusalOf(error: Error): Promise<readonly string[]> {
  const broker = { readFile: () => Promise.reject(error) } as unknown as Broker;
  const refusal: unknown = await new PodSecretReader(broker, '/secret')
    .readSecret(owner)
    .catch((e: unknown) => e);
  if (!(refusal instanceof Refusal)) throw new Error('It is not refused', { cause: refusal });
  return [refusal.code, refusal.message, refusal.remedy];
}

describe('PodSecretReader', () => {
  it("tells a pod that hangs from one without a secret, and from other pods' hanging", async () => {
    const remedy = 'mend what serves that file system, or start the pod anew';
    expect(await refusalOf(new ReadFileError('deadline', 'ETIMEDOUT'))).to.deep.equal([
      'secret-file',
      'Cannot read "/secret" of the pod: the file system of the pod did not answer in time',
      remedy,
    ]);
    expect(await refusalOf(new ReadFileError('hanging', 'EBUSY'))).to.deep.equal([
      'secret-file',
      'Cannot read "/secret" of the pod: its file system holds too many readers who can not be ended',
      remedy,
    ]);
    const [code] = await refusalOf(new ReadFileError('hanging', 'EAGAIN'));
    expect(code).to.equal('busy');
    const [none] = await refusalOf(new ReadFileError('open', 'EACCES'));
    expect(none).to.equal('secret-file');
  });

  it('tells the broker whose pod it is', async () => {
    const pods: unknown[] = [];
    const readFile = (_directory: number, _request: unknown, pod: unknown): Promise<Buffer> => {
      pods.push(pod);
      return Promise.resolve(Buffer.from('secret'));
    };
    await new PodSecretReader({ readFile } as unknown as Broker, '/secret').readSecret(owner);
    expect(pods).to.deep.equal(['the-pod']);
  });
});
