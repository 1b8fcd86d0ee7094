import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';

export interface CertificateSubject {
  readonly name: string;
  /** Kubernetes takes it for the group. */
  readonly organisation?: string;
  /** Names and addresses of a server, as `DNS:name` or `IP:address`. */
  readonly serves?: readonly string[];
}

/** The authority of a cluster, with the keys and certificates that it has made, all below one directory. */
export class Certificates {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get authority(): string {
    return this.certificate('authority');
  }

  certificate(file: string): string {
    return join(this.directory, `${file}.crt`);
  }

  key(file: string): string {
    return join(this.directory, `${file}.key`);
  }

  /** Makes the authority itself. */
  async start(): Promise<void> {
    // Without the machine's configuration nothing is in a certificate but what is asked for.
    writeFileSync(join(this.directory, 'openssl.cnf'), '[req]\ndistinguished_name = dn\n[dn]\n');
    const extensions = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,digitalSignature',
    ];
    await this.#request('authority', '/CN=cluster', extensions, []);
  }

  async issue(file: string, { name, organisation, serves = [] }: CertificateSubject): Promise<void> {
    const subject = `${organisation === undefined ? '' : `/O=${organisation}`}/CN=${name}`;
    const extensions = ['extendedKeyUsage=clientAuth,serverAuth'];
    if (serves.length > 0) extensions.push(`subjectAltName=${serves.join(',')}`);
    await this.#request(file, subject, extensions, ['-CA', this.authority, '-CAkey', this.key('authority')]);
  }

  async #request(
    file: string,
    subject: string,
    extensions: readonly string[],
    issuer: readonly string[],
  ): Promise<void> {
    await runCommand('openssl', [
      ...['req', '-x509', '-new', '-config', join(this.directory, 'openssl.cnf'), '-days', '2', '-noenc'],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-subj', subject, ...issuer],
      ...extensions.flatMap((extension) => ['-addext', extension]),
      ...['-keyout', this.key(file), '-out', this.certificate(file)],
    ]);
  }
}
