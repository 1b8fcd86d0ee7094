import { expect } from 'chai';
import { ConfigError } from '../../../daemon/config/config-error.ts';
import { configKeys } from '../../../daemon/config/config-keys.ts';
import { configSchema } from '../../../daemon/config/config.ts';
import { defaultConfig, parseConfig } from '../../../daemon/config/parse-config.ts';

function errorOf(text: string): ConfigError {
  try {
    parseConfig(text, '/x.conf');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} was accepted`);
}

describe('defaultConfig', () => {
  it('has the documented defaults', () => {
    expect(defaultConfig()).to.deep.equal({
      proc: '/proc',
      runDirectory: '/run/kubevirt-node-driver',
      libraryDirectory: null,
      emulatorsDirectory: '/usr/local/lib/kubevirt-node-driver/emulators',
      launchUsers: ['libvirt-qemu', 'qemu'],
      launchGroup: null,
      auditLog: null,
      auditStdout: true,
      auditRequired: false,
      launchConnections: 64,
      launchRate: 100,
      apiUsers: ['0'],
      identity: 'env',
      mode: 'fork',
      emulator: '/usr/bin/qemu-system-x86_64',
      namespaces: ['mnt', 'net', 'ipc', 'uts', 'cgroup'],
      seccomp: 'default',
      requireInstalledStub: false,
      requireLibvirtNamespaces: false,
      libvirtExecutables: ['libvirtd', 'virtqemud'],
      requirePod: true,
      kubepodsBase: null,
      secretFile: '/etc/kubevirt/node-driver/secret',
      secretLifetime: 600_000,
      secretForms: null,
      secretKeys: [],
      secretTokenLifetime: 86_400_000,
      stateDirectory: '/var/lib/kubevirt-node-driver',
      targetWait: 0,
      rescanInterval: 30_000,
      libvirtState: '/var/lib/libvirt/qemu',
      libvirtRun: '/run/libvirt/qemu',
      project: [],
      kubernetes: 'off',
      kubernetesRequired: false,
      kubernetesPodLabel: { key: 'kubevirt.io', value: 'virt-launcher' },
      kubernetesWait: 2_000,
      kubernetesNode: null,
      kubernetesConfig: null,
      kubernetesTokenAudience: 'kubevirt-node-driver',
      httpAddress: { host: '127.0.0.1', port: 9409 },
      statusPage: false,
      logLevel: 'info',
      logFormat: 'json',
      stubGoneGrace: 2_000,
      podGoneGrace: 1_000,
      profiles: new Map(),
    });
  });
});

describe('configKeys', () => {
  it('describes each value of the schema once, under its name in the file', () => {
    expect(configKeys.map(({ property }) => property)).to.have.members(Object.keys(configSchema.entries));
    for (const { key, property } of configKeys) {
      expect(property).to.equal(key.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()));
    }
  });

  it('gives defaults that hold when a file spells them out', () => {
    const text = configKeys.map(({ key, defaultText }) => `${key} = ${defaultText}`).join('\n');
    expect(parseConfig(text, '/x.conf')).to.deep.equal(defaultConfig());
  });
});

describe('parseConfig', () => {
  const accepted: readonly (readonly [string, object])[] = [
    ['proc = /host/proc', { proc: '/host/proc' }],
    ['proc=/host/proc/', { proc: '/host/proc' }],
    ['proc = /', { proc: '/' }],
    ['  proc\t=  /host/proc  # why', { proc: '/host/proc' }],
    ['# proc = /x\n\n   # more\nproc = /host/proc', { proc: '/host/proc' }],
    ['\ufeffproc = /host/proc # dos\r\n# dos\r\n', { proc: '/host/proc' }],
    ['secret-file = /a#b', { secretFile: '/a#b' }],
    ['secret-file = /a=b', { secretFile: '/a=b' }],
    ['library-directory = /usr/libexec/x', { libraryDirectory: '/usr/libexec/x' }],
    ['launch-users = qemu', { launchUsers: ['qemu'] }],
    ['launch-users = 107,qemu , 64055', { launchUsers: ['107', 'qemu', '64055'] }],
    ['launch-group = kvm', { launchGroup: 'kvm' }],
    ['launch-group = 36', { launchGroup: '36' }],
    ['launch-group =', { launchGroup: null }],
    ['api-users = 0, 1000', { apiUsers: ['0', '1000'] }],
    ['identity = env, argv', { identity: 'env,argv' }],
    ['namespaces = net', { namespaces: ['net'] }],
    ['namespaces = pid net', { namespaces: ['net', 'pid'] }],
    ['namespaces = uts, net mnt', { namespaces: ['mnt', 'net', 'uts'] }],
    ['namespaces = mnt user', { namespaces: ['mnt', 'user'] }],
    ['require-pod = no', { requirePod: false }],
    ['kubernetes = verify', { kubernetes: 'verify' }],
    ['kubernetes-pod-label =', { kubernetesPodLabel: null }],
    ['kubernetes-pod-label = example.com/x=', { kubernetesPodLabel: { key: 'example.com/x', value: '' } }],
    ['kubernetes-node = n1.example', { kubernetesNode: 'n1.example' }],
    ['kubernetes-token-audience = https://a/b', { kubernetesTokenAudience: 'https://a/b' }],
    [
      'kubernetes = verify\nsecret-forms = plain token',
      { kubernetes: 'verify', secretForms: ['plain', 'token'] },
    ],
    ['require-installed-stub = yes', { requireInstalledStub: true }],
    ['require-libvirt-namespaces = yes', { requireLibvirtNamespaces: true }],
    ['libvirt-executables = a.out, virtqemud', { libvirtExecutables: ['a.out', 'virtqemud'] }],
    ['kubepods-base = /kubepods.slice', { kubepodsBase: '/kubepods.slice' }],
    ['kubepods-base = /', { kubepodsBase: '/' }],
    ['secret-lifetime = 90s', { secretLifetime: 90_000 }],
    ['secret-lifetime = 2h', { secretLifetime: 7_200_000 }],
    ['target-wait = 500ms', { targetWait: 500 }],
    ['project = /a, /b/c', { project: ['/a', '/b/c'] }],
    ['http-address = off', { httpAddress: null }],
    ['http-address = [::1]:80', { httpAddress: { host: '::1', port: 80 } }],
    ['http-address = localhost:0', { httpAddress: { host: 'localhost', port: 0 } }],
    ['log-level = debug\nlog-format = text', { logLevel: 'debug', logFormat: 'text' }],
  ];
  for (const [text, changes] of accepted) {
    it(`reads ${JSON.stringify(text)}`, () => {
      expect(parseConfig(text, '/x.conf')).to.deep.equal({ ...defaultConfig(), ...changes });
    });
  }

  const pathRule = 'it must be an absolute path without "//", "." or ".." in it';
  const refused: readonly (readonly [string, string])[] = [
    ['proc = proc', `"proc" is "proc"; ${pathRule}`],
    ['proc = /a/../b', `"proc" is "/a/../b"; ${pathRule}`],
    ['proc = /a//b', pathRule],
    ['proc = //', pathRule],
    ['proc = /./a', pathRule],
    ['proc =', `"proc" is ""; ${pathRule}`],
    ['proc = "/proc"', `"proc" is "\\"/proc\\""; ${pathRule}`],
    ['proc = /a\x1bb', pathRule],
    [`proc = /${'a'.repeat(4_096)}`, pathRule],
    ['library-directory = here', `it must be "auto" or an absolute path`],
    ['launch-users =', 'it must be a comma separated list of user names or numbers'],
    ['launch-users = qemu,,root', 'it must be a comma separated list of user names or numbers'],
    ['launch-users = qemu root', 'it must be a comma separated list of user names or numbers'],
    ['launch-users = -1', 'it must be a comma separated list of user names or numbers'],
    ['launch-users = 4294967295', 'it must be a comma separated list of user names or numbers'],
    ['launch-group = kvm,qemu', 'it must be a name or a number, or nothing'],
    ['identity = argv', 'it must be env or env,argv'],
    ['namespaces =', 'it must be one or more of mnt net ipc uts cgroup pid user, none of them twice'],
    [
      'namespaces = net time',
      '"namespaces" is "net time"; it must be one or more of mnt net ipc uts cgroup pid user: time is not supported ' +
        'by this release',
    ],
    ['namespaces = time,net', 'time is not supported by this release'],
    ['namespaces = net net', 'none of them twice'],
    ['namespaces = net mount', 'it must be one or more of mnt net'],
    ['require-pod = true', 'it must be yes or no'],
    ['kubernetes = on', 'it must be one of off, verify'],
    [
      'kubernetes-pod-label = kubevirt.io',
      'it must be a label such as kubevirt.io=virt-launcher, or nothing',
    ],
    ['kubernetes-pod-label = a=b=c', 'it must be a label'],
    ['kubernetes-pod-label = -a=b', 'it must be a label'],
    [`kubernetes-pod-label = a=${'b'.repeat(64)}`, 'it must be a label'],
    ['kubernetes-node = a/b', 'it must be "auto" or the name of a node'],
    ['kubernetes-config = config', `it must be "auto" or an absolute path`],
    ['kubernetes-token-audience =', 'it must be 1 to 253 printable ASCII characters without spaces'],
    ['libvirt-executables =', 'it must be one or more file names without directories'],
    ['libvirt-executables = /usr/sbin/libvirtd', 'it must be one or more file names without directories'],
    ['secret-lifetime = 10', 'it must be a number with one of the units ms, s, m or h'],
    ['secret-lifetime = -1s', 'it must be a number with one of the units'],
    ['secret-lifetime = 1.5h', 'it must be a number with one of the units'],
    ['secret-lifetime = 1h30m', 'it must be a number with one of the units'],
    ['secret-lifetime = 8761h', 'at most 8760h'],
    ['secret-lifetime = 5constructor', 'it must be a number with one of the units'],
    ['project = /a,b', 'it must be a comma separated list, each an absolute path'],
    ['http-address = 9409', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['http-address = :9409', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['http-address = ::1:80', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['http-address = [127.0.0.1]:80', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['http-address = 1.2.3:80', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['http-address = localhost:65536', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['http-address = a/b:80', 'it must be "off", HOST:PORT or [IPV6]:PORT'],
    ['log-level = trace', 'it must be one of error, warn, info, debug'],
    ['log-format = xml', 'it must be one of json, text'],
    ['proc', '"proc" has no "="; write key = value'],
    ['= /proc', '"" is an unknown key'],
    ['secret-fiel = /x', '"secret-fiel" is an unknown key; did you mean "secret-file"?'],
    ['Proc = /x', '"Proc" is an unknown key; did you mean "proc"?'],
    ['secretLifetime = 1s', 'did you mean "secret-lifetime"?'],
    ['constructor = 1', '"constructor" is an unknown key; remove it, or use one of proc, run-directory, '],
    ['__proto__ = 1', '"__proto__" is an unknown key; remove it'],
    ['[section]', '"[section]" has no "="'],
    ['profile.a.mdoe = exec', '"profile.a.mdoe" is an unknown key; did you mean "mode"?'],
    ['profile.a.proc = /x', '"proc" holds for all profiles alike; a profile may have launch-users, mode, '],
    [
      'profile.a.__proto__ = x',
      '"profile.a.__proto__" is an unknown key; remove it, or use one of launch-users',
    ],
    ['profile.mode = exec', '"profile.mode" is an unknown key'],
    ...['A', '-a', '', 'a.b', 'a/b', '..', 'a b', 'a'.repeat(32), 'ä'].map(
      (name): readonly [string, string] => [
        `profile.${name}.mode = exec`,
        `is for a profile with the name "${name}"; a name must be 1 to 31 of a-z, 0-9 and -`,
      ],
    ),
    ['profile.a.mode = frok', '"profile.a.mode" is "frok"; it must be one of fork, exec'],
    ['profile.a.emulator = qemu', `"profile.a.emulator" is "qemu"; ${pathRule}`],
    [
      'profile.a.namespaces = net time',
      '"profile.a.namespaces" is "net time"; it must be one or more of mnt net',
    ],
    ['profile.a.launch-users =', '"profile.a.launch-users" is ""; it must be a comma separated list'],
  ];
  for (const [text, cause] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 60))} on its line`, () => {
      const { message, problems } = errorOf(`# first line\n${text}\n`);
      expect(problems.map(({ line }) => line)).to.deep.equal([2]);
      expect(message).to.match(/^Cannot use the configuration "\/x\.conf": line 2: /);
      expect(message).to.include(cause);
    });
  }

  it('refuses pid in exec mode, on the line of the namespaces', () => {
    expect(errorOf('mode = exec\nnamespaces = net pid\n').message).to.match(
      /line 2: "namespaces" has pid, which exec mode cannot join.*; remove pid, or set "mode" to fork$/,
    );
  });

  it('refuses forms of secrets that take a key where there is none, on their line', () => {
    expect(errorOf('\nsecret-forms = plain rsa jwe\n').message).to.match(
      /line 2: "secret-forms" has rsa and jwe, which takes a private key; set "secret-keys", or leave it out$/,
    );
    expect(errorOf('secret-forms = jwt\n').message).to.match(
      /it must be one or more of plain rsa jwe token, /,
    );
    expect(errorOf('secret-forms =\n').message).to.match(/it must be one or more of plain rsa jwe token, /);
    const forms = (text: string): unknown => parseConfig(text, '/x.conf').secretForms;
    expect(forms('secret-forms = jwe, plain\nsecret-keys = /k\n')).to.deep.equal(['plain', 'jwe']);
    expect(forms('secret-forms = plain\n')).to.deep.equal(['plain']);
    expect(forms('secret-forms = auto\n')).to.equal(null);
  });

  it('refuses the form token without Kubernetes, and Kubernetes without pods', () => {
    expect(errorOf('\nsecret-forms = plain token\n').message).to.match(
      /line 2: "secret-forms" has token, which Kubernetes has to vouch for; set "kubernetes = verify", or leave it out$/,
    );
    expect(errorOf('require-pod = no\nkubernetes = verify\n').message).to.match(
      /line 2: "kubernetes" is verify, but "require-pod" is no: .*; set "require-pod" to yes, or "kubernetes" to off$/,
    );
  });

  it('gives a profile what it sets, and else what the node has, wherever that stands', () => {
    const text = [
      'profile.b-2.mode = exec',
      'profile.b-2.launch-users = 107',
      'profile.a.namespaces = net pid',
      'profile.a.emulator = /opt/qemu',
      'emulator = /usr/libexec/qemu-kvm',
      'namespaces = mnt',
    ];
    const config = parseConfig(text.join('\n'), '/x.conf');
    const emulator = '/usr/libexec/qemu-kvm';
    expect([...config.profiles]).to.deep.equal([
      ['b-2', { mode: 'exec', emulator, namespaces: ['mnt'], launchUsers: ['107'] }],
      [
        'a',
        {
          mode: 'fork',
          emulator: '/opt/qemu',
          namespaces: ['net', 'pid'],
          launchUsers: ['libvirt-qemu', 'qemu'],
        },
      ],
    ]);
    expect({ ...config, profiles: new Map() }).to.deep.equal({
      ...defaultConfig(),
      emulator,
      namespaces: ['mnt'],
    });
  });

  const pidInExec: readonly (readonly [readonly string[], number | undefined, string])[] = [
    [
      ['profile.a.mode = exec', 'profile.a.namespaces = pid'],
      2,
      '"profile.a.namespaces" has pid, which exec',
    ],
    [['mode = exec', 'profile.a.namespaces = pid'], 2, 'or "profile.a.mode" to fork'],
    [['namespaces = pid', 'profile.a.mode = exec'], 2, '"profile.a.mode" is exec, but "namespaces" has pid'],
    [['profile.a.mode = exec', 'profile.b.namespaces = pid'], undefined, ''],
    [['mode = exec', 'profile.a.mode = fork', 'profile.a.namespaces = pid'], undefined, ''],
    [['namespaces = pid', 'profile.a.mode = exec', 'profile.a.namespaces = net'], undefined, ''],
  ];
  for (const [lines, line, cause] of pidInExec)
    it(`${line === undefined ? 'accepts' : 'refuses'} ${lines.join('; ')}`, () => {
      if (line === undefined) parseConfig(lines.join('\n'), '/x.conf');
      else {
        const { problems } = errorOf(lines.join('\n'));
        expect(problems.map((problem) => problem.line)).to.deep.equal([line]);
        expect(problems[0]?.text).to.include(cause);
      }
    });

  it('reports a bad value of the node once, not again for each profile', () => {
    expect(errorOf('mode = x\nprofile.a.emulator = /q').problems.map(({ line }) => line)).to.deep.equal([1]);
  });

  it("refuses a profile's key that is set twice", () => {
    expect(errorOf('profile.a.mode = exec\nprofile.a.mode = exec').message).to.match(
      /line 2: "profile\.a\.mode" is set on line 1 already; keep one of them$/,
    );
  });

  it('refuses a key that is set twice and names both lines', () => {
    expect(errorOf('proc = /a\n\nproc = /a\n').message).to.equal(
      'Cannot use the configuration "/x.conf": line 3: "proc" is set on line 1 already; keep one of them',
    );
  });

  it('reports everything that is wrong, in the order of the lines', () => {
    const { problems } = errorOf('log-level = x\nfoo = 1\nproc = y\nproc = z');
    expect(problems.map(({ line }) => line)).to.deep.equal([1, 2, 3, 4]);
  });
});
