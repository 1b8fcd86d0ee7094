import type { Settings } from './config.ts';

/** One key of the configuration file, as docs/configuration.md lists it. */
export interface ConfigKey {
  readonly key: string;
  readonly property: keyof Settings;
  /** The default as it would stand in the file. */
  readonly defaultText: string;
  /** What kind of value, or its unit. */
  readonly unit: string;
  readonly meaning: string;
  /** A probe profile may have a value of its own: `profile.NAME.KEY`. */
  readonly perProfile?: true;
}

export const configKeys: readonly ConfigKey[] = [
  {
    key: 'proc',
    property: 'proc',
    defaultText: '/proc',
    unit: 'path',
    meaning: 'The proc file system of the node, such as `/host/proc` where a container mounts it there.',
  },
  {
    key: 'run-directory',
    property: 'runDirectory',
    defaultText: '/run/kubevirt-node-driver',
    unit: 'path',
    meaning: 'Holds the sockets (`launch/launch.sock`, `api/api.sock`) and the state of each launch.',
  },
  {
    key: 'library-directory',
    property: 'libraryDirectory',
    defaultText: 'auto',
    unit: 'path or `auto`',
    meaning: 'Holds `qemu-kube-broker` and `qemu-kube-shim`. `auto` looks beside the daemon itself.',
  },
  {
    key: 'emulators-directory',
    property: 'emulatorsDirectory',
    defaultText: '/usr/local/lib/kubevirt-node-driver/emulators',
    unit: 'path',
    meaning:
      'Holds a directory for each probe profile, with copies of the stub in it and `local`, the emulator that answers ' +
      'probes: see [profiles.md](profiles.md).',
  },
  {
    key: 'launch-users',
    property: 'launchUsers',
    defaultText: 'libvirt-qemu, qemu',
    unit: 'users',
    meaning:
      'Who may launch: the users that libvirt runs QEMU as. Names that the node does not know are skipped.',
    perProfile: true,
  },
  {
    key: 'launch-group',
    property: 'launchGroup',
    defaultText: '',
    unit: 'group',
    meaning: 'Group of `launch.sock`. Empty: the primary group of the first launch user that exists.',
  },
  {
    key: 'launch-connections',
    property: 'launchConnections',
    defaultText: '64',
    unit: 'number or `off`',
    meaning:
      'How many launches of one user in one pod or cgroup may be unfinished at once, and how many more decided on. ' +
      'Where more come, the oldest unfinished one is refused. `off` also takes off the limits of bytes.',
  },
  {
    key: 'launch-rate',
    property: 'launchRate',
    defaultText: '100',
    unit: 'number a second or `off`',
    meaning:
      'How many launches one user in one pod or cgroup may ask for in a second, in the long run; four times as many at ' +
      'once. `off` also takes off the limit of wrong secrets.',
  },
  {
    key: 'api-users',
    property: 'apiUsers',
    defaultText: '0',
    unit: 'users',
    meaning: 'Who may use the API on `api.sock`.',
  },
  {
    key: 'identity',
    property: 'identity',
    defaultText: 'env',
    unit: '`env` or `env,argv`',
    meaning:
      'Where the identity of a VM may come from: its environment only, or else the `-uuid` and `-name` of QEMU too.',
  },
  {
    key: 'mode',
    property: 'mode',
    defaultText: 'fork',
    unit: '`fork` or `exec`',
    meaning:
      'How QEMU gets into the pod: forked by a supervisor while the stub `qemu-kube` waits, or executed by the stub ' +
      '`qemu-kube-exec` itself.',
    perProfile: true,
  },
  {
    key: 'emulator',
    property: 'emulator',
    defaultText: '/usr/bin/qemu-system-x86_64',
    unit: 'path in the pod',
    meaning: 'The QEMU to run. It is looked up in the joined mount namespace.',
    perProfile: true,
  },
  {
    key: 'namespaces',
    property: 'namespaces',
    defaultText: 'mnt net ipc uts cgroup',
    unit: 'words',
    meaning:
      'Namespaces of the pod that QEMU joins. `pid` is for fork mode only, and for a libvirt whose own PID namespace is ' +
      "an ancestor of the pod's. A user namespace of the pod's own is always joined; it needs `mnt`.",
    perProfile: true,
  },
  {
    key: 'seccomp',
    property: 'seccomp',
    defaultText: 'default',
    unit: '`default`, `unconfined` or path',
    meaning:
      'The filter of system calls that QEMU runs under: the one of [seccomp.md](seccomp.md), none, or the OCI profile in ' +
      'this file of the daemon.',
  },
  {
    key: 'require-installed-stub',
    property: 'requireInstalledStub',
    defaultText: 'no',
    unit: '`yes` or `no`',
    meaning:
      'Whether a caller must be one of the stubs in `emulators-directory`, and where that is setuid, have connected as ' +
      'root: see [security.md](security.md).',
  },
  {
    key: 'require-libvirt-namespaces',
    property: 'requireLibvirtNamespaces',
    defaultText: 'no',
    unit: '`yes` or `no`',
    meaning: 'Whether a caller must be in the user and mount namespaces of a libvirt that runs on this node.',
  },
  {
    key: 'libvirt-executables',
    property: 'libvirtExecutables',
    defaultText: 'libvirtd virtqemud',
    unit: 'file names',
    meaning:
      "By the names of their executables root's processes are taken for libvirt, in whatever container.",
  },
  {
    key: 'require-pod',
    property: 'requirePod',
    defaultText: 'yes',
    unit: '`yes` or `no`',
    meaning: 'Whether a target must be in a Kubernetes pod. `no` serves hosts without Kubernetes.',
  },
  {
    key: 'kubepods-base',
    property: 'kubepodsBase',
    defaultText: 'auto',
    unit: 'cgroup path or `auto`',
    meaning:
      "The cgroup below which the pods of this node are, such as `/kubepods.slice`. `auto`: anywhere, in root's cgroups.",
  },
  {
    key: 'secret-file',
    property: 'secretFile',
    defaultText: '/etc/kubevirt/node-driver/secret',
    unit: 'path in the pod',
    meaning: 'The file that holds the secret of the VM. `expires-at` beside it limits its life.',
  },
  {
    key: 'secret-lifetime',
    property: 'secretLifetime',
    defaultText: '10m',
    unit: 'duration',
    meaning:
      'How long after the start of the container the secret is good, where nothing else says until when.',
  },
  {
    key: 'secret-forms',
    property: 'secretForms',
    defaultText: 'auto',
    unit: 'words or `auto`',
    meaning:
      'How domains may carry their secrets: `plain`, `rsa`, `jwe`, `token`. `auto`: the first three where there are ' +
      '`secret-keys`, else `plain`; `token` needs `kubernetes`. See [secrets](secrets.md).',
  },
  {
    key: 'secret-keys',
    property: 'secretKeys',
    defaultText: '',
    unit: 'paths',
    meaning:
      'Private RSA keys in PEM (PKCS#8), and directories whose files `*.pem` are such. Readable for root alone. They ' +
      'are looked at before each use, so no restart is needed when they change.',
  },
  {
    key: 'secret-token-lifetime',
    property: 'secretTokenLifetime',
    defaultText: '24h',
    unit: 'duration',
    meaning: 'How far ahead the `exp` of a JWE may be at most.',
  },
  {
    key: 'state-directory',
    property: 'stateDirectory',
    defaultText: '/var/lib/kubevirt-node-driver',
    unit: 'path',
    meaning:
      'What must survive a reboot: which tokens were used, and by whom. Made for root alone, where the form `jwe` is ' +
      'accepted.',
  },
  {
    key: 'target-wait',
    property: 'targetWait',
    defaultText: '0s',
    unit: 'duration',
    meaning:
      'How long a launch waits for a pod that holds its secret to appear. `0s` refuses at once; the stub gives up after ' +
      '20 s.',
  },
  {
    key: 'rescan-interval',
    property: 'rescanInterval',
    defaultText: '30s',
    unit: 'duration',
    meaning:
      'How often all processes are looked through for launchers that came to be unnoticed. Seldomer where that takes more ' +
      'than a thousandth of the time.',
  },
  {
    key: 'libvirt-state',
    property: 'libvirtState',
    defaultText: '/var/lib/libvirt/qemu',
    unit: 'path',
    meaning: 'Where libvirt keeps `domain-ID-NAME/`, `nvram/` and such.',
  },
  {
    key: 'libvirt-run',
    property: 'libvirtRun',
    defaultText: '/run/libvirt/qemu',
    unit: 'path',
    meaning: 'Where libvirt keeps pid files, sockets and the state of running domains.',
  },
  {
    key: 'project',
    property: 'project',
    defaultText: '',
    unit: 'paths',
    meaning:
      'Further paths of the node that QEMU sees at the same place in the pod, such as the file of an `<nvram>` that ' +
      'libvirt did not name after the domain.',
  },
  {
    key: 'kubernetes',
    property: 'kubernetes',
    defaultText: 'off',
    unit: '`off` or `verify`',
    meaning:
      'Whether Kubernetes is asked about the pod that was found, and told by events what came of launches: see ' +
      '[kubernetes.md](kubernetes.md).',
  },
  {
    key: 'kubernetes-required',
    property: 'kubernetesRequired',
    defaultText: 'no',
    unit: '`yes` or `no`',
    meaning: 'Whether launches are refused while Kubernetes can not be asked.',
  },
  {
    key: 'kubernetes-pod-label',
    property: 'kubernetesPodLabel',
    defaultText: 'kubevirt.io=virt-launcher',
    unit: 'label',
    meaning: 'The label that the pod of a VM must carry. Empty: none.',
  },
  {
    key: 'kubernetes-wait',
    property: 'kubernetesWait',
    defaultText: '2s',
    unit: 'duration',
    meaning:
      'How long a launch waits for Kubernetes to tell of a pod or container that it does not know yet; the stub gives up ' +
      'after 20 s.',
  },
  {
    key: 'kubernetes-node',
    property: 'kubernetesNode',
    defaultText: 'auto',
    unit: 'name or `auto`',
    meaning: 'Name of this node in Kubernetes. `auto`: what the variable `NODE_NAME` holds.',
  },
  {
    key: 'kubernetes-config',
    property: 'kubernetesConfig',
    defaultText: 'auto',
    unit: 'path or `auto`',
    meaning: "A kubeconfig. `auto`: the ServiceAccount of the daemon's own pod.",
  },
  {
    key: 'kubernetes-token-audience',
    property: 'kubernetesTokenAudience',
    defaultText: 'kubevirt-node-driver',
    unit: 'text',
    meaning: 'The audience that a ServiceAccount token must be made for, to be a secret of the form `token`.',
  },
  {
    key: 'http-address',
    property: 'httpAddress',
    defaultText: '127.0.0.1:9409',
    unit: '`HOST:PORT`, `[IPV6]:PORT` or `off`',
    meaning: 'Serves `/healthz`, `/readyz` and `/metrics`. Port 0 takes any free one.',
  },
  {
    key: 'status-page',
    property: 'statusPage',
    defaultText: 'no',
    unit: '`yes` or `no`',
    meaning:
      'Whether `/` of `http-address` shows the VMs of this node, their pods, and why launches were refused: to whoever ' +
      'reaches it, which is why it is off by default. See [observability.md](observability.md#the-status-page).',
  },
  {
    key: 'log-level',
    property: 'logLevel',
    defaultText: 'info',
    unit: '`error`, `warn`, `info` or `debug`',
    meaning: 'The least severe messages that are logged.',
  },
  {
    key: 'log-format',
    property: 'logFormat',
    defaultText: 'json',
    unit: '`json` or `text`',
    meaning: 'One JSON object or one line of text for each message.',
  },
  {
    key: 'audit-log',
    property: 'auditLog',
    defaultText: 'off',
    unit: 'path or `off`',
    meaning:
      'File that gets a line of JSON for each decision, such as `/var/log/kubevirt-node-driver/audit.log`; it needs ' +
      'room, and somebody who rotates it.',
  },
  {
    key: 'audit-stdout',
    property: 'auditStdout',
    defaultText: 'yes',
    unit: '`yes` or `no`',
    meaning: 'Whether the same lines go to standard output; the log goes to standard error.',
  },
  {
    key: 'audit-required',
    property: 'auditRequired',
    defaultText: 'no',
    unit: '`yes` or `no`',
    meaning: 'Whether a launch is refused when it cannot be noted in `audit-log`.',
  },
  {
    key: 'stub-gone-grace',
    property: 'stubGoneGrace',
    defaultText: '2s',
    unit: 'duration',
    meaning: 'Time between SIGTERM and SIGKILL to QEMU when its stub has gone.',
  },
  {
    key: 'pod-gone-grace',
    property: 'podGoneGrace',
    defaultText: '1s',
    unit: 'duration',
    meaning: 'Time between SIGTERM and SIGKILL to QEMU when its pod has ended.',
  },
];
