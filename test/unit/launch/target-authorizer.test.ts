import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import { apiAsker } from '../../../daemon/api/api-asker.ts';
import { Refusal } from '../../../daemon/errors.ts';
import type { Asker } from '../../../daemon/fair-queue.ts';
import { TargetAuthorizer, type AuthorizedTarget } from '../../../daemon/launch/target-authorizer.ts';
import type { FoundTargets, TargetFinder } from '../../../daemon/launch/target-finder.ts';
import type { PodSecretReader, SecretOwner } from '../../../daemon/secret/pod-secret-reader.ts';
import type { SecretOpener } from '../../../daemon/secret/secret-opener.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import { FakeTargets } from '../../support/fake-targets.ts';

const secret = Secret.fromText('the secret');

/** What a promise comes to, for a table. */
function outcomeOf(asked: Promise<AuthorizedTarget>): Promise<string> {
  return asked.then(
    ({ pinned }) => `pod ${pinned.target.podUid}`,
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

describe('TargetAuthorizer', () => {
  let targets: FakeTargets;
  let looks: (() => void)[];
  let reads: (() => void)[];
  let known: (uuid: string) => FoundTargets;
  let found: (uuid: string) => FoundTargets;
  beforeEach(() => {
    targets = new FakeTargets();
    [looks, reads] = [[], []];
    known = () => targets.find();
    found = (uuid) => targets.find(uuid);
  });

  /** Looks and reads of the VMs `slow…` take until the test says so. */
  const open = (): TargetAuthorizer => {
    const finder: Pick<TargetFinder, 'isContested' | 'findKnown' | 'find'> = {
      isContested: () => false,
      findKnown: ({ uuid }) => Promise.resolve(known(uuid)),
      find: async ({ uuid }) => {
        if (uuid.startsWith('slow-look')) await new Promise<void>((resolve) => looks.push(resolve));
        return found(uuid);
      },
    };
    const read = async ({ podUid }: SecretOwner): Promise<Secret> => {
      if (podUid?.startsWith('slow-read') === true) await new Promise<void>((resolve) => reads.push(resolve));
      if (podUid?.startsWith('crowded') === true) throw new Refusal('busy', 'Too many read there', 'wait');
      return secret;
    };
    const reader: Pick<PodSecretReader, 'readSecret' | 'readExpiry'> = {
      readSecret: read,
      readExpiry: () => Promise.resolve('2999-01-01T00:00:00Z'),
    };
    const opener: Pick<SecretOpener, 'open'> = {
      open: (shown) =>
        Promise.resolve({ form: 'plain', secret: shown, claims: null, token: null, fault: null }),
    };
    return new TargetAuthorizer({
      finder: finder as TargetFinder,
      reader: reader as PodSecretReader,
      opener: opener as SecretOpener,
      ledger: null,
      tokens: null,
      lifetimeMs: 1000,
      tokenLifetimeMs: 1000,
    });
  };
  const one = { origin: 'one libvirt' };

  it('looks for other VMs of a caller while the files of a pod are read for it', async () => {
    const authorizer = open();
    const slow = outcomeOf(authorizer.authorize({ uuid: 'slow-read' }, secret, one));
    await sleep(5);
    expect(reads).to.have.lengthOf(1);
    const others = Array.from({ length: 200 }, (_, n) =>
      outcomeOf(authorizer.authorize({ uuid: `other-${n}` }, secret, one)),
    );
    expect(await Promise.all(others)).to.deep.equal(others.map((_, n) => `pod other-${n}`));
    reads[0]?.();
    expect(await slow).to.equal('pod slow-read');
    expect(targets.held, 'by those that were authorized').to.equal(201);
  });

  it('holds no target of a caller who has gone, wherever it is then', async () => {
    const authorizer = open();
    const gone = new Refusal('caller-gone', 'It has gone', 'call again');
    const ask = (uuid: string): { readonly outcome: Promise<string>; readonly leave: () => void } => {
      const leaver = new AbortController();
      const asker: Asker = { ...one, gone: leaver.signal };
      const outcome = outcomeOf(authorizer.authorize({ uuid }, secret, asker));
      return { outcome, leave: () => leaver.abort(gone) };
    };
    const looking = ask('slow-look');
    await sleep(5);
    const waiting = ask('waits');
    await sleep(5);
    for (const { leave } of [looking, waiting]) leave();
    expect(await waiting.outcome).to.equal('caller-gone');
    looks[0]?.();
    expect(await looking.outcome).to.equal('caller-gone');
    expect(targets.held).to.equal(0);
  });

  it('holds no target of who is refused, whether the look finds what was known, others or nothing', async () => {
    const another = Secret.fromText('another');
    const refusal = (): Promise<string> => outcomeOf(open().authorize({ uuid: 'a' }, another, one));
    expect(await refusal()).to.equal('secret-mismatch');
    known = found;
    expect(await refusal()).to.equal('secret-mismatch');
    found = () => targets.find('b', 'c');
    expect(await refusal()).to.equal('target-ambiguous');
    found = () => targets.find();
    expect(await refusal()).to.equal('secret-mismatch');
    known = found;
    expect(await refusal()).to.equal('target-not-found');
    expect(targets.held).to.equal(0);
  });

  it('says of pods that were not read that they were not, and not that none holds the secret', async () => {
    found = () => targets.find('a', 'crowded');
    expect(await outcomeOf(open().authorize({ uuid: 'a' }, Secret.fromText('another'), one))).to.equal(
      'busy',
    );
    expect(await outcomeOf(open().authorize({ uuid: 'a' }, secret, one))).to.equal('pod a');
    expect(targets.held).to.equal(1);
  });

  it('has nothing to say to who has gone while two pods were read', async () => {
    found = () => targets.find('slow-read-a', 'slow-read-b');
    const leaver = new AbortController();
    const asker: Asker = { ...one, gone: leaver.signal };
    const asked = outcomeOf(open().authorize({ uuid: 'a' }, Secret.fromText('another'), asker));
    await sleep(5);
    leaver.abort(new Refusal('caller-gone', 'It has gone', 'call again'));
    for (const end of reads) end();
    expect(await asked).to.equal('caller-gone');
    expect(targets.held).to.equal(0);
  });

  it('refuses a user of the API for whom too many questions wait, and no launch', async () => {
    const authorizer = open();
    const { signal } = new AbortController();
    const api = apiAsker('api', 0, signal);
    const uuids = (kind: string): readonly string[] =>
      Array.from({ length: 50 }, (_, n) => `${n === 0 ? 'slow-look' : 'quick'}-${kind}-${n}`);
    const asked = uuids('api').map((uuid) => outcomeOf(authorizer.authorize({ uuid }, secret, api)));
    const launches = uuids('launch').map((uuid) => outcomeOf(authorizer.authorize({ uuid }, secret, one)));
    await sleep(5);
    const refused = await Promise.all(asked.slice(21));
    expect(new Set(refused)).to.deep.equal(new Set(['busy']));
    for (const end of looks) end();
    expect(await Promise.all(asked.slice(0, 21))).to.not.include('busy');
    expect(await Promise.all(launches)).to.deep.equal(uuids('launch').map((uuid) => `pod ${uuid}`));
    expect(targets.held).to.equal(71);
  });
});
