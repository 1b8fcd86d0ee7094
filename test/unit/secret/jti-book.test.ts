import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { JtiBook } from '../../../daemon/secret/jti-book.ts';
import { tokenOwner } from '../../../daemon/secret/token-owner.ts';

const options = { capacity: 4, podCapacity: 4, ownerCapacity: 3, keepMs: 100 };
const use = (id: string, vm: string, expiresAt = 1000, pod = vm) => ({
  id,
  owner: tokenOwner(pod, vm),
  expiresAt,
});

function bookOf(...uses: readonly ReturnType<typeof use>[]): JtiBook {
  const book = new JtiBook(options);
  for (const each of uses) book.add(each);
  return book;
}

describe('JtiBook', () => {
  it('gives a token to the first who uses it', () => {
    const book = bookOf();
    expect(book.judge(use('t', 'a'), 0)).to.equal('new');
    book.add(use('t', 'a'));
    expect(book.judge(use('t', 'a'), 0)).to.equal('again');
    expect(book.judge(use('t', 'b'), 0)).to.equal('elsewhere');
    const [a, b] = [tokenOwner('a', 'a'), tokenOwner('b', 'b')];
    expect([book.isForeign('t', a), book.isForeign('t', b), book.isForeign('u', b)]).to.deep.equal([
      false,
      true,
      false,
    ]);
  });

  it('keeps the longest of several lives of one token', () => {
    const book = bookOf(use('t', 'a', 1000));
    expect(book.judge(use('t', 'a', 5000), 0)).to.equal('new');
    book.add(use('t', 'a', 5000));
    book.add(use('t', 'a', 2000));
    book.prune(4000);
    expect(book.judge(use('t', 'b', 5000), 4000)).to.equal('elsewhere');
    expect(book.size).to.equal(1);
  });

  it('never gives a token to a second owner', () => {
    const book = bookOf(use('t', 'a'));
    book.add(use('t', 'b', 9000));
    expect(book.judge(use('t', 'b'), 0)).to.equal('elsewhere');
  });

  it('knows the owner of a token that an earlier release has noted', () => {
    const former = createHash('sha256').update('pod\0vm').digest('hex');
    const book = new JtiBook(options);
    book.add({ id: '1', owner: former, expiresAt: 1000 });
    const again = { id: '1', owner: tokenOwner('pod', 'vm'), expiresAt: 1000 };
    expect(book.judge(again, 500)).to.equal('again');
    expect(book.isForeign('1', again.owner)).to.equal(false);
    expect(book.judge({ ...again, owner: tokenOwner('pod', 'another') }, 500)).to.equal('elsewhere');
    expect(book.judge({ ...again, owner: tokenOwner('another', 'vm') }, 500)).to.equal('elsewhere');
    book.add({ ...again, expiresAt: 2000 });
    expect(book.judge({ ...again, expiresAt: 2000 }, 1500)).to.equal('again');
  });

  it('forgets a token some time after it expired, not before', () => {
    const book = bookOf(use('t', 'a', 1000));
    book.prune(1099);
    expect(book.size).to.equal(1);
    book.prune(1100);
    expect(book.size).to.equal(0);
    expect(book.judge(use('t', 'b'), 1100)).to.equal('new');
  });

  it('takes no more than it may hold, until tokens expire', () => {
    const book = bookOf(use('1', 'a'), use('2', 'a'), use('3', 'b'), use('4', 'b'));
    expect(book.judge(use('5', 'c', 3000), 500)).to.equal('full');
    expect(book.judge(use('1', 'a'), 500)).to.equal('again');
    expect(book.judge(use('5', 'c', 3000), 1100)).to.equal('new');
  });

  it('takes no more of one owner than that one may have', () => {
    const book = bookOf(use('1', 'a'), use('2', 'a'), use('3', 'a'));
    expect(book.judge(use('4', 'a'), 500)).to.equal('owner-full');
    expect(book.judge(use('4', 'b'), 500)).to.equal('new');
    expect(book.judge(use('4', 'a'), 1100)).to.equal('new');
    expect(book.size).to.equal(0);
  });

  it('takes no more of one pod than that one may have, of however many VMs', () => {
    const book = new JtiBook({ ...options, capacity: 100, ownerCapacity: 2 });
    for (const [id, vm] of ['a', 'a', 'b', 'b'].entries()) book.add(use(String(id), vm, 1000, 'pod'));
    expect(book.judge(use('5', 'c', 3000, 'pod'), 500)).to.equal('pod-full');
    expect(book.judge(use('5', 'a', 3000, 'pod'), 500)).to.equal('owner-full');
    expect(book.judge(use('3', 'b', 1000, 'pod'), 500)).to.equal('again');
    expect(book.judge(use('5', 'c', 3000, 'another pod'), 500)).to.equal('new');
    expect(book.judge(use('5', 'c', 3000, 'pod'), 1100)).to.equal('new');
  });
});
