import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import { Refusal } from '../../../daemon/errors.ts';
import type { Asker } from '../../../daemon/fair-queue.ts';
import { LaunchExplainer, type LaunchExplainerOptions } from '../../../daemon/launch/launch-explainer.ts';
import type { AuthorizedTarget, TargetAuthorizer } from '../../../daemon/launch/target-authorizer.ts';
import type { FoundTargets, TargetFinder } from '../../../daemon/launch/target-finder.ts';
import type { PodSecretReader, SecretOwner } from '../../../daemon/secret/pod-secret-reader.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import { FakeTargets } from '../../support/fake-targets.ts';

const secret = Secret.fromText('the secret');

describe('LaunchExplainer', () => {
  let targets: FakeTargets;
  let searches: number;
  let askers: Asker[];
  beforeEach(() => {
    targets = new FakeTargets();
    [searches, askers] = [0, []];
  });

  /** The secret is being checked, or read, until the asker is gone. */
  const open = (...pods: readonly string[]): LaunchExplainer => {
    const untilGone = (asker: Asker = {}): Promise<never> => {
      askers.push(asker);
      return new Promise((_, reject) =>
        asker.gone?.addEventListener('abort', () => reject(new Refusal('caller-gone', 'It has gone', 'ask'))),
      );
    };
    const finder: Pick<TargetFinder, 'find'> = {
      find: (): Promise<FoundTargets> => {
        searches++;
        return Promise.resolve(targets.find(...pods));
      },
    };
    const authorizer: Pick<TargetAuthorizer, 'authorize'> = {
      authorize: (_vm, _secret, asker): Promise<AuthorizedTarget> => untilGone(asker),
    };
    const secretReader: Pick<PodSecretReader, 'readSecret' | 'secretFile'> = {
      secretFile: '/secret',
      readSecret: ({ asker }: SecretOwner): Promise<Secret> => untilGone(asker),
    };
    const options = { finder, authorizer, secretReader, identity: 'env' };
    const others = { index: { list: () => Promise.resolve([]) }, opinion: null };
    return new LaunchExplainer({ ...options, ...others } as unknown as LaunchExplainerOptions);
  };
  const ask = (
    explainer: LaunchExplainer,
    gone: AbortSignal,
    shown: Secret | null,
    uuid = 'a',
    origin = 'explain 0',
  ): Promise<string> => {
    const environment = [`KUBEVIRT_IO_VM_UUID=${uuid}`];
    return explainer
      .explain({ environment, arguments: ['qemu'], secret: shown, emulator: null }, { origin, gone })
      .then(
        (explanation) => (explanation.secret instanceof Refusal ? explanation.secret.code : 'explained'),
        (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
      );
  };

  for (const [shown, held] of [
    [secret, 0],
    [null, 3],
  ] as const)
    it(`lets go of all pods when nobody waits any more, ${shown === null ? 'without' : 'with'} a secret`, async () => {
      const leaver = new AbortController();
      const asked = ask(open('a', 'b', 'c'), leaver.signal, shown);
      await sleep(5);
      expect(askers).to.have.lengthOf(1);
      expect(targets.held, 'while it is waited for').to.equal(held);
      leaver.abort(new Refusal('caller-gone', 'It has gone', 'ask'));
      expect(await asked).to.equal('caller-gone');
      expect(targets.held).to.equal(0);
    });

  it('holds the pods of no more than two questions of one asker, about any VMs, and of four in all', async () => {
    const explainer = open('a', 'b', 'c');
    const leaver = new AbortController();
    const askAs = (origin: string, uuid: string): Promise<string> =>
      ask(explainer, leaver.signal, null, uuid, origin);
    const first = ['a', 'b', 'c', 'd'].map((uuid) => askAs('explain 0', uuid));
    await sleep(5);
    expect([searches, targets.held]).to.deep.equal([2, 6]);
    const asked = [...first, ...['explain 1', 'explain 1', 'explain 2'].map((origin) => askAs(origin, 'a'))];
    await sleep(5);
    expect([searches, targets.held]).to.deep.equal([4, 12]);
    leaver.abort(new Refusal('caller-gone', 'It has gone', 'ask'));
    expect(new Set(await Promise.all(asked))).to.deep.equal(new Set(['caller-gone']));
    expect([searches, targets.held]).to.deep.equal([4, 0]);
  });
});
