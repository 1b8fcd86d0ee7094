import { expect } from 'chai';
import { LaunchLock } from '../../../daemon/launch/launch-lock.ts';

const v2 = { controllers: [''] };
const v1 = { controllers: ['cpu', 'cpuacct'] };

/** A lock that tells which of its methods were called. */
class CalledLock {
  readonly calls: string[] = [];

  take(): Promise<void> {
    return this.#note('take');
  }

  takeUnlessFresh(): Promise<void> {
    return this.#note('takeUnlessFresh');
  }

  free(): Promise<void> {
    return this.#note('free');
  }

  #note(call: string): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}

describe('LaunchLock', () => {
  let kernel: CalledLock;
  beforeEach(() => (kernel = new CalledLock()));

  it('is taken ahead of a launch whose mode may need it', () => {
    const lock = new LaunchLock(kernel, [v2]);
    lock.anticipate([]);
    lock.anticipate(['fork']);
    expect(kernel.calls).to.deep.equal([]);
    lock.anticipate(['fork', 'exec']);
    expect(kernel.calls).to.deep.equal(['take']);
  });

  it('is renewed for a launch that moves a process, and only left alone for one that does not', async () => {
    await new LaunchLock(kernel, [v1, v2]).begin('fork');
    await new LaunchLock(kernel, [v2]).begin('exec');
    await new LaunchLock(kernel, [v2]).begin('fork');
    expect(kernel.calls).to.deep.equal(['takeUnlessFresh', 'takeUnlessFresh', 'free']);
  });

  it('is waited for until it has been taken', async () => {
    const lock = new LaunchLock(kernel, [v1]);
    let take = (): void => undefined;
    const taken = new Promise<void>((resolve) => (take = resolve));
    let isOver = false;
    const waiting = lock.wait(taken).then(() => (isOver = true));
    await new Promise(setImmediate);
    expect(isOver).to.equal(false);
    take();
    await waiting;
  });
});
