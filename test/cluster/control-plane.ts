import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import type { Certificates } from './certificates.ts';
import type { ClusterPlace } from './cluster-place.ts';
import { ClusterService } from './cluster-service.ts';
import { writeKubeconfig } from './write-kubeconfig.ts';

const DATABASE_PORT = 2379;

/** What is recorded: every request of a ServiceAccount, without its content. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
};

/** etcd, the API server, the controllers and the scheduler: with RBAC, and all else as the API server has it. */
export class ControlPlane {
  /** Of somebody who may do everything. */
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly #place: ClusterPlace;
  readonly #certificates: Certificates;

  constructor(place: ClusterPlace, certificates: Certificates) {
    this.#place = place;
    this.#certificates = certificates;
    this.kubeconfig = join(place.directory, 'admin.kubeconfig');
    this.auditLog = join(place.scratch.directory, 'audit.log');
  }

  async start(): Promise<void> {
    const { address } = this.#place;
    await this.#certificates.issue('server', {
      name: 'kube-apiserver',
      serves: [`IP:${address}`, 'DNS:kubernetes', 'DNS:kubernetes.default', 'DNS:kubernetes.default.svc'],
    });
    // What signs the tokens of ServiceAccounts.
    await this.#certificates.issue('accounts', { name: 'accounts' });
    await this.#certificates.issue('admin', { name: 'admin', organisation: 'system:masters' });
    writeKubeconfig(this.kubeconfig, this.#place, this.#certificates, 'admin');
    await this.#startDatabase();
    await this.#startServer();
    await this.#startController('kube-controller-manager', 10257, [
      `--root-ca-file=${this.#certificates.authority}`,
      `--service-account-private-key-file=${this.#certificates.key('accounts')}`,
      '--use-service-account-credentials',
    ]);
    await this.#startController('kube-scheduler', 10259, []);
  }

  async #startDatabase(): Promise<void> {
    const client = `http://${this.#place.address}:${DATABASE_PORT}`;
    const peer = `http://${this.#place.address}:${DATABASE_PORT + 1}`;
    const command = [
      ...['etcd', '--name=default', `--data-dir=${this.#place.makeDirectory('etcd')}`, '--unsafe-no-fsync'],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
      `--initial-cluster=default=${peer}`,
    ];
    await new ClusterService(this.#place, 'etcd').start(command, () => answers(`${client}/health`));
  }

  async #startServer(): Promise<void> {
    const { address, directory, serviceRange } = this.#place;
    const policy = join(directory, 'audit-policy.json');
    writeFileSync(policy, JSON.stringify(auditPolicy));
    const { authority } = this.#certificates;
    const file = (name: string): readonly string[] => [
      this.#certificates.certificate(name),
      this.#certificates.key(name),
    ];
    const [certificate, key] = file('server');
    const [kubeletCertificate, kubeletKey] = file('admin');
    const command = [
      this.#place.program('kube-apiserver'),
      `--etcd-servers=http://${address}:${DATABASE_PORT}`,
      ...[`--bind-address=${address}`, '--secure-port=443', `--advertise-address=${address}`],
      `--service-cluster-ip-range=${serviceRange}`,
      ...[`--tls-cert-file=${certificate}`, `--tls-private-key-file=${key}`, `--client-ca-file=${authority}`],
      `--kubelet-client-certificate=${kubeletCertificate}`,
      `--kubelet-client-key=${kubeletKey}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${this.#certificates.certificate('accounts')}`,
      `--service-account-signing-key-file=${this.#certificates.key('accounts')}`,
      ...[
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--allow-privileged',
      ],
      ...[`--audit-policy-file=${policy}`, `--audit-log-path=${this.auditLog}`, '--audit-log-mode=blocking'],
    ];
    await new ClusterService(this.#place, 'kube-apiserver').start(command, () =>
      this.isHealthy(443, '/readyz'),
    );
  }

  async #startController(name: string, port: number, options: readonly string[]): Promise<void> {
    await this.#certificates.issue(name, { name: `system:${name}` });
    const kubeconfig = join(this.#place.directory, `${name}.kubeconfig`);
    writeKubeconfig(kubeconfig, this.#place, this.#certificates, name);
    const files = ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'];
    const certificate = this.#certificates.certificate('server');
    const command = [
      this.#place.program(name),
      ...files.map((option) => `--${option}=${kubeconfig}`),
      ...[`--bind-address=${this.#place.address}`, `--secure-port=${port}`, '--leader-elect=false'],
      ...[`--tls-cert-file=${certificate}`, `--tls-private-key-file=${this.#certificates.key('server')}`],
      ...options,
    ];
    await new ClusterService(this.#place, name).start(command, () => this.isHealthy(port));
  }

  /** What a program of Kubernetes on this node says of itself. */
  async isHealthy(port: number, path = '/healthz'): Promise<boolean> {
    const server = `--server=https://${this.#place.address}:${port}`;
    const args = [`--kubeconfig=${this.kubeconfig}`, server, '--request-timeout=5s', 'get', '--raw', path];
    const { status } = await runCommand(this.#place.program('kubectl'), args, { allowFailure: true });
    return status === 0;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
