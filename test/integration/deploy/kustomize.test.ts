import type { V1ConfigMap } from '@kubernetes/client-node';
import { expect } from 'chai';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  deployDirectory,
  findDaemonSet,
  hasKustomize,
  parseManifests,
  render,
  type Plain,
} from '../../support/manifests.ts';
import { skip } from '../../support/skip.ts';

describe('the manifests, by kustomize', function () {
  this.timeout(60_000);
  before(async function () {
    if (!(await hasKustomize()))
      skip(this, 'there is no kustomize, nor a kubectl that has one with components');
  });

  it('deploy/install.yaml is what deploy/render.sh makes', async () => {
    const written = readFileSync(join(deployDirectory, 'install.yaml'), 'utf8');
    expect(written.split('\n').slice(1).join('\n'), 'run deploy/render.sh').to.equal(
      await render('overlays/host-libvirt'),
    );
  });

  it('an overlay of somebody adds all components, with an image and a configuration of its own', async () => {
    const directory = join(deployDirectory, `overlays/test-${process.pid}`);
    mkdirSync(directory);
    try {
      writeFileSync(
        join(directory, 'kustomization.yaml'),
        JSON.stringify({
          apiVersion: 'kustomize.config.k8s.io/v1beta1',
          kind: 'Kustomization',
          resources: ['../container-libvirt'],
          components: ['../../components/kubernetes-verify', '../../components/pod-monitor'],
          images: [{ name: 'kubevirt-node-driver', newName: 'registry.example/driver', newTag: '7' }],
        }),
      );
      const objects = parseManifests(await render(`overlays/test-${process.pid}`));
      expect(objects.map(({ kind }) => kind)).to.include.members([
        'ClusterRole',
        'ClusterRoleBinding',
        'PodMonitor',
      ]);
      const pod = findDaemonSet(objects).spec?.template.spec;
      expect(pod?.automountServiceAccountToken).to.equal(true);
      expect(pod?.initContainers?.[0]?.image).to.equal('registry.example/driver:7');
      expect(pod?.containers[0]?.image).to.equal('registry.example/driver:7');
      const configs = objects.filter(({ kind }) => kind === 'ConfigMap') as readonly Plain<V1ConfigMap>[];
      expect(configs).to.have.lengthOf(1);
      expect(configs[0]?.data?.['qemu-kube.conf']).to.match(
        /^kubernetes = verify\nlaunch-users = 107\nlaunch-group = 107\n#[^]*\nproc = \/host\/proc\n/u,
      );
      expect(pod?.volumes?.find(({ name }) => name === 'config')?.configMap?.name).to.equal(
        configs[0]?.metadata?.name,
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
