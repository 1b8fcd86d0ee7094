import { expect } from 'chai';
import { Refusal } from '../../../daemon/errors.ts';
import type { InformerState } from '../../../daemon/kubernetes/pod-informer.ts';
import type { PodView } from '../../../daemon/kubernetes/pod-view.ts';
import { SecondOpinion, type OpinionVerdict } from '../../../daemon/kubernetes/second-opinion.ts';

const good: PodView = {
  uid: 'u',
  namespace: 'n',
  name: 'p',
  phase: 'Running',
  isDeleting: false,
  label: 'virt-launcher',
  containerIds: ['c'],
};

interface Known {
  readonly state?: InformerState;
  readonly pod?: PodView | undefined;
}

/** @param steps what is known at first, and after each change */
function ask(
  steps: readonly Known[],
  { isRequired = false, waitMs = 1000 } = {},
): { readonly answer: Promise<string>; readonly verdicts: OpinionVerdict[]; readonly waits: number[] } {
  const verdicts: OpinionVerdict[] = [];
  const waits: number[] = [];
  let step = 0;
  const known = (): Known => steps[Math.min(step, steps.length - 1)] ?? {};
  const opinion = new SecondOpinion({
    informer: {
      get state() {
        return known().state ?? 'synced';
      },
      find: () => ('pod' in known() ? known().pod : good),
      nextChange: async (longestMs) => {
        waits.push(longestMs);
        if (step + 1 < steps.length) step++;
        else await new Promise((resolve) => setTimeout(resolve, longestMs));
      },
    },
    node: 'node',
    label: { key: 'kubevirt.io', value: 'virt-launcher' },
    isRequired,
    waitMs,
    onVerdict: (verdict) => verdicts.push(verdict),
  });
  const answer = opinion.check({ podUid: 'u', containerId: 'c' }).catch((error: unknown) => {
    if (error instanceof Refusal) return `${error.code} ${error.podUid ?? '-'}`;
    throw error;
  });
  return { answer, verdicts, waits };
}

describe('SecondOpinion', () => {
  it('answers at once where all is known', async () => {
    const { answer, waits, verdicts } = ask([{}]);
    expect(await answer).to.equal('ok');
    expect([...waits, ...verdicts]).to.deep.equal(['ok']);
  });

  it('does not wait for what does not pass', async () => {
    for (const [changes, code] of [
      [{ phase: 'Failed' }, 'kubernetes-pod-ending'],
      [{ isDeleting: true }, 'kubernetes-pod-ending'],
      [{ label: null }, 'kubernetes-pod-label'],
    ] as const) {
      const { answer, waits } = ask([{ pod: { ...good, ...changes } }, {}]);
      expect(await answer).to.equal(`${code} u`);
      expect(waits).to.deep.equal([]);
    }
  });

  it('waits for pod and container, and no longer than it may', async () => {
    const empty = { ...good, containerIds: [] };
    expect(await ask([{ pod: undefined }, { pod: empty }, {}]).answer).to.equal('ok');
    expect(await ask([{ pod: undefined }], { waitMs: 20 }).answer).to.equal('kubernetes-unknown-pod u');
    expect(await ask([{ pod: empty }], { waitMs: 20 }).answer).to.equal('kubernetes-container u');
    expect(await ask([{ pod: undefined }, {}], { waitMs: 0 }).answer).to.equal('kubernetes-unknown-pod u');
  });

  it('goes on at once while the API is away, and waits where it is required', async () => {
    const away = { state: 'degraded' } as const;
    const free = ask([away, {}]);
    expect(await free.answer).to.equal('unavailable');
    expect(free.waits).to.deep.equal([]);
    expect(free.verdicts).to.deep.equal(['unavailable']);
    expect(await ask([away, {}], { isRequired: true }).answer).to.equal('ok');
    const bound = ask([away], { isRequired: true, waitMs: 20 });
    expect(await bound.answer).to.equal('kubernetes-unavailable -');
    expect(bound.verdicts).to.deep.equal(['unavailable']);
  });

  it('waits for the first list, and goes on without where it does not come', async () => {
    const starting = { state: 'starting', pod: undefined } as const;
    expect(await ask([starting, {}]).answer).to.equal('ok');
    expect(await ask([starting], { waitMs: 20 }).answer).to.equal('unavailable');
    expect(await ask([starting], { waitMs: 20, isRequired: true }).answer).to.equal(
      'kubernetes-unavailable -',
    );
  });

  it('knows what was final before the API went away', async () => {
    for (const changes of [{ isDeleting: true }, { phase: 'Succeeded' }])
      expect(await ask([{ state: 'degraded', pod: { ...good, ...changes } }]).answer).to.equal(
        'kubernetes-pod-ending u',
      );
    for (const pod of [undefined, { ...good, label: null }, { ...good, containerIds: [] }])
      expect(await ask([{ state: 'degraded', pod }]).answer).to.equal('unavailable');
  });
});
