import { expect } from 'chai';
import { bindingFault, judgeReview } from '../../../daemon/kubernetes/judge-review.ts';

const audience = 'kubevirt-node-driver';
const extra = {
  'authentication.kubernetes.io/pod-name': ['p'],
  'authentication.kubernetes.io/pod-uid': ['u'],
};
const user = { username: 'system:serviceaccount:ns:default', extra };
const good = { authenticated: true, audiences: [audience], user };

describe('judgeReview', () => {
  it('says which pod a token is bound to', () => {
    const pod = { uid: 'u', name: 'p', namespace: 'ns' };
    expect(judgeReview(good, audience)).to.deep.equal({ pod, fault: null });
    expect(judgeReview({ ...good, audiences: ['x', audience] }, audience).fault).to.equal(null);
  });

  const faulty: readonly (readonly [string, unknown, string])[] = [
    ['no status', undefined, 'does not accept it'],
    [
      'one that is not authenticated',
      { ...good, authenticated: false, error: 'why' },
      'does not accept it: why',
    ],
    ['one that is authenticated in words', { ...good, authenticated: 'true' }, 'does not accept it'],
    ['another audience', { ...good, audiences: ['x'] }, 'not for the audience'],
    [
      'no audience: the server knows nothing of them',
      { ...good, audiences: undefined },
      'not for the audience',
    ],
    ['an audience as text', { ...good, audiences: audience }, 'not for the audience'],
    ['no user', { ...good, user: undefined }, 'none of a ServiceAccount'],
    ['another user', { ...good, user: { ...user, username: 'system:node:n' } }, 'none of a ServiceAccount'],
    [
      'a name with more',
      { ...good, user: { ...user, username: 'system:serviceaccount:a:b:c' } },
      'none of a',
    ],
    ['no pod', { ...good, user: { ...user, extra: {} } }, 'not bound to a pod'],
    [
      'a uid alone',
      { ...good, user: { ...user, extra: { ...extra, 'authentication.kubernetes.io/pod-name': [] } } },
      'not bound',
    ],
    [
      'two pods',
      { ...good, user: { ...user, extra: { ...extra, 'authentication.kubernetes.io/pod-uid': ['u', 'v'] } } },
      'not bound',
    ],
  ];
  for (const [title, status, fault] of faulty)
    it(`refuses ${title}`, () => {
      const reviewed = judgeReview(status, audience);
      expect(reviewed.pod).to.equal(null);
      expect(reviewed.fault).to.include(fault);
    });
});

describe('bindingFault', () => {
  const pod = { uid: 'u', name: 'p', namespace: 'ns' };
  it('wants name and namespace alike', () => {
    expect(bindingFault(pod, { ...pod })).to.equal(null);
    for (const other of [{ name: 'x' }, { namespace: 'x' }])
      expect(bindingFault(pod, { ...pod, ...other })).to.match(/^it is bound to the pod /);
  });
});
