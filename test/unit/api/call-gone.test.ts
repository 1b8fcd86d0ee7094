import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { callGone } from '../../../daemon/api/call-gone.ts';
import { Refusal } from '../../../daemon/errors.ts';

class Call extends EventEmitter {
  cancelled = false;
}

function codeOf({ reason }: AbortSignal): string {
  return reason instanceof Refusal ? reason.code : 'none';
}

describe('callGone()', () => {
  it('is aborted when the call ends, and where it has ended before', () => {
    const call = new Call();
    const gone = callGone(call);
    expect(gone.aborted).to.equal(false);
    call.emit('cancelled');
    expect(codeOf(gone)).to.equal('caller-gone');
    call.cancelled = true;
    expect(codeOf(callGone(call))).to.equal('caller-gone');
  });

  it('is aborted when the answer takes too long, and only then', async () => {
    const gone = callGone(new Call(), 10);
    const ended = new Call();
    const answered = callGone(ended, 10);
    ended.emit('cancelled');
    await sleep(30);
    expect(codeOf(gone)).to.equal('busy');
    expect(codeOf(answered)).to.equal('caller-gone');
  });
});
