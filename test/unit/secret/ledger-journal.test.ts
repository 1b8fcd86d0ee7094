import { expect } from 'chai';
import {
  encodeUse,
  JournalError,
  journalHeader,
  parseJournal,
  recordLength,
} from '../../../daemon/secret/ledger-journal.ts';

const use = (n: number) => ({
  id: `${n}`.repeat(64),
  owner: 'ab'.repeat(32),
  expiresAt: 1_900_000_000_000 + n,
});
const uses = [1, 2, 3].map(use);
const text = journalHeader + uses.map(encodeUse).join('');

describe('parseJournal', () => {
  it('reads what was written, in records of one length', () => {
    for (const each of uses) expect(encodeUse(each)).to.have.lengthOf(recordLength);
    expect(parseJournal(text)).to.deep.equal({ uses, isTorn: false });
    expect(parseJournal(journalHeader)).to.deep.equal({ uses: [], isTorn: false });
  });

  it('does without a last record that was written in part, however short', () => {
    for (let cut = 1; cut < recordLength; cut += 1)
      expect(parseJournal(text.slice(0, -cut)), String(cut)).to.deep.equal({
        uses: uses.slice(0, 2),
        isTorn: true,
      });
  });

  it('does without a last record of zeros, as some file systems leave it after a crash', () => {
    expect(parseJournal(text + '\0'.repeat(recordLength))).to.deep.equal({ uses, isTorn: true });
  });

  it('refuses a journal with any byte changed before the last record', () => {
    for (let at = 0; at < text.length - recordLength; at += 1) {
      const changed = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
      expect(() => parseJournal(changed), String(at)).to.throw(JournalError);
    }
  });

  const damaged = [
    ['nothing', ''],
    ['a header in part', journalHeader.slice(0, -1)],
    ['a header of another version', text.replace(' 1\n', ' 2\n')],
    ['a record that lost a byte', journalHeader + text.slice(journalHeader.length + 1)],
  ] as const;
  for (const [what, damage] of damaged)
    it(`refuses ${what}`, () => {
      expect(() => parseJournal(damage)).to.throw(JournalError);
    });
});
