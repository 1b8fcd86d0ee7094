import { expect } from 'chai';
import { appendFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../../../daemon/errors.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { journalHeader, recordLength } from '../../../daemon/secret/ledger-journal.ts';
import { TokenLedger, type TokenLedgerOptions } from '../../../daemon/secret/token-ledger.ts';
import { tokenOwner } from '../../../daemon/secret/token-owner.ts';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';

const [a, b] = [tokenOwner('pod-a', 'vm'), tokenOwner('pod-b', 'vm')];
const idOf = (n: number): string => n.toString(16).padStart(64, '0');

describe('TokenLedger', function () {
  this.timeout(20_000);
  const libc = createLibc();
  let scratch: Scratch;
  let directory: string;
  let count = 0;
  const opened: TokenLedger[] = [];
  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());
  beforeEach(() => {
    directory = join(scratch.directory, `state-${++count}`);
    mkdirSync(directory, { mode: 0o700 });
  });
  afterEach(async () => {
    for (const ledger of opened.splice(0)) await ledger.close();
  });

  const file = (): string => join(directory, 'token-ledger');
  const open = (limits: Partial<TokenLedgerOptions> = {}): TokenLedger => {
    const ledger = TokenLedger.open({ directory, lock: (fd) => libc.lock(fd), ...limits });
    opened.push(ledger);
    return ledger;
  };
  /** As a crash and a new daemon: nothing is written when a ledger closes. */
  const reopen = async (limits: Partial<TokenLedgerOptions> = {}): Promise<TokenLedger> => {
    for (const ledger of opened.splice(0)) await ledger.close();
    return open(limits);
  };
  const use = (n: number, owner = a, expiresAt = Date.now() + 60_000) => ({ id: idOf(n), owner, expiresAt });
  const refusalOf = async (claim: Promise<boolean>): Promise<Refusal> => {
    try {
      await claim;
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
    throw new Error('It was allowed');
  };

  it('gives a token to the first, also after a restart', async () => {
    const ledger = open();
    expect(await ledger.claim(use(1))).to.equal(true);
    expect(await ledger.claim(use(1))).to.equal(true);
    expect(await ledger.claim(use(1, b))).to.equal(false);
    const next = await reopen();
    expect([next.isForeign(idOf(1), a), next.isForeign(idOf(1), b)]).to.deep.equal([false, true]);
    expect(await next.claim(use(1, b))).to.equal(false);
    expect(await next.claim(use(1))).to.equal(true);
  });

  it('gives a token to one of a hundred who claim it at once', async () => {
    const ledger = open();
    const owners = Array.from({ length: 100 }, (_, index) => tokenOwner(`pod-${index}`, 'vm'));
    const claims = await Promise.all(owners.map((owner) => ledger.claim(use(1, owner))));
    expect(claims.filter(Boolean)).to.have.lengthOf(1);
    expect(readFileSync(file()).length).to.equal(journalHeader.length + recordLength);
  });

  it('has a claim on disk when it is granted, in a file that root alone can read', async () => {
    const ledger = open();
    for (let n = 1; n <= 3; n += 1) {
      await ledger.claim(use(n));
      expect(readFileSync(file(), 'latin1')).to.include(`\n${idOf(n)} ${a} `);
    }
    expect(statSync(file()).mode & 0o7777).to.equal(0o600);
  });

  it('does without a claim that was written in part', async () => {
    await open().claim(use(1));
    await opened[0]?.claim(use(2));
    truncateSync(file(), statSync(file()).size - 5);
    const next = await reopen();
    expect(await next.claim(use(1, b))).to.equal(false);
    expect(await next.claim(use(2, b))).to.equal(true);
    expect(await (await reopen()).claim(use(2, a))).to.equal(false);
  });

  it('does not open a file that is damaged elsewhere, and says what to do', async () => {
    for (let n = 1; n <= 3; n += 1) await (opened[0] ?? open()).claim(use(n));
    const text = readFileSync(file(), 'latin1');
    for (const ledger of opened.splice(0)) await ledger.close();
    writeFileSync(file(), text.replace(idOf(2), idOf(9)));
    expect(() => open()).to.throw(
      /^Cannot use the token ledger ".*": its record 2 is damaged; move it away and start again/,
    );
    writeFileSync(file(), '');
    expect(() => open()).to.throw(/does not begin as a ledger of this version; move it away/);
    writeFileSync(file(), text);
    expect(await open().claim(use(2, b))).to.equal(false);
  });

  it('lets no second process have it', () => {
    open();
    expect(() => open()).to.throw(
      /^Cannot keep the token ledger in ".*": another node-driver does; stop it first/,
    );
  });

  it('refuses when it is full of tokens that count, and goes on when they do not', async () => {
    const ledger = open({ capacity: 3, ownerCapacity: 2 });
    const past = Date.now() - 11 * 60_000;
    await ledger.claim(use(1, a));
    await ledger.claim(use(2, a));
    expect(await refusalOf(ledger.claim(use(3, a))))
      .to.include({ code: 'secret-ledger' })
      .and.property('line')
      .includes('too many tokens of this VM');
    await ledger.claim(use(3, b, past));
    expect(await ledger.claim(use(4, b))).to.equal(true);
    expect((await refusalOf(ledger.claim(use(5, b)))).line).to.match(
      /: the ledger is full of tokens .*; start the VM once/,
    );
    expect(await ledger.claim(use(1, a))).to.equal(true);
    expect(await ledger.claim(use(1, b))).to.equal(false);
  });

  it('leaves other pods their share when one claims VM after VM, also after a restart', async () => {
    const limits = { capacity: 16, podCapacity: 4, ownerCapacity: 2 };
    const ledger = open(limits);
    const greedy = (n: number) => use(n, tokenOwner('greedy', `vm-${Math.floor(n / 2)}`));
    for (let n = 0; n < 4; n += 1) expect(await ledger.claim(greedy(n))).to.equal(true);
    const expectFull = async (each: TokenLedger): Promise<void> => {
      const refusal = await refusalOf(each.claim(greedy(5)));
      expect(refusal).to.include({ code: 'secret-ledger' });
      expect(refusal.line).to.include('the ledger has too many tokens of this pod that have not expired');
      expect(await each.claim(greedy(3))).to.equal(true);
      expect(await each.claim(use(100, b))).to.equal(true);
    };
    await expectFull(ledger);
    await expectFull(await reopen(limits));
  });

  it('stays small while tokens come and go', async () => {
    const ledger = open({ capacity: 100 });
    const past = Date.now() - 11 * 60_000;
    await ledger.claim(use(0, a));
    let largest = 0;
    for (let n = 1; n <= 3000; n += 1) {
      await ledger.claim(use(n, tokenOwner(`pod-${n}`, 'vm'), past));
      largest = Math.max(largest, statSync(file()).size);
    }
    expect(largest).to.be.within(1000 * recordLength, 1400 * recordLength);
    expect(ledger.isForeign(idOf(0), b)).to.equal(true);
    expect((await reopen()).isForeign(idOf(0), b)).to.equal(true);
    expect(statSync(file()).size).to.equal(journalHeader.length + recordLength);
  });

  it('refuses while the disk is full, and loses nothing by it', async () => {
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=0700', 'knd-ledger', directory]);
    try {
      const ledger = open();
      expect(await ledger.claim(use(1))).to.equal(true);
      const filler = join(directory, 'filler');
      writeFileSync(filler, '');
      expect(() => appendFileSync(filler, Buffer.alloc(64 * 1024))).to.throw(/ENOSPC/);
      const fill = async (): Promise<Refusal> => {
        for (let n = 2; n < 200; n += 1)
          try {
            await ledger.claim(use(n));
          } catch (error) {
            if (error instanceof Refusal) return error;
            throw error;
          }
        throw new Error('The disk is not full');
      };
      expect((await fill()).line).to.match(
        /^Cannot note that the token of the domain is used: the disk is full; free space under ".*" of the node$/,
      );
      truncateSync(filler, 0);
      expect(await ledger.claim(use(500))).to.equal(true);
      const next = await reopen();
      expect(await next.claim(use(1, b))).to.equal(false);
      expect(await next.claim(use(500, b))).to.equal(false);
    } finally {
      for (const ledger of opened.splice(0)) await ledger.close();
      await runCommand('umount', [directory]);
    }
  });
});
