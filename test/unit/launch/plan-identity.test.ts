import { expect } from 'chai';
import { planIdentity, type IdentityInput } from '../../../daemon/launch/plan-identity.ts';
import { refusalOf } from './code-of.ts';

const map = [{ first: 0, nodeFirst: 1_000_000, count: 65_536 }];
const users = { users: map, groups: map, mayChooseGroups: true };
const input: IdentityInput = {
  caller: { uid: 107, gid: 108, groups: [108, 36] },
  target: { uid: 1_000_107, gid: 1_000_107, groups: [1_000_000, 1_002_000, 36, 65_534] },
  users,
  hasPodMounts: true,
};
const refusal = (changes: Partial<IdentityInput>): ReturnType<typeof refusalOf> =>
  refusalOf(() => planIdentity({ ...input, ...changes }));

describe('planIdentity in a user namespace of the pod', () => {
  it("takes the caller's numbers as they are, and the pod's groups as the pod numbers them, less root's", () => {
    const { uid, gid, groups } = planIdentity(input);
    expect({ uid, gid, groups }).to.deep.equal({ uid: 107, gid: 108, groups: [108, 36, 2000] });
  });

  it("tells what the node calls each of the caller's ids, each once, and none of the pod's groups", () => {
    expect(planIdentity(input).ids).to.deep.equal([
      { kind: 'user', id: 107, nodeId: 1_000_107 },
      { kind: 'group', id: 108, nodeId: 1_000_108 },
      { kind: 'group', id: 36, nodeId: 1_000_036 },
    ]);
    expect(planIdentity({ ...input, users: null }).ids).to.deep.equal([]);
  });

  for (const [what, caller] of [
    ['user 65536', { uid: 65_536, gid: 108, groups: [] }],
    ['group 65536', { uid: 107, gid: 65_536, groups: [] }],
    ['group 70000', { uid: 107, gid: 108, groups: [108, 70_000] }],
  ] as const)
    it(`refuses to be ${what}, which the namespace does not have`, () => {
      expect(refusal({ caller }))
        .to.include({ code: 'target-unusable' })
        .and.have.property('message')
        .that.includes(`Cannot be ${what} in the pod`);
    });

  it('refuses a namespace without a root, who sets up the file systems', () => {
    const rootless = [{ first: 1, nodeFirst: 1_000_001, count: 65_535 }];
    expect(refusal({ users: { ...users, users: rootless } })?.message).to.include('user 0');
    expect(refusal({ users: { ...users, groups: rootless } })?.message).to.include('group 0');
  });

  it('refuses a namespace in which nobody may choose groups', () => {
    expect(refusal({ users: { ...users, mayChooseGroups: false } })?.message).to.include('groups');
  });
});
