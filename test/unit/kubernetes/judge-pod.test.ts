import { expect } from 'chai';
import { judgePod } from '../../../daemon/kubernetes/judge-pod.ts';
import { viewPod, type PodView } from '../../../daemon/kubernetes/pod-view.ts';

const label = { key: 'kubevirt.io', value: 'virt-launcher' };
const good: PodView = {
  uid: 'u',
  namespace: 'n',
  name: 'p',
  phase: 'Running',
  isDeleting: false,
  label: 'virt-launcher',
  containerIds: ['c', 'd'],
};

describe('judgePod', () => {
  const cases: readonly (readonly [string, PodView | undefined, string | null, string])[] = [
    ['a pod that is well', good, 'c', 'ok'],
    ['any container of it', good, 'd', 'ok'],
    ['a pod that is pending: its init containers run', { ...good, phase: 'Pending' }, 'c', 'ok'],
    ['no pod', undefined, 'c', 'unknown'],
    ['one that succeeded', { ...good, phase: 'Succeeded' }, 'c', 'ended'],
    ['one that failed and is deleted', { ...good, phase: 'Failed', isDeleting: true }, 'c', 'ended'],
    ['one that is deleted', { ...good, isDeleting: true }, 'c', 'deleting'],
    ['another label', { ...good, label: 'x' }, 'c', 'unlabelled'],
    ['no label', { ...good, label: null }, 'c', 'unlabelled'],
    ['another container', good, 'e', 'foreign-container'],
    ['part of an id', { ...good, containerIds: ['cc'] }, 'c', 'foreign-container'],
    ['no container', good, null, 'foreign-container'],
    ['a pod without containers', { ...good, containerIds: [] }, 'c', 'foreign-container'],
  ];
  for (const [title, pod, container, verdict] of cases)
    it(`says ${verdict} for ${title}`, () => {
      expect(judgePod(pod, container, label)).to.equal(verdict);
    });

  it('asks for no label where none is wanted', () => {
    expect(judgePod({ ...good, label: null }, 'c', null)).to.equal('ok');
  });
});

describe('viewPod', () => {
  const metadata = { uid: 'u', namespace: 'n', name: 'p' };

  it('takes container ids of every kind, without the name of the runtime', () => {
    const view = viewPod(
      {
        metadata,
        status: {
          phase: 'Running',
          containerStatuses: [{ containerID: 'containerd://c1' }, { containerID: '' }, {}, null],
          initContainerStatuses: [{ containerID: 'cri-o://c2' }],
          ephemeralContainerStatuses: [{ containerID: 'docker://c3' }],
        },
      },
      null,
    );
    expect(view?.containerIds).to.deep.equal(['c1', 'c2', 'c3']);
  });

  it('takes what the client made of JSON, and JSON itself', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    for (const time of [deletionTimestamp, new Date(deletionTimestamp)])
      expect(viewPod({ metadata: { ...metadata, deletionTimestamp: time } }, null)?.isDeleting).to.equal(
        true,
      );
    expect(viewPod({ metadata: { ...metadata, deletionTimestamp: undefined } }, null)?.isDeleting).to.equal(
      false,
    );
  });

  it('takes a label of the pod only, not what every object has', () => {
    const labels = { 'kubevirt.io': 'virt-launcher' };
    expect(viewPod({ metadata: { ...metadata, labels } }, 'kubevirt.io')?.label).to.equal('virt-launcher');
    expect(viewPod({ metadata: { ...metadata, labels } }, 'constructor')?.label).to.equal(null);
    expect(viewPod({ metadata }, 'kubevirt.io')?.label).to.equal(null);
  });

  it('takes nothing for a pod that is none', () => {
    for (const value of [null, 1, 'x', [], {}, { metadata: { uid: 1, name: 'p', namespace: 'n' } }])
      expect(viewPod(value, null)).to.equal(null);
  });

  it('takes no name that Kubernetes would not give: it is told to people', () => {
    for (const name of ['two\nlines', '', 'a/b', 'a'.repeat(254)]) {
      expect(viewPod({ metadata: { ...metadata, name } }, null), name).to.equal(null);
      expect(viewPod({ metadata: { ...metadata, namespace: name } }, null), name).to.equal(null);
    }
    expect(viewPod({ metadata: { ...metadata, name: 'virt-launcher-a.b-0' } }, null)).to.not.equal(null);
  });
});
