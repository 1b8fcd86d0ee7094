import {
  loadAllYaml,
  type KubernetesObject,
  type V1Container,
  type V1DaemonSet,
} from '@kubernetes/client-node';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';

/** A type of the client as what a manifest is: an object that no constructor has made. */
export type Plain<T> = { readonly [Key in keyof T]: T[Key] };

export const deployDirectory = join(import.meta.dirname, '../../deploy');

/** The objects of a text of manifests. */
export function parseManifests(text: string): readonly KubernetesObject[] {
  return (loadAllYaml(text) as (KubernetesObject | null)[]).filter((each) => each !== null);
}

/** What `kubectl apply -f deploy/install.yaml` creates. */
export function readInstallManifests(): readonly KubernetesObject[] {
  return parseManifests(readFileSync(join(deployDirectory, 'install.yaml'), 'utf8'));
}

export function findDaemonSet(objects: readonly KubernetesObject[]): Plain<V1DaemonSet> {
  const found = objects.find(({ kind }) => kind === 'DaemonSet');
  if (found === undefined) throw new Error('There is no DaemonSet');
  return found;
}

/** The container that the daemon of a DaemonSet runs in. */
export function findDaemonContainer(daemonSet: Plain<V1DaemonSet>): V1Container {
  const found = daemonSet.spec?.template.spec?.containers.find(({ name }) => name === 'node-driver');
  if (found === undefined) throw new Error('The DaemonSet has no container node-driver');
  return found;
}

/** Whether there is a kustomize 5, which knows components and replacements: its own program, or the one in kubectl. */
export async function hasKustomize(): Promise<boolean> {
  const ask = async (command: string, ...args: readonly string[]): Promise<string> =>
    runCommand(command, args, { allowFailure: true }).then(
      ({ stdout }) => stdout,
      () => '',
    );
  if (/^v?[5-9]\./u.test(await ask('kustomize', 'version'))) return true;
  return /"kustomizeVersion": "v[5-9]\./u.test(
    await ask('kubectl', 'version', '--client', '--output', 'json'),
  );
}

/** What kustomize makes of a directory of `deploy/`. */
export async function render(directory: string): Promise<string> {
  return (await runCommand(join(deployDirectory, 'render.sh'), [directory])).stdout;
}
