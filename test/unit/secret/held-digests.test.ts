import { expect } from 'chai';
import { HeldDigests } from '../../../daemon/secret/held-digests.ts';
import { Secret } from '../../../daemon/secret/secret.ts';

describe('HeldDigests', () => {
  const right = Secret.fromText('right');
  const one = { pod: 'pod', container: 'one' };

  it('tells the containers that were seen to hold another secret, or none', () => {
    const held = new HeldDigests();
    held.note(one, Secret.fromText('wrong'));
    held.note({ pod: 'pod', container: 'two' }, null);
    held.note({ pod: 'pod', container: 'three' }, right);
    const holdsAnother = held.holdsAnother(right);
    expect(holdsAnother(one)).to.equal(true);
    expect(holdsAnother({ pod: 'pod', container: 'two' })).to.equal(true);
    expect(holdsAnother({ pod: 'pod', container: 'three' })).to.equal(false);
    expect(holdsAnother({ pod: 'other', container: 'one' })).to.equal(false);
  });

  it('goes by what was seen last', () => {
    const held = new HeldDigests();
    held.note(one, Secret.fromText('wrong'));
    held.note(one, right);
    expect(held.holdsAnother(right)(one)).to.equal(false);
    held.note(one, null);
    expect(held.holdsAnother(right)(one)).to.equal(true);
  });

  it('forgets within two seconds', async () => {
    const held = new HeldDigests();
    held.note(one, null);
    await new Promise((resolve) => setTimeout(resolve, 2010));
    expect(held.holdsAnother(right)(one)).to.equal(false);
  }).timeout(5000);

  it('stays small, whatever number of containers there is', () => {
    const held = new HeldDigests();
    for (let i = 0; i < 5000; i++) held.note({ pod: 'pod', container: String(i) }, null);
    const known = Array.from({ length: 5000 }, (_, i) => ({ pod: 'pod', container: String(i) })).filter(
      held.holdsAnother(right),
    );
    expect(known.length).to.be.within(1, 1024);
  });
});
