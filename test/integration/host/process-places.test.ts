import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLibc } from '../../../daemon/host/libc.ts';
import { ProcessPlaces } from '../../../daemon/host/process-places.ts';

const POD = '7c0ffee0-0000-4000-8000-000000000001';
const [first = '', second = ''] = ['a', 'b'].map((digit) => digit.repeat(64));

describe('ProcessPlaces', () => {
  let proc: string;

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'knd-unit-'));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  const place = (pid: number, path: string): void => {
    mkdirSync(join(proc, String(pid)), { recursive: true });
    writeFileSync(join(proc, String(pid), 'cgroup'), `0::${path}\n`);
  };

  it('tells pods and containers apart, and processes of one container not', () => {
    const places = new ProcessPlaces(createLibc(), proc, null);
    place(1, `/kubepods/besteffort/pod${POD}/${first}`);
    place(2, `/kubepods/besteffort/pod${POD}/${first}`);
    place(3, `/kubepods/besteffort/pod${POD}/${second}`);
    expect(places.of(1)).to.deep.equal({ pod: POD, container: first });
    expect(places.of(2)).to.equal(places.of(1));
    expect(places.of(3)).to.deep.equal({ pod: POD, container: second });
  });

  it('looks at each process anew: another one may have its pid', () => {
    const places = new ProcessPlaces(createLibc(), proc, null);
    place(1, `/kubepods/besteffort/pod${POD}/${first}`);
    places.of(1);
    place(1, '/user.slice');
    expect(places.of(1).pod).to.not.equal(POD);
  });

  it('knows a process that has gone as such', () => {
    expect(new ProcessPlaces(createLibc(), proc, null).of(1)).to.deep.equal({
      pod: 'gone',
      container: 'gone',
    });
  });
});
