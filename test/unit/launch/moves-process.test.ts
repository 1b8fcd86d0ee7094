import { expect } from 'chai';
import { movesProcess } from '../../../daemon/launch/moves-process.ts';

const v2 = { controllers: [''] };
const v1 = { controllers: ['cpu', 'cpuacct'] };

describe('movesProcess()', () => {
  it('is so in exec mode, wherever', () => {
    expect(movesProcess('exec', [v2])).to.equal(true);
    expect(movesProcess('exec', [v1, v2])).to.equal(true);
  });

  it('is so in fork mode where there is a hierarchy of v1', () => {
    expect(movesProcess('fork', [v1, v2])).to.equal(true);
    expect(movesProcess('fork', [v1])).to.equal(true);
    expect(movesProcess('fork', [v2])).to.equal(false);
  });
});
