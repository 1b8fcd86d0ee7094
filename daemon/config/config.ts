import * as v from 'valibot';
import { namespaceKinds } from '../target/target.ts';
import type { ProfileConfig } from './profile-config.ts';
import * as value from './value-schemas.ts';

/** The namespaces of a pod that QEMU can join. `user` changes nothing: where a pod has one of its own, it is joined. */
const joinable = ['mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid', 'user'] as const;

/** What each value of the configuration file becomes. Keys are those of the file in camel case. */
export const configSchema = v.object({
  proc: value.absolutePath,
  runDirectory: value.absolutePath,
  libraryDirectory: value.absolutePathOrAuto,
  emulatorsDirectory: value.absolutePath,
  launchUsers: value.accounts,
  launchGroup: value.accountOrNone,
  launchConnections: value.countOrOff,
  launchRate: value.countOrOff,
  apiUsers: value.accounts,
  identity: value.identitySource,
  mode: value.oneOf('fork', 'exec'),
  emulator: value.absolutePath,
  namespaces: value.someSupported(namespaceKinds, joinable),
  seccomp: value.seccompSetting,
  requireInstalledStub: value.yesOrNo,
  requireLibvirtNamespaces: value.yesOrNo,
  libvirtExecutables: value.fileNames,
  requirePod: value.yesOrNo,
  kubepodsBase: value.absolutePathOrAuto,
  secretFile: value.absolutePath,
  secretLifetime: value.duration,
  secretForms: value.secretForms,
  secretKeys: value.absolutePaths,
  secretTokenLifetime: value.duration,
  stateDirectory: value.absolutePath,
  targetWait: value.duration,
  rescanInterval: value.duration,
  libvirtState: value.absolutePath,
  libvirtRun: value.absolutePath,
  project: value.absolutePaths,
  kubernetes: value.oneOf('off', 'verify'),
  kubernetesRequired: value.yesOrNo,
  kubernetesPodLabel: value.labelOrNone,
  kubernetesWait: value.duration,
  kubernetesNode: value.hostNameOrAuto,
  kubernetesConfig: value.absolutePathOrAuto,
  kubernetesTokenAudience: value.word,
  httpAddress: value.hostPortOrOff,
  statusPage: value.yesOrNo,
  logLevel: value.oneOf('error', 'warn', 'info', 'debug'),
  logFormat: value.oneOf('json', 'text'),
  auditLog: value.absolutePathOrOff,
  auditStdout: value.yesOrNo,
  auditRequired: value.yesOrNo,
  stubGoneGrace: value.duration,
  podGoneGrace: value.duration,
});

/**
 * What the keys of the file are set to. Durations are milliseconds. `null` stands for `auto`, for `off` in
 * `httpAddress`, `auditLog` and limits, and for "none given" in `launchGroup` and `kubernetesPodLabel`.
 */
export type Settings = Readonly<v.InferOutput<typeof configSchema>>;

/** The daemon's configuration. */
export interface Config extends Settings {
  /** The probe profiles that have a setting of their own, by name. */
  readonly profiles: ReadonlyMap<string, ProfileConfig>;
}
