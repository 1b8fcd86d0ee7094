import { expect } from 'chai';
import { inspect } from 'node:util';
import { Refusal } from '../../../daemon/errors.ts';
import { ApiError } from '../../../daemon/kubernetes/pod-source.ts';
import { TokenReviewer, type ReviewResult } from '../../../daemon/kubernetes/token-reviewer.ts';
import { Secret } from '../../../daemon/secret/secret.ts';

const status = {
  authenticated: true,
  audiences: ['a'],
  user: {
    username: 'system:serviceaccount:ns:default',
    extra: {
      'authentication.kubernetes.io/pod-name': ['p'],
      'authentication.kubernetes.io/pod-uid': ['u'],
    },
  },
};

function tokenOf(exp: number | undefined, id = ''): Secret {
  const payload = Buffer.from(JSON.stringify({ exp, id })).toString('base64url');
  return Secret.fromText(`eyJhIjox.${payload}.c2ln`);
}

interface Rig {
  readonly reviewer: TokenReviewer;
  readonly results: ReviewResult[];
  asked: number;
  time: number;
  answer: () => Promise<unknown>;
}

function start(): Rig {
  const results: ReviewResult[] = [];
  const state = { asked: 0, time: 0, answer: (): Promise<unknown> => Promise.resolve(status) };
  const reviewer = new TokenReviewer({
    api: {
      reviewToken: () => {
        state.asked++;
        return state.answer();
      },
    },
    audience: 'a',
    now: () => state.time,
    onResult: (result) => results.push(result),
  });
  return Object.assign(state, { reviewer, results });
}

// Not within what all tests together take, since it is reckoned when they are loaded.
const tomorrow = Math.floor(Date.now() / 1000) + 86_400;

describe('TokenReviewer', () => {
  it('asks once in a minute, also of tokens that do not count', async () => {
    for (const answer of [status, { authenticated: false }]) {
      const rig = start();
      rig.answer = () => Promise.resolve(answer);
      for (const time of [0, 1000, 59_999]) {
        rig.time = time;
        await rig.reviewer.review(tokenOf(tomorrow));
      }
      expect(rig.asked).to.equal(1);
      rig.time = 60_000;
      await rig.reviewer.review(tokenOf(tomorrow));
      expect(rig.asked).to.equal(2);
    }
  });

  it('asks once for two that come at once', async () => {
    const rig = start();
    await Promise.all([rig.reviewer.review(tokenOf(tomorrow)), rig.reviewer.review(tokenOf(tomorrow))]);
    expect(rig.asked).to.equal(1);
    expect(rig.results.toSorted()).to.deep.equal(['accepted', 'cached']);
  });

  it('takes no token for another', async () => {
    const rig = start();
    await rig.reviewer.review(tokenOf(tomorrow, '1'));
    await rig.reviewer.review(tokenOf(tomorrow, '2'));
    expect(rig.asked).to.equal(2);
  });

  it('keeps nothing longer than the token counts, and nothing of one that has expired', async () => {
    const rig = start();
    const soon = tokenOf(Math.floor(Date.now() / 1000) + 10);
    const { expiresAt } = await rig.reviewer.review(soon);
    expect(expiresAt).to.be.within(Date.now(), Date.now() + 10_000);
    rig.time = 10_000;
    await rig.reviewer.review(soon);
    expect(rig.asked).to.equal(2);
    const past = tokenOf(1000);
    await rig.reviewer.review(past);
    await rig.reviewer.review(past);
    expect(rig.asked).to.equal(4);
  });

  it('takes a minute where a token does not say', async () => {
    const rig = start();
    const { expiresAt } = await rig.reviewer.review(Secret.fromText('eyJhIjox.bm8ganNvbg.c2ln'));
    expect(expiresAt).to.be.closeTo(Date.now() + 60_000, 5000);
  });

  it('keeps nothing of what could not be asked, and refuses it', async () => {
    const rig = start();
    rig.answer = () => Promise.reject(new ApiError('away', null));
    const error: unknown = await rig.reviewer.review(tokenOf(tomorrow)).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(Refusal).and.to.include({ code: 'kubernetes-unavailable' });
    rig.answer = () => Promise.resolve(status);
    expect((await rig.reviewer.review(tokenOf(tomorrow))).token.fault).to.equal(null);
    expect(rig.results).to.deep.equal(['failed', 'accepted']);
  });

  it('keeps no token, only its hash, and of so many only', async () => {
    const rig = start();
    for (let i = 0; i < 1025; i++) await rig.reviewer.review(tokenOf(tomorrow, `${i}`));
    await rig.reviewer.review(tokenOf(tomorrow, '1024'));
    expect(rig.asked).to.equal(1025);
    await rig.reviewer.review(tokenOf(tomorrow, '0'));
    expect(rig.asked).to.equal(1026);
    const text = inspect(rig.reviewer, { depth: null, showHidden: true, maxArrayLength: null });
    expect(text).to.not.include(tokenOf(tomorrow, '1024').reveal().toString());
  });
});
