import { shellQuote } from '../shell-quote.ts';
import { newFinding, type Finding, type FindingStatus } from './finding.ts';
import { parseQemuConf, type QemuSetting } from './parse-qemu-conf.ts';

export interface LibvirtEvidence {
  /** For people, such as `libvirtd (process 812)`. */
  readonly libvirt: string;
  /** Text of its `qemu.conf`; null: it has none, and goes by its defaults. */
  readonly conf: string | null;
  /** Path of that file, from the node. */
  readonly file: string;
  /** Whether the node has an LSM that libvirt would use by itself. */
  readonly hasLsm: boolean;
  /** What the user that it runs QEMU as is on the node; undefined: it is not known. */
  readonly uidOf: (user: string) => number | undefined;
  readonly launchUids: ReadonlySet<number>;
}

type Judge = (setting: QemuSetting | undefined, evidence: LibvirtEvidence) => Judgement;

interface Judgement {
  readonly status: FindingStatus;
  readonly message: string;
  /** What to set instead. */
  readonly right?: string;
  readonly remedy?: string;
}

const judges: Readonly<Record<string, Judge>> = {
  namespaces: (setting) =>
    setting?.values.length === 0 && setting.isList
      ? { status: 'ok', message: 'none, as it must be' }
      : {
          status: 'failure',
          message: `${show(setting, 'libvirt makes a mount namespace')}: libvirt would put QEMU into a namespace of its own, and no VM starts`,
          right: '[ ]',
        },
  cgroup_controllers: (setting) =>
    setting?.values.length === 0 && setting.isList
      ? { status: 'ok', message: 'none, as it must be' }
      : {
          status: 'failure',
          message: `${show(setting, 'libvirt uses all')}: libvirt would pull QEMU's threads out of the pod's cgroups`,
          right: '[ ]',
        },
  remember_owner: (setting) =>
    setting?.values[0] === '0'
      ? { status: 'ok', message: '0' }
      : {
          status: 'warning',
          message: `${show(setting, 'on')}: libvirt keeps owners in attributes that volumes of pods do not have`,
          right: '0',
        },
  stdio_handler: (setting) =>
    setting?.values[0] === 'file'
      ? { status: 'ok', message: '"file": the log of a QEMU has no bounds' }
      : { status: 'ok', message: show(setting, 'by default "logd"') },
  security_driver: (setting, { hasLsm }) =>
    setting?.values.every((value) => value === 'none') === true || !hasLsm
      ? { status: 'ok', message: show(setting, 'by default the one of the node, which has none') }
      : {
          status: 'warning',
          message: `${show(setting, 'by default the one of the node')}: libvirt confines the stub, which needs the policies of docs/lsm.md`,
          remedy: 'install them, or set security_driver = "none"',
        },
  user: (setting, { uidOf, launchUids }) => {
    const [user] = setting?.values ?? [];
    if (user === undefined) return { status: 'ok', message: 'by default that of the distribution' };
    const uid = uidOf(user);
    if (uid !== undefined && launchUids.has(uid))
      return { status: 'ok', message: `"${user}", who may launch` };
    return {
      status: 'failure',
      message: `"${user}" (${uid === undefined ? 'not a user of the node' : `uid ${uid}`}) is not among those who may launch`,
      remedy: 'add it to "launch-users" in qemu-kube.conf, and restart the daemon',
    };
  },
};

/** The settings of a libvirt that the driver depends on; one line each. */
export function judgeLibvirt(evidence: LibvirtEvidence): readonly Finding[] {
  const { libvirt, conf, file } = evidence;
  const settings = parseQemuConf(conf ?? '');
  return Object.entries(judges).map(([name, judge]) => {
    const setting = settings.get(name);
    const { status, message, right, remedy } = judge(setting, evidence);
    const advice = right === undefined ? {} : mend(file, name, right, setting);
    return newFinding(status, `${libvirt}: ${message}`, {
      subject: name,
      ...advice,
      ...(remedy !== undefined && { remedy }),
    });
  });
}

function mend(
  file: string,
  name: string,
  right: string,
  setting: QemuSetting | undefined,
): Partial<Pick<Finding, 'command' | 'remedy'>> {
  if (setting?.isLong === true) return { remedy: `set ${name} = ${right} in ${file}, and restart libvirt` };
  const path = shellQuote(file);
  const remove = setting === undefined ? '' : `sed -i '/^[[:space:]]*${name}[[:space:]]*=/d' ${path} && `;
  return { command: `${remove}printf '\\n${name} = ${right}\\n' >> ${path}`, remedy: 'restart libvirt' };
}

function show(setting: QemuSetting | undefined, otherwise: string): string {
  if (setting === undefined) return otherwise;
  const values = setting.values.map((value) => `"${value}"`).join(', ');
  return setting.isList ? `[ ${values} ]` : values;
}
